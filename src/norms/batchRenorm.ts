/** The batch renormalization op in training: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import {
  checkEpsilon,
  checkFraction,
  checkRenormClipping,
  type RenormClipping,
  resolveAxis,
} from '../core/checks';
import { batchRenormGrad, batchRenorm as composedRenorm } from '../core/composed/batchRenorm';
import { batchView } from '../core/composed/setNorm';
import { opFail } from '../core/errors';
import { emptyGradients } from '../core/gradients';
import { type Attributes, registerOp, registerOpGradient, runOp } from '../core/kernels';
import {
  AFFINE_ATTRIBUTES,
  type AffineOptions,
  affineGradients,
  affineOf,
  toAffine,
} from '../core/parameters';
import { toInput, toParameter } from '../core/tensors';
import { tf } from '../tensorflow';

const shared = { axis: 'int', epsilon: 'float', ...AFFINE_ATTRIBUTES } as const;

const STATE = ['moving_mean', 'moving_stddev', 'renorm_mean', 'renorm_stddev'];

const viewOf = (x: Tensor, { axis }: Attributes) => batchView(x.shape, axis as number, 0);

registerOp({
  name: 'TfjsBatchRenorm',
  inputs: ['x', 'gamma', 'beta', ...STATE, 'clipping'],
  outputs: 7,
  attributes: { ...shared, update_rate: 'float', renorm_update_rate: 'float' },
  composed(inputs, attrs) {
    const x = inputs.x!;
    const state = STATE.map((name) => inputs[name]!);
    const view = viewOf(x, attrs);
    if (x.size === 0) {
      const none = [tf.zeros([2, state[0]!.size]), tf.zeros(view.momentsShape)];
      return [x, ...state].map((tensor) => tf.clone(tensor)).concat(none);
    }
    const { gamma, beta } = affineOf(inputs, attrs);
    const [movingMean, movingStddev, renormMean, renormStddev] = state as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const running = { movingMean, movingStddev, renormMean, renormStddev };
    return composedRenorm(x, gamma, beta, running, inputs.clipping!, view, {
      epsilon: attrs.epsilon as number,
      updateRate: attrs.update_rate as number,
      renormUpdateRate: attrs.renorm_update_rate as number,
    });
  },
});

registerOp({
  name: 'TfjsBatchRenormGrad',
  inputs: ['dy', 'x', 'gamma', 'moments', 'corrections'],
  outputs: 3,
  attributes: shared,
  composed(inputs, attrs) {
    const x = inputs.x!;
    if (x.size === 0) return emptyGradients(x, [x.shape[attrs.axis as number]!], attrs);
    const { gamma } = affineOf(inputs, attrs);
    const [view, epsilon] = [viewOf(x, attrs), attrs.epsilon as number];
    const grads = batchRenormGrad(inputs.dy!, x, gamma, inputs.corrections!, view, epsilon);
    return affineGradients(grads, attrs);
  },
});

registerOpGradient({
  op: 'TfjsBatchRenorm',
  inputsToSave: ['x', 'gamma'],
  outputsToSave: [false, false, false, false, false, true, true],
  gradient(dy, [x, gamma, corrections, moments], attrs) {
    const { update_rate: _rate, renorm_update_rate: _renormRate, ...rest } = attrs;
    const inputs = {
      dy,
      x: x!,
      gamma: gamma!,
      moments: moments!,
      corrections: corrections!,
    };
    const [dx, dgamma, dbeta] = runOp('TfjsBatchRenormGrad', inputs, rest);
    // The corrections are constants. A tensor each: tfjs disposes gradients that it adds up.
    const none = (shape: number[]) => tf.zeros(shape);
    const channels = [x!.shape[attrs.axis as number]!];
    return {
      x: dx!,
      gamma: dgamma!,
      beta: dbeta!,
      ...Object.fromEntries(STATE.map((name) => [name, none(channels)])),
      clipping: none([3]),
    };
  },
});

/** Options of {@link batchRenorm}. */
export interface BatchRenormOptions extends AffineOptions {
  /** The running mean that corrections are taken from, [C]. */
  renormMean: Tensor;
  /** The running standard deviation that corrections are taken from, [C]. */
  renormStddev: Tensor;
  /** The running mean for inference, [C]. Default `renormMean`. */
  movingMean?: Tensor;
  /** The running standard deviation for inference, [C]. Default `renormStddev`. */
  movingStddev?: Tensor;
  /** The bounds of the corrections. Default none. */
  renormClipping?: RenormClipping | null;
  /** The axis of the channels. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
  /** The weight of the old statistics for inference. Default 0.99. */
  momentum?: number;
  /** The weight of the old statistics of the corrections. Default 0.99. */
  renormMomentum?: number;
}

