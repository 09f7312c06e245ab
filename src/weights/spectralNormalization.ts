/** The spectral normalization layer. */
import type { layers, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkCount } from '../core/checks';
import type { Kwargs, LayerVariable } from '../core/layer';
import type { LayerArguments } from '../core/layerArguments';
import { spectralNorm } from '../norms/spectralNorm';
import { tf } from '../tensorflow';
import { findKernel, KernelPlace } from './kernelPlace';
import { type KernelFacts, KernelWrapper } from './kernelWrapper';

/** Arguments of {@link SpectralNormalization}. */
export interface SpectralNormalizationArgs extends LayerArguments {
  /** The layer whose kernel is normalized: dense, a convolution, an embedding, or recurrent (its recurrent kernel). */
  layer: layers.Layer;
  /** Power iterations of a call in training; 1 or more. Default 1. */
  powerIterations?: number;
}

/**
 * Spectral normalization of the layer that it wraps: its kernel divided by an estimate of its largest singular value, so
 * that the layer stretches no input, for the discriminators of generative adversarial networks above all.
 *
 *     kernel = w / sigma    w as a matrix [everything else, last axis]
 *
 * Weights: those of the wrapped layer, whose kernel is w; and, not trainable, `vector_u` [1, last axis], the guess at
 * the right singular vector. A call in training improves it by `powerIterations` (see `norm.ops.spectralNorm`); one in
 * inference does not, nor does a layer with `trainable: false`. In the gradient the guess is a constant.
 *
 * Keras writes the quotient into the kernel in training, where here w stays and is divided at each call; models from
 * there load, and their kernels are divided once more by what is then about 1.
 *
 * Throws a `NormError` for arguments out of their domain and for a layer without a kernel.
 *
 * Paper: Miyato, Kataoka, Koyama & Yoshida, Spectral Normalization for Generative Adversarial Networks, arXiv
 * 1802.05957.
 */
export class SpectralNormalization extends KernelWrapper {
  /** @nocollapse */
  static readonly className: string = 'SpectralNormalization';
  readonly powerIterations: number;
  protected vectorU: LayerVariable | null = null;
  /** Of the call under way. */
  private training = false;

  constructor(args?: SpectralNormalizationArgs) {
    super(args, ['powerIterations']);
    const { axis, powerIterations = 1 } = (args ?? {}) as Partial<SpectralNormalizationArgs> & {
      axis?: unknown;
    };
    if (axis !== undefined) this.fail('axis', 'is not an argument', axis);
    this.powerIterations = checkCount(this.fail, 'powerIterations', powerIterations);
  }

  protected override get centred(): boolean {
    return false;
  }

  protected override findPlace(): KernelPlace {
    const { embeddings } = this.layer as unknown as { embeddings?: unknown };
    if (!embeddings) return findKernel(this.fail, this.layer);
    return new KernelPlace(this.layer as never, 'embeddings', -1);
  }

  protected override buildGains({ shape }: KernelFacts): void {
    if (shape.length < 2) this.fail('layer', 'must have a kernel of two axes or more', shape);
    const start = tf.initializers.truncatedNormal({ stddev: 0.02 });
    this.vectorU = this.addWeight(
      'vector_u',
      [1, shape.at(-1)!],
      'float32',
      start,
      undefined,
      false,
    );
  }

  protected override kernelOf(w: Tensor): Tensor {
    const improve = this.training && this.trainable;
    const u = this.vectorU!.read();
    const result = spectralNorm(w, {
      u: tf.reshape(u, [-1]),
      iterations: improve ? this.powerIterations : 0,
    });
    if (improve) this.vectorU!.write(tf.reshape(result.u, u.shape));
    return result.y;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
    this.training = Boolean(kwargs?.training);
    try {
      return super.call(inputs, kwargs);
    } finally {
      this.training = false;
    }
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), powerIterations: this.powerIterations };
  }
}
tf.serialization.registerClass(SpectralNormalization);
