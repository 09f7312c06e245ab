/** Equi-normalization: balances the weights of a network between training steps. */
import type { LayersModel, Optimizer, Tensor, Variable } from '@tensorflow/tfjs-node';
import { checkBoolean, checkChoice, checkCount, checkOptions, checkPositive } from '../core/checks';
import { opFail } from '../core/errors';
import { runListOp } from '../core/listKernels';
import '../norms/equiNorm';
import { tf } from '../tensorflow';
import { buildScalingGroups, type ScalingGroupsOptions } from './modelGroups';
import { buffersOf } from './optimizerBuffers';
import { type ScaledWeight, type ScalingGroup, weightsOf } from './scalingGroups';
import { callOf, type ScalingCall, type ScalingSettings, sharesOf, stepsOf } from './scalingPlan';

/** Options of {@link EquiNormalization}. */
export interface EquiNormalizationOptions extends ScalingGroupsOptions {
  /** The norm; greater than 0. Default 2. */
  p?: number;
  /** How much less a weight counts than the one before it, with `asymmetric: 'uniform'`; greater than 0. Default 1. */
  c?: number;
  /** 'uniform': a factor of c^p from layer to layer; 'adaptive': 1 / the number of values of a weight. Default 'uniform'. */
  asymmetric?: 'uniform' | 'adaptive';
  /** How often all groups are visited in a step. Default 1. */
  cycles?: number;
  /** Only each so many calls of `step` do anything. Default 1. */
  every?: number;
  /**
   * 'sequential': group after group; 'redblack': groups that share no weight at once, as exact and in fewer calls;
   * 'simultaneous': all at once. Default 'sequential'.
   */
  order?: 'sequential' | 'redblack' | 'simultaneous';
  /** Whether biases are scaled too, without which the function of the network changes. Default true. */
  scaleBiases?: boolean;
  /** Whether the groups before the last weights are left out. Default false. */
  skipLast?: boolean;
  /** 'official': as the authors' code does, order 'simultaneous', skipLast, no biases scaled, batchNorm 'ignore'. */
  compat?: 'official';
  /**
   * Whose buffers are scaled with the weights: tfjs's SGD, momentum or Adam, also within `norm.optimizers`; null for none.
   * Default that of the compiled model, none where groups are given.
   */
  optimizer?: Optimizer | null;
}

const fail = opFail('equiNormalization');

/**
 * Equi-normalization: scales the units of a network so that the weights of its layers are balanced, while its function
 * stays. One unit's incoming weights are multiplied, its outgoing weights divided by
 *
 *     d = (sum c |outgoing|^p / sum c |incoming|^p)^(1 / (2p))
 *
 * which is the minimum of sum c ||W||_p^p over that unit's scale. A unit without weights on one side stays.
 *
 *     await model.fit(x, y, { callbacks: new norm.EquiNormalization(model) });
 *
 *     const equi = new norm.EquiNormalization(model, { order: 'redblack' });
 *     await model.trainOnBatch(x, y);
 *     equi.step();
 *
 * `target` is a model, whose groups {@link buildScalingGroups} finds, or a list of groups. In `model.fit` a step follows
 * each batch. A step computes all new values, one new tensor for each weight, before it assigns the first: where it
 * throws, weights and buffers are as they were. Steps have no gradient.
 *
 * Throws a `NormError` where an option or a group is out of its domain, where the model has layers between its weights
 * that are not positively homogeneous, and where the optimizer is another than tfjs's SGD, momentum or Adam.
 *
 * Paper: Stock et al., Equi-normalization of Neural Networks, arXiv 1902.10416.
 */
export class EquiNormalization extends tf.Callback {
  /** What is scaled together. */
  readonly groups: readonly ScalingGroup[];
  private readonly scaledWeights: ScaledWeight[];
  private readonly settings: ScalingSettings;
  private readonly calls: ScalingCall[];
  private readonly all: ScalingCall;
  private readonly cycles: number;
  private readonly every: number;
  private readonly optimizerOf: () => Optimizer | null | undefined;
  private count = 0;

