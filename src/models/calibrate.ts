/** Batch-average statistics for inference. */
import type { LayersModel, Tensor } from '@tensorflow/tfjs-node';
import { checkCount } from '../core/checks';
import { opFail } from '../core/errors';
import { SwitchableNormalization } from '../norms/switchableNormalization';
import { tf } from '../tensorflow';
import { layersOf } from './walk';

/** A batch: the model's inputs, or those and anything else, as `[inputs, targets]` or `{ xs, ys }`. */
export type CalibrationBatch =
  | Tensor
  | [Tensor | Tensor[], ...unknown[]]
  | { xs: Tensor | Tensor[] | Record<string, Tensor>; ys?: unknown };

/** Batches one after the other: a `tf.data.Dataset` (whose batches are disposed), an iterable or an async iterable. */
export type CalibrationData =
  | { iterator(): Promise<{ next(): Promise<{ value: unknown; done?: boolean }> }> }
  | Iterable<CalibrationBatch>
  | AsyncIterable<CalibrationBatch>;

/** What {@link calibrate} did. */
export interface CalibrationReport {
  /** The batches that were averaged. */
  steps: number;
  /** The names of the layers that have new statistics. */
  layers: string[];
}

async function* batchesOf(data: CalibrationData): AsyncGenerator<{ batch: unknown; own: boolean }> {
  if ('iterator' in data) {
    const iterator = await data.iterator();
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) return;
      yield { batch: value, own: true };
    }
  }
  for await (const batch of data) yield { batch, own: false };
}

export function inputsOf(model: LayersModel, batch: unknown): Tensor | Tensor[] {
  if (batch instanceof tf.Tensor) return batch;
  const inputs = Array.isArray(batch) ? batch[0] : (batch as { xs?: unknown } | null)?.xs;
  if (inputs && !Array.isArray(inputs) && !(inputs instanceof tf.Tensor)) {
    return model.inputNames.map((name) => (inputs as Record<string, Tensor>)[name]!);
  }
  return inputs as Tensor | Tensor[];
}

/**
 * Gives the switchable normalization layers with `inference: 'batch'` their statistics: the averages over `steps`
 * batches of training data, with all weights as they are. Other layers are in inference mode and change nothing.
 *
 *     mean = average of batch means,  variance = average of batch variances + variance of batch means
 *
 * To be called after training and before inference, which is an error without it. Where it throws, the layers keep
 * what they had.
 *
 * Throws a `NormError` where the model has no such layer, and where the data end before `steps` batches.
 */
export async function calibrate(
  model: LayersModel,
  dataset: CalibrationData,
  steps: number,
): Promise<CalibrationReport> {
  const fail = opFail('calibrate');
  if (!(model instanceof tf.LayersModel)) return fail('model', 'must be a tf.LayersModel', model);
  checkCount(fail, 'steps', steps);
  if (dataset === null || typeof dataset !== 'object') {
    return fail('dataset', 'must be a tf.data.Dataset or an iterable of batches', dataset);
  }
  const found = layersOf(model).flatMap(({ layer }) =>
    layer instanceof SwitchableNormalization && layer.needsCalibration ? [layer] : [],
  );
  if (found.length === 0) {
    return fail(
      'model',
      "must have a switchable normalization layer with inference: 'batch'",
      model.name,
    );
  }
  let taken = 0;
  for (const layer of found) layer.beginCalibration();
  try {
    for await (const { batch, own } of batchesOf(dataset)) {
      try {
        const inputs = inputsOf(model, batch);
        tf.tidy(() => void model.apply(inputs, { training: false }));
      } finally {
        if (own) tf.dispose(batch as never);
      }
      if (++taken === steps) break;
    }
    if (taken < steps) fail('dataset', `must have ${steps} batches or more`, taken);
  } catch (error) {
    for (const layer of found) layer.endCalibration(false);
    throw error;
  }
  for (const layer of found) layer.endCalibration(true);
  return { steps, layers: found.map(({ name }) => name) };
}
