/** Predictions averaged over the noise of a model's parameters. */
import type { LayersModel, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-node';
import { checkBoolean, checkOptions } from '../core/checks';
import { type Fail, opFail } from '../core/errors';
import { isNoisy } from '../core/noiseStream';
import { tf } from '../tensorflow';
import { checkModel, layersOf } from './walk';

/** Options of {@link predictEnsemble}. */
export interface PredictEnsembleOptions {
  /** What is right: numbers of classes, [N], or probabilities of classes, [N, classes]; with it accuracy and NLL are given. */
  labels?: Tensor | number[] | null;
  /** As that of `model.predict`. Default 32. */
  batchSize?: number;
  /** Whether the model gives logits, not probabilities. Default false. */
  fromLogits?: boolean;
}

/** What {@link predictEnsemble} gives. */
export interface EnsemblePrediction {
  /** The probabilities of the classes, averaged over the draws, [N, classes]. */
  probabilities: Tensor2D;
  /** The entropy of each sample's probabilities, in nats, [N]: how unsure the ensemble is. */
  entropies: Tensor1D;
  /** Their average. */
  entropy: number;
  /** The share of samples whose most likely class is right; with `labels`. */
  accuracy?: number;
  /** The negative log-likelihood of what is right, averaged over the samples, in nats; with `labels`. */
  nll?: number;
}

/** A probability of 0 counts as this one, as in Keras. */
const LEAST = 1e-7;

const logOf = (probabilities: Tensor): Tensor => tf.log(tf.maximum(probabilities, LEAST));

/** One pass over the data. */
function predictOnce(fail: Fail, model: LayersModel, x: Tensor | Tensor[], batchSize: number) {
  const output = model.predict(x, { batchSize });
  if (Array.isArray(output) || output.rank !== 2) {
    const shapes = [output].flat().map(({ shape }) => shape);
    return fail('model', 'must have one output of shape [N, classes]', shapes);
  }
  return output;
}

/** The labels as probabilities of the classes. */
function targetsOf(fail: Fail, labels: unknown, [samples, classes]: number[]): Tensor {
  const given = labels instanceof tf.Tensor ? labels : tf.tensor(labels as number[]);
  if (tf.util.arraysEqual(given.shape, [samples!, classes!])) return tf.cast(given, 'float32');
  if (!tf.util.arraysEqual(given.shape, [samples!])) {
    const expected = `must have shape [${samples}] or [${samples},${classes}]`;
    return fail('labels', expected, given.shape);
  }
  const numbers = given.dataSync();
  const wrong = numbers.find((n) => !(Number.isInteger(n) && n >= 0 && n < classes!));
  if (wrong !== undefined) fail('labels', `must be from 0 to ${classes! - 1}`, wrong);
  return tf.oneHot(tf.cast(given, 'int32'), classes!);
}

/**
 * The posterior predictive of a classifier with random parameters: probabilities averaged over `samples` draws of the
 * noise of its stochastic and Bayesian normalization layers. A draw is one noise for all of `x`, whatever the batch
 * size (with granularity 'sample' one for each place of a batch).
 *
 *     const { probabilities, accuracy, nll, entropy } = norm.predictEnsemble(model, x, 20, { labels });
 *
 * `samples` 0 is one pass without noise, for comparison; any model will do then. Draws are those of the layers' seeds:
 * the same again in another call. The caller disposes of `probabilities` and `entropies`.
 *
 * Throws a `NormError` for a model without such layers or with other outputs than one of [N, classes], and for labels
 * of another shape.
 *
 * Paper: Shekhovtsov & Flach, Stochastic Normalizations as Bayesian Learning, arXiv 1811.00639.
 */
export function predictEnsemble(
  model: LayersModel,
  x: Tensor | Tensor[],
  samples: number,
  given?: PredictEnsembleOptions,
): EnsemblePrediction {
  const fail = opFail('predictEnsemble');
  checkModel('predictEnsemble', model);
  const { labels, batchSize = 32, fromLogits = false } = checkOptions(fail, given);
  if (!Number.isInteger(samples) || samples < 0) {
    fail('samples', 'must be an integer that is not negative', samples);
  }
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    fail('batchSize', 'must be a positive integer', batchSize);
  }
  checkBoolean(fail, 'fromLogits', fromLogits);
  const noises = layersOf(model).flatMap(({ layer }) => (isNoisy(layer) ? [layer.noise] : []));
  if (samples > 0 && noises.length === 0) {
    fail('model', 'must have a layer with noise', model.name);
  }
  const predict = (draw: number | null): Tensor => {
    for (const noise of noises) noise.draw = draw;
    const output = predictOnce(fail, model, x, batchSize);
    return fromLogits ? tf.softmax(output) : output;
  };
  try {
    return tf.tidy(() => {
      let sum = predict(samples === 0 ? null : 0);
      for (let draw = 1; draw < samples; draw++) {
        const next = tf.tidy(() => tf.add(sum, predict(draw)));
        sum.dispose();
        sum = next;
      }
      const probabilities = tf.div(sum, Math.max(samples, 1)) as Tensor2D;
      const targets = labels == null ? null : targetsOf(fail, labels, probabilities.shape);
      return measured(probabilities, targets) as never;
    }) as EnsemblePrediction;
  } finally {
    for (const noise of noises) noise.draw = null;
  }
}

function measured(probabilities: Tensor2D, targets: Tensor | null): EnsemblePrediction {
  const number = (of: Tensor) => of.dataSync()[0]!;
  const logs = logOf(probabilities);
  const entropies = tf.neg(tf.sum(tf.mul(probabilities, logs), 1)) as Tensor1D;
  const result = { probabilities, entropies, entropy: number(tf.mean(entropies)) };
  if (!targets) return result;
  const right = tf.equal(tf.argMax(probabilities, 1), tf.argMax(targets, 1));
  return {
    ...result,
    accuracy: number(tf.mean(tf.cast(right, 'float32'))),
    nll: number(tf.neg(tf.mean(tf.sum(tf.mul(targets, logs), 1)))),
  };
}
