/** The weight normalization layer, also under its TF-Addons name. */
import type { layers, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkEpsilon, sizeOf } from '../core/checks';
import type { Kwargs, LayerVariable } from '../core/layer';
import {
  type Constraint,
  type ConstraintArgument,
  type Initializer,
  type InitializerArgument,
  type Regularizer,
  type RegularizerArgument,
  serialize,
  toConstraint,
  toInitializer,
  toRegularizer,
} from '../core/layerArguments';
import { warn } from '../core/warn';
import { keptAxes } from '../core/weights';
import { WeightNormGain } from '../initializers/weightNormGain';
import { weightNorm } from '../norms/weightNorm';
import { tf } from '../tensorflow';
import { dataInit } from './dataInit';
import { fansOf, isRecurrent } from './kernelPlace';
import { type KernelFacts, KernelWrapper, type WrapperArguments } from './kernelWrapper';

/** Arguments of {@link WeightNormalization}. */
export interface WeightNormalizationArgs extends WrapperArguments {
  /**
   * Whether the first call in training sets g and the bias so that the outputs of that batch have mean 0 and deviation
   * `initScale`. Default true, but for recurrent layers, with a `gInitializer` and with one gain for the whole kernel.
   */
  dataInit?: boolean;
  /** The deviation that `dataInit` aims at; 0.1 for the last layer of a residual branch. Default 1. */
  initScale?: number;
  /** Whether the mean is subtracted from v first. Default false. */
  center?: boolean;
  /** The least squared norm; greater than 0. Default 1e-12. */
  epsilon?: number;
  /** Default the norms of the kernel as the wrapped layer initializes it: its outputs stay the same. */
  gInitializer?: InitializerArgument | null;
  /** Default none. */
  gRegularizer?: RegularizerArgument;
  /** Default none. */
  gConstraint?: ConstraintArgument;
}

const OWN = [
  'dataInit',
  'initScale',
  'center',
  'epsilon',
  'gInitializer',
  'gRegularizer',
  'gConstraint',
];

/**
 * Weight normalization of the layer that it wraps: dense, convolutions of any kind (of separable ones the pointwise
 * kernel), recurrent layers (their recurrent kernel).
 *
 *     kernel = g * v / ||v||    a norm and a gain for each output
 *
 * Weights: `g`, of the extents of the kept axes of the kernel; then those of the wrapped layer, whose kernel is v; not
 * trainable, `initialized`, a boolean: whether the data-dependent initialization is done or not wanted. Until it is,
 * which is in the first call in training or in `norm.dataDependentInit`, the layer computes what the wrapped one would.
 *
 * Regularizers and constraints of the wrapped layer's kernel are those of v, of g the layer has its own.
 *
 * A layer that is not trainable does not initialize itself. A first batch with a single value for each output, which has
 * no deviation, is warned of and leaves g and the bias as they are.
 *
 * Throws a `NormError` for arguments out of their domain, for a layer without a kernel, where centering leaves nothing of
 * a kernel with one weight for each output, and for a `dataInit` without a gain for each output.
 *
 * Papers: Salimans & Kingma, Weight Normalization, arXiv 1602.07868; for `gInitializer` see
 * `norm.initializers.weightNormGain`.
 */
export class WeightNormalization extends KernelWrapper {
  /** @nocollapse */
  static readonly className: string = 'WeightNormalization';
  readonly dataInit: boolean;
  readonly initScale: number;
  readonly center: boolean;
  readonly epsilon: number;
  readonly gInitializer: Initializer | null;
  readonly gRegularizer: Regularizer | null;
  readonly gConstraint: Constraint | null;
  protected g: LayerVariable | null = null;
  protected initialized: LayerVariable | null = null;
  /** What `initialized` holds, as long as it holds this data. */
  private known: { dataId: object; value: boolean } | null = null;
  /** Whether the next call has to initialize, whatever else. */
  private asked = false;

  constructor(args?: WeightNormalizationArgs) {
    super(args, OWN);
    const { fail } = this;
    const given = args ?? ({} as Partial<WeightNormalizationArgs>);
    const initializer = given.gInitializer;
    this.gInitializer =
      initializer == null ? null : toInitializer(fail, 'gInitializer', initializer, 'ones');
    const fallback = !this.gInitializer && !isRecurrent(this.layer) && this.axis !== null;
    this.dataInit = checkBoolean(fail, 'dataInit', given.dataInit ?? fallback);
    if (this.dataInit && this.gInitializer) {
      fail('dataInit', 'must be false with a gInitializer, whose gains it would replace', true);
    }
    this.initScale = given.initScale ?? 1;
    if (!(typeof this.initScale === 'number' && this.initScale > 0 && this.initScale < Infinity)) {
      fail('initScale', 'must be a finite number greater than 0', given.initScale);
    }
    this.center = checkBoolean(fail, 'center', given.center ?? false);
    this.epsilon = checkEpsilon(fail, given.epsilon ?? 1e-12);
    this.gRegularizer = toRegularizer(fail, 'gRegularizer', given.gRegularizer);
    this.gConstraint = toConstraint(fail, 'gConstraint', given.gConstraint);
  }

  protected override get centred(): boolean {
    return this.center;
  }