/** What {@link batchRenorm} gives. Gradients flow through `y` only. */
export interface BatchRenormResult<T extends Tensor = Tensor> {
  y: T;
  /** The new running statistics, [C]. */
  movingMean: Tensor;
  movingStddev: Tensor;
  renormMean: Tensor;
  renormStddev: Tensor;
  /** r and d of each channel, [2, C]; 0 where `x` has no elements. */
  corrections: Tensor;
}

function batchRenorm_<T extends Tensor>(
  value: T | TensorLike,
  options: BatchRenormOptions,
): BatchRenormResult<T> {
  const fail = opFail('batchRenorm');
  const x = toInput(fail, value, 2);
  const given = options ?? {};
  const axis = resolveAxis(fail, given.axis ?? -1, x.rank);
  const shape = [x.shape[axis]!];
  const epsilon = checkEpsilon(fail, given.epsilon ?? 1e-3);
  const momentum = checkFraction(fail, 'momentum', given.momentum ?? 0.99);
  const renormMomentum = checkFraction(fail, 'renormMomentum', given.renormMomentum ?? 0.99);
  const bounds = checkRenormClipping(fail, given.renormClipping);
  const { rmax = Infinity, rmin = 0, dmax = Infinity } = bounds ?? {};
  const renormMean = toParameter(fail, 'renormMean', given.renormMean, shape);
  const renormStddev = toParameter(fail, 'renormStddev', given.renormStddev, shape);
  const moving = (name: 'movingMean' | 'movingStddev', fallback: Tensor) =>
    given[name] == null ? fallback : toParameter(fail, name, given[name], shape);
  const movingMean = moving('movingMean', renormMean);
  const movingStddev = moving('movingStddev', renormStddev);
  const affine = toAffine(fail, given, shape);
  const inputs = {
    x,
    ...affine.inputs,
    moving_mean: movingMean,
    moving_stddev: movingStddev,
    renorm_mean: renormMean,
    renorm_stddev: renormStddev,
    clipping: tf.tensor1d([rmax, rmin, dmax], 'float32'),
  };
  const outputs = runOp('TfjsBatchRenorm', inputs, {
    axis,
    epsilon,
    update_rate: 1 - momentum,
    renorm_update_rate: 1 - renormMomentum,
    ...affine.attributes,
  });
  return {
    y: outputs[0] as T,
    movingMean: outputs[1]!,
    movingStddev: outputs[2]!,
    renormMean: outputs[3]!,
    renormStddev: outputs[4]!,
    corrections: outputs[5]!,
  };
}

/**
 * Batch renormalization in training: batch normalization whose result is corrected by `r` and `d` to what the running
 * statistics would give, so that training and inference see the same activations, with small batches too.
 *
 *     mu = mean(x)    stddev = sqrt(mean((x - mu)^2) + epsilon)    scale = max(renormStddev, sqrt(epsilon))
 *     r = clip(stddev / scale, rmin, rmax)    d = clip((mu - renormMean) / scale, -dmax, dmax)
 *     y = gamma[c] * (r * (x - mu) / stddev + d) + beta[c]
 *     renormMean = renormMomentum * renormMean + (1 - renormMomentum) * mu, renormStddev alike with stddev
 *     movingMean = momentum * movingMean + (1 - momentum) * mu, movingStddev alike
 *
 * `x` has rank 2 or more; the parameters and running statistics have shape [C]; `y` has the shape of `x`. `r` and `d` are
 * constants to the gradient and come from the running statistics before the step. The given ones are not changed: the new
 * ones are returned. The paper has one pair of running statistics, and rmin = 1 / rmax. For inference see
 * {@link batchNormInference}, with the variance movingStddev^2 - epsilon.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Ioffe, Batch Renormalization, arXiv 1702.03275.
 */
export const batchRenorm = tf.op({ batchRenorm_ }) as typeof batchRenorm_;
