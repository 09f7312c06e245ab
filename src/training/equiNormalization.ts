/** Equi-normalization: balances the weights of a network between training steps. */
import type { Optimizer, Tensor, Variable } from '@tensorflow/tfjs-node';
import { checkBoolean, checkOptions, checkPositive } from '../core/checks';
import { opFail } from '../core/errors';
import { runListOp } from '../core/listKernels';
import '../norms/equiNorm';
import { tf } from '../tensorflow';
import { buffersOf } from './optimizerBuffers';
import { type ScaledWeight, type ScalingGroup, weightsOf } from './scalingGroups';
import { callOf, type ScalingCall, type ScalingSettings, stepsOf } from './scalingPlan';

/** Options of {@link EquiNormalization}. */
export interface EquiNormalizationOptions {
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
  /** 'official': as the authors' code does, order 'simultaneous', skipLast, and no biases scaled. */
  compat?: 'official';
  /** Whose buffers are scaled with the weights: tfjs's SGD, momentum or Adam. */
  optimizer?: Optimizer;
}

const fail = opFail('equiNormalization');

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  return fail(name, `must be ${allowed.map((one) => `'${one}'`).join(' or ')}`, value);
}

function checkCount(name: string, value: number): number {
  return Number.isInteger(value) && value > 0
    ? value
    : fail(name, 'must be a positive integer', value);
}

/**
 * Equi-normalization: scales the units of a network so that the weights of its layers are balanced, while its function
 * stays. One unit's incoming weights are multiplied, its outgoing weights divided by
 *
 *     d = (sum c |outgoing|^p / sum c |incoming|^p)^(1 / (2p))
 *
 * which is the minimum of sum c ||W||_p^p over that unit's scale. A unit without weights on one side stays.
 *
 *     const equi = new EquiNormalization(groups, { optimizer });
 *     equi.step();   // after each step of the optimizer
 *
 * A step computes all new values, one new tensor for each weight, before it assigns the first: where it throws, weights
 * and buffers are as they were. Steps have no gradient.
 *
 * Throws a `NormError` where an option or a group is out of its domain.
 *
 * Paper: Stock et al., Equi-normalization of Neural Networks, arXiv 1902.10416.
 */
export class EquiNormalization {
  private readonly weights: ScaledWeight[];
  private readonly settings: ScalingSettings;
  private readonly calls: ScalingCall[];
  private readonly all: ScalingCall;
  private readonly cycles: number;
  private readonly every: number;
  private readonly optimizer: Optimizer | undefined;
  private count = 0;

  constructor(groups: ScalingGroup[], given?: EquiNormalizationOptions) {
    const options = checkOptions(fail, given);
    if (!Array.isArray(groups) || groups.length === 0) {
      fail('groups', 'must be a list of one scaling group or more', groups);
    }
    const official = options.compat !== undefined;
    if (official) oneOf('compat', options.compat!, ['official']);
    this.settings = {
      p: checkPositive(fail, 'p', options.p ?? 2),
      c: checkPositive(fail, 'c', options.c ?? 1),
      asymmetric: oneOf('asymmetric', options.asymmetric ?? 'uniform', ['uniform', 'adaptive']),
      scaleBiases: checkBoolean(fail, 'scaleBiases', options.scaleBiases ?? !official),
    };
    const order = oneOf('order', options.order ?? (official ? 'simultaneous' : 'sequential'), [
      'sequential',
      'redblack',
      'simultaneous',
    ]);
    const skipLast = checkBoolean(fail, 'skipLast', options.skipLast ?? official);
    this.cycles = checkCount('cycles', options.cycles ?? 1);
    this.every = checkCount('every', options.every ?? 1);
    this.optimizer = options.optimizer;
    if (this.optimizer) buffersOf(this.optimizer);
    this.weights = weightsOf(groups);
    const steps = stepsOf(groups, this.weights, order, skipLast);
    const everything = groups.map((_, group) => group);
    this.all = callOf(groups, this.weights, everything, 'simultaneous', this.settings);
    this.calls = steps.map((step) => callOf(groups, this.weights, step, order, this.settings));
  }

  /** Balances the weights where this is the `every`-th call since it last did; whether it did. */
  step(): boolean {
    this.count += 1;
    if (this.count < this.every) return false;
    this.count = 0;
    const buffers = this.optimizer ? buffersOf(this.optimizer) : { first: [], second: [] };
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