  constructor(target: LayersModel | ScalingGroup[], given?: EquiNormalizationOptions) {
    super();
    const options = checkOptions(fail, given);
    const official = options.compat !== undefined;
    if (official) checkChoice(fail, 'compat', ['official'], options.compat);
    const asymmetric = options.asymmetric ?? 'uniform';
    this.settings = {
      p: checkPositive(fail, 'p', options.p ?? 2),
      c: checkPositive(fail, 'c', options.c ?? 1),
      asymmetric: checkChoice(fail, 'asymmetric', ['uniform', 'adaptive'], asymmetric),
      scaleBiases: checkBoolean(fail, 'scaleBiases', options.scaleBiases ?? !official),
    };
    const order = checkChoice(
      fail,
      'order',
      ['sequential', 'redblack', 'simultaneous'],
      options.order ?? (official ? 'simultaneous' : 'sequential'),
    );
    const skipLast = checkBoolean(fail, 'skipLast', options.skipLast ?? official);
    this.cycles = checkCount(fail, 'cycles', options.cycles ?? 1);
    this.every = checkCount(fail, 'every', options.every ?? 1);
    const batchNorm = options.batchNorm ?? (official ? 'ignore' : 'absorb');
    const groups = Array.isArray(target) ? target : buildScalingGroups(target, { batchNorm });
    if (groups.length === 0) fail('groups', 'must be a list of one scaling group or more', groups);
    const { optimizer } = options;
    if (optimizer !== undefined || Array.isArray(target)) this.optimizerOf = () => optimizer;
    else this.optimizerOf = () => target.optimizer;
    this.buffers();
    this.groups = groups;
    this.scaledWeights = weightsOf(groups);
    const steps = stepsOf(groups, this.scaledWeights, order, skipLast);
    const everything = groups.map((_, group) => group);
    const plan = (chosen: number[], of: typeof order) =>
      callOf(groups, this.scaledWeights, chosen, of, this.settings);
    this.all = plan(everything, 'simultaneous');
    this.calls = steps.map((step) => plan(step, order));
  }

  /** In `model.fit`: a step after each batch. */
  override async onBatchEnd(): Promise<void> {
    this.step();
  }

  /**
   * sum c ||W||_p^p over the weights of the groups, which steps of order 'sequential' and 'redblack' cannot raise. The first
   * weights count with c = 1 where `asymmetric` is 'uniform'.
   */
  objective(): number {
    const share = sharesOf([...this.groups], this.settings);
    const counted = this.scaledWeights.filter(({ rows, columns }) =>
      [...rows, ...columns].some(({ side }) => side !== 'bias'),
    );
    const terms = counted.map(({ variable }) =>
      tf.tidy(() => {
        const power = tf.pow(tf.abs(variable), this.settings.p);
        return share(variable) * tf.sum(power).dataSync()[0]!;
      }),
    );
    return terms.reduce((a, b) => a + b, 0);
  }

  /** Balances the weights where this is the `every`-th call since it last did; whether it did. */
  step(): boolean {
    this.count += 1;
    if (this.count < this.every) return false;
    this.count = 0;
    const buffers = this.buffers();
    const scaled = tf.tidy(() => {
      let factors: Tensor = tf.ones([this.all.entries]);
      for (let cycle = 0; cycle < this.cycles; cycle++) {
        for (const call of this.calls) factors = this.next(call, factors);
      }
      return [
        ...this.scale(factors, new Map(), 1),
        ...this.scale(factors, buffers.first.length ? new Map(buffers.first) : null, -1),
        ...this.scale(factors, buffers.second.length ? new Map(buffers.second) : null, -2),
      ];
    });
    for (const { variable, value } of scaled) {
      variable.assign(value as never);
      value.dispose();
    }
    return true;
  }

  /** Frees the tensors that say which slices are whose; the weights stay. */
  dispose(): void {
    for (const call of [this.all, ...this.calls]) tf.dispose(call.tensors as never);
  }

  private buffers() {
    const optimizer = this.optimizerOf();
    return optimizer ? buffersOf(optimizer) : { first: [], second: [] };
  }

  private next(call: ScalingCall, factors: Tensor): Tensor {
    const { tensors, variables } = call;
    const { rows, columns, order, starts, shares, exponents } = tensors;
    return runListOp(
      'TfjsEquiNorm',
      {
        factors: [factors],
        weights: variables,
        rows,
        columns,
        order: [order],
        starts: [starts],
        shares: [shares],
        exponents: [exponents],
      },
      { p: this.settings.p },
    ).new_factors![0]!;
  }

  /** The weights, or their buffers by name, scaled; all of them in one call. */
  private scale(factors: Tensor, buffers: Map<string, Variable> | null, power: number) {
    if (!buffers) return [];
    const { tensors, variables } = this.all;
    const chosen = variables.flatMap((weight, i) => {
      const variable = power === 1 ? weight : buffers.get(weight.name);
      return variable ? [{ variable, row: tensors.rows[i]!, column: tensors.columns[i]! }] : [];
    });
    if (chosen.length === 0) return [];
    const { y } = runListOp(
      'TfjsEquiNormScale',
      {
        x: chosen.map(({ variable }) => variable),
        rows: chosen.map(({ row }) => row),
        columns: chosen.map(({ column }) => column),
        factors: [factors],
      },
      { power },
    );
    return chosen.map(({ variable }, i) => ({ variable, value: y![i]! }));
  }
}
