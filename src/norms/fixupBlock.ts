/** What the residual blocks of Fixup share. */
import type { Shape, serialization, Tensor, Tensor4D } from '@tensorflow/tfjs-node';
import { checkChoice, checkInteger } from '../core/checks';
import { checkSeed } from '../core/dropout';
import { type Kwargs, type LayerVariable, NormalizationLayer } from '../core/layer';
import {
  type ConstraintArgument,
  type InitializerArgument,
  type LayerArguments,
  type RegularizerArgument,
  serialize,
  serializeWeight,
  toConstraint,
  toInitializer,
  toRegularizer,
  toWeight,
  type WeightSettings,
  weightArguments,
} from '../core/layerArguments';
import { fixup } from '../initializers/fixup';
import { tf } from '../tensorflow';
import { biasReluBias, scalarBias, scaleBiasResidual } from './fixup';
import type { BiasArguments, ScaleArguments } from './fixupLayers';

const SHORTCUTS = ['auto', 'projection', 'padZero'] as const;
const MODES = ['fanOut', 'fanIn'] as const;

/** How a block's shortcut gets the shape of its branch; where it has it, it is the input as it is. */
export type FixupShortcut = (typeof SHORTCUTS)[number];

/** Arguments of the blocks. */
export interface FixupBlockArgs extends LayerArguments, BiasArguments, ScaleArguments {
  /** Channels of the output. */
  filters: number;
  /** The residual branches of the whole network, 1 or more. */
  numBranches: number;
  /** Of the first 3x3 convolution, the same along both axes. Default 1. */
  strides?: number;
  /**
   * 'auto': a 1x1 convolution where extents or channels change; 'projection': always one; 'padZero': where they change,
   * every strides-th position, with channels of zeros added. Default 'auto'.
   */
  shortcut?: FixupShortcut;
  /** The fan of the kernels' deviations, see `norm.initializers.fixup`. Default 'fanOut'. */
  mode?: 'fanOut' | 'fanIn';
  /** An integer: the same weights every time. Default random. */
  seed?: number | null;
  /** Of all kernels of the block, in place of Fixup's rules. Default Fixup's rules. */
  kernelInitializer?: InitializerArgument | null;
  /** Default none. */
  kernelRegularizer?: RegularizerArgument;
  /** Default none. */
  kernelConstraint?: ConstraintArgument;
}

const OWN = [
  'filters',
  'numBranches',
  'strides',
  'shortcut',
  'mode',
  'seed',
  ...weightArguments('kernel'),
  ...weightArguments('bias'),
  ...weightArguments('scale'),
];

const convolve = (x: Tensor, kernel: LayerVariable, strides: number): Tensor =>
  tf.conv2d(x as Tensor4D, kernel.read() as Tensor4D, strides, 'same');

/** A convolution of the branch: its window, its channels, whether it has the block's strides. */
export interface Convolution {
  size: number;
  channels: number;
  strided: boolean;
}

/**
 * What both kinds of blocks do. Scalars are named as in the authors' code: `bias<i>a` is added before convolution i,
 * `bias<i>b` after it.
 */
export abstract class FixupBlock extends NormalizationLayer {
  readonly filters: number;
  readonly numBranches: number;
  readonly strides: number;
  readonly shortcut: FixupShortcut;
  readonly mode: 'fanOut' | 'fanIn';
  readonly seed: number | null;
  readonly kernelInitializer: WeightSettings['initializer'] | null;
  private readonly kernelRegularizer: WeightSettings['regularizer'];
  private readonly kernelConstraint: WeightSettings['constraint'];
  private readonly biasSettings: WeightSettings;
  private readonly scaleSettings: WeightSettings;
  private readonly scalars: Record<string, LayerVariable> = {};
  private readonly kernels: LayerVariable[] = [];
  private projection: LayerVariable | null = null;

  protected constructor(args: FixupBlockArgs, own: readonly string[]) {
    super(args, [...OWN, ...own]);
    this.supportsMasking = false;
    const { fail } = this;
    const given: Partial<FixupBlockArgs> = args ?? {};
    this.filters = checkInteger(fail, 'filters', given.filters, 1);
    this.numBranches = checkInteger(fail, 'numBranches', given.numBranches, 1);
    this.strides = checkInteger(fail, 'strides', given.strides ?? 1, 1);
    this.shortcut = checkChoice(fail, 'shortcut', SHORTCUTS, given.shortcut ?? 'auto');
    this.mode = checkChoice(fail, 'mode', MODES, given.mode ?? 'fanOut');
    this.seed = given.seed == null ? null : checkSeed(fail, given.seed);
    const { kernelInitializer } = given;
    this.kernelInitializer =
      kernelInitializer == null
        ? null
        : toInitializer(fail, 'kernelInitializer', kernelInitializer, 'zeros');
    this.kernelRegularizer = toRegularizer(fail, 'kernelRegularizer', given.kernelRegularizer);
    this.kernelConstraint = toConstraint(fail, 'kernelConstraint', given.kernelConstraint);
    this.biasSettings = toWeight(fail, given, 'bias', 'zeros');
    this.scaleSettings = toWeight(fail, given, 'scale', 'ones');
  }