  protected override buildGains(facts: KernelFacts): void {
    const { gInitializer } = this;
    const constant = (value: number | boolean) => tf.initializers.constant({ value: +value });
    const initializer =
      gInitializer instanceof WeightNormGain
        ? constant(gInitializer.gain(...fansOf(facts.place)))
        : (gInitializer ?? constant(1));
    const [regularizer, constraint] = [this.gRegularizer, this.gConstraint];
    this.g = this.addWeight(
      'g',
      facts.gains,
      'float32',
      initializer,
      regularizer ?? undefined,
      true,
      constraint ?? undefined,
    );
    if (!gInitializer) tf.tidy(() => void this.g!.write(this.normsOf(facts)));
    const zeros = tf.initializers.zeros();
    this.initialized = this.addWeight('initialized', [], 'bool', zeros, undefined, false);
    if (!this.dataInit) this.markInitialized();
  }

  /** ||v|| of each kept entry. */
  private normsOf({ place, shape, gains, axis }: KernelFacts): Tensor {
    const kept = keptAxes(this.fail, axis, shape);
    const others = shape.map((_, i) => i).filter((i) => !kept.includes(i));
    const v = place.variable.read();
    const u = this.center ? tf.sub(v, tf.mean(v, others, true)) : v;
    return tf.reshape(tf.sqrt(tf.sum(tf.square(u), others)), gains);
  }

  private markInitialized(): void {
    tf.tidy(() => void this.initialized!.write(tf.scalar(true, 'bool')));
  }

  /** Read anew only where somebody has written it: on a GPU reading waits. */
  private get isInitialized(): boolean {
    const { dataId } = this.initialized!.read();
    if (this.known?.dataId !== dataId) {
      this.known = { dataId, value: Boolean(this.initialized!.read().dataSync()[0]) };
    }
    return this.known.value;
  }

  protected override kernelOf(v: Tensor, { axis }: KernelFacts, unit = false): Tensor {
    const { center, epsilon } = this;
    return weightNorm(v, { g: unit ? undefined : this.g!.read(), axis, center, epsilon });
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
    if (this.mustInitialize(kwargs?.training)) {
      tf.tidy(() => {
        // Without dataInit: a model of TF-Addons that was saved before its first call.
        if (this.asked || this.dataInit) this.initialize(inputs, kwargs);
        else this.g!.write(this.normsOf(this.kernel));
        this.markInitialized();
        this.asked = false;
      });
    }
    return super.call(inputs, kwargs);
  }

  private mustInitialize(training: boolean | undefined): boolean {
    if (this.asked) return true;
    if (this.isInitialized) return false;
    // A model that is made untrainable marks the weights of its layers, not the layers.
    return !this.dataInit || Boolean(training && this.trainable && this.g!.trainable);
  }

  private initialize(inputs: Tensor | Tensor[], kwargs: Kwargs): void {
    const { initScale, fail, layer, kernel: facts } = this;
    const unit = { read: () => this.kernelOf(facts.place.variable.read(), facts, true) };
    const call = () => facts.place.with(unit, () => layer.call(inputs, kwargs));
    const found = dataInit(fail, layer, initScale, sizeOf(facts.gains), call);
    if (found) {
      this.g!.write(tf.reshape(found.gain, facts.gains));
      found.bias?.variable.write(found.bias.value);
    } else if (this.asked) {
      fail('inputs', 'must give two values or more for each output', [inputs].flat()[0]!.shape);
    } else {
      warn(
        `${this.name}: the first batch has a single value for each output; its gains stay as they are`,
      );
    }
  }

  /** Makes the next call initialize g and the bias from its inputs; false takes that back. */
  askForDataInit(asked = true): void {
    this.asked = asked;
  }

  /** What a data-dependent initialization writes. */
  get initializedWeights(): LayerVariable[] {
    const { bias } = this.layer as layers.Layer & { bias?: LayerVariable | null };
    return [this.g, this.initialized, bias].flatMap((weight) => weight ?? []);
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      dataInit: this.dataInit,
      initScale: this.initScale,
      center: this.center,
      epsilon: this.epsilon,
      gInitializer: serialize(this.gInitializer),
      gRegularizer: serialize(this.gRegularizer),
      gConstraint: serialize(this.gConstraint),
    };
  }
}
tf.serialization.registerClass(WeightNormalization);

/**
 * {@link WeightNormalization} under the name that TensorFlow Addons gives it in model files, and as it works there: the
 * norm is over all axes but the last, also of transposed convolutions. With data_init the file has the weights of a copy
 * of the layer besides, which are kept and not used.
 */
export class AddonsWeightNormalization extends WeightNormalization {
  /** @nocollapse */
  static override readonly className: string = 'Addons>WeightNormalization';

  protected override defaultAxis(): number {
    return -1;
  }

  protected override buildGains(facts: KernelFacts): void {
    super.buildGains(facts);
    if (!this.dataInit) return;
    for (const { originalName, shape } of this.layer.weights) {
      const name = `data_dep_init/${originalName.split('/').at(-1)}`;
      const zeros = tf.initializers.zeros();
      this.addWeight(name, shape, 'float32', zeros, undefined, false);
    }
  }

  override getConfig(): serialization.ConfigDict {
    const { initScale, center, epsilon, gInitializer, gRegularizer, gConstraint, ...theirs } =
      super.getConfig();
    return theirs;
  }
}
tf.serialization.registerClass(AddonsWeightNormalization);