  /** Of the branch, in their order. */
  protected abstract get convolutions(): Convolution[];

  private shapeOf(inputShape: Shape | Shape[]): [number, Shape] {
    const shape = this.onlyShape(inputShape);
    if (shape.length !== 4) {
      this.fail('inputShape', 'must be [batch, height, width, channels]', shape);
    }
    const channels =
      shape[3] ?? this.fail('inputShape', 'must not leave the channels undefined', shape);
    if (channels < 1) this.fail('inputShape', 'must have a channel or more', shape);
    if (this.shortcut === 'padZero' && channels > this.filters) {
      this.fail('filters', `must not be below the ${channels} channels of the input`, this.filters);
    }
    return [channels, shape];
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [, [batch, height, width]] = this.shapeOf(inputShape);
    const less = (extent?: number | null) =>
      extent == null ? null : Math.ceil(extent / this.strides);
    return [batch!, less(height), less(width), this.filters];
  }

  /** The deviation of kernels with weights; the number tells kernels with one seed apart. */
  private kernelSettings(number: number, branches: number, layers: number): WeightSettings {
    const { mode, seed, kernelRegularizer: regularizer, kernelConstraint: constraint } = this;
    const rule = () =>
      fixup({
        numBranches: branches,
        layersInBranch: layers,
        layerIndex: number,
        mode,
        seed: seed === null ? null : seed + number,
      }) as unknown as WeightSettings['initializer'];
    return { initializer: this.kernelInitializer ?? rule(), regularizer, constraint };
  }

  override build(inputShape: Shape | Shape[]): void {
    const [channels, shape] = this.shapeOf(inputShape);
    const { convolutions, numBranches } = this;
    const count = convolutions.length;
    const scalar = (name: string, settings: WeightSettings) => {
      this.scalars[name] = this.addLearned(name, [1], settings);
    };
    let from = channels;
    for (const [i, { size, channels: to }] of convolutions.entries()) {
      const settings = this.kernelSettings(i, numBranches, count);
      scalar(`bias${i + 1}a`, this.biasSettings);
      this.kernels.push(this.addLearned(`kernel${i + 1}`, [size, size, from, to], settings));
      if (i === count - 1) scalar('scale', this.scaleSettings);
      scalar(`bias${i + 1}b`, this.biasSettings);
      from = to;
    }
    const changes = channels !== this.filters || this.strides !== 1;
    if (this.shortcut === 'projection' || (this.shortcut === 'auto' && changes)) {
      // As any layer outside of the branches: not scaled. Of more layers it is not the last, which would start at 0.
      const settings = this.kernelSettings(count, 1, count + 2);
      const extents = [1, 1, channels, this.filters];
      this.projection = this.addLearned('kernel_projection', extents, settings);
    }
    this.inputSpec = [new tf.InputSpec({ ndim: shape.length, axes: { 3: channels } })];
    this.built = true;
  }

  /** `start`: the input with its bias. */
  private residualOf(x: Tensor, start: Tensor): Tensor {
    const { strides, filters, projection } = this;
    if (projection) return convolve(start, projection, strides);
    const missing = filters - x.shape[3]!;
    if (strides === 1 && missing === 0) return x;
    const some = strides === 1 ? start : tf.avgPool(start as Tensor4D, 1, strides, 'valid');
    return missing === 0
      ? some
      : tf.pad(some, [
          [0, 0],
          [0, 0],
          [0, 0],
          [0, missing],
        ]);
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const { convolutions, kernels, strides } = this;
      const scalar = (name: string) => this.scalars[name]!.read();
      const start = scalarBias(x, scalar('bias1a'));
      let h = start;
      for (const [i, { strided }] of convolutions.entries()) {
        if (i > 0) h = biasReluBias(h, scalar(`bias${i}b`), scalar(`bias${i + 1}a`));
        h = convolve(h, kernels[i]!, strided ? strides : 1);
      }
      return scaleBiasResidual(h, {
        scale: scalar('scale'),
        bias: scalar(`bias${convolutions.length}b`),
        residual: this.residualOf(x, start),
        activation: 'relu',
      });
    });
  }

  override getConfig(): serialization.ConfigDict {
    const { filters, numBranches, strides, shortcut, mode, seed } = this;
    return {
      ...super.getConfig(),
      filters,
      numBranches,
      strides,
      shortcut,
      mode,
      seed,
      kernelInitializer: serialize(this.kernelInitializer),
      kernelRegularizer: serialize(this.kernelRegularizer),
      kernelConstraint: serialize(this.kernelConstraint),
      ...serializeWeight('bias', this.biasSettings),
      ...serializeWeight('scale', this.scaleSettings),
    };
  }
}
