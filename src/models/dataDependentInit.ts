/** Initialization of weight normalization layers from a batch. */
import type { LayersModel, Tensor } from '@tensorflow/tfjs-node';
import { opFail } from '../core/errors';
import { MeanOnlyBatchNormalization } from '../norms/meanOnlyBatchNormalization';
import { tf } from '../tensorflow';
import { WeightNormalization } from '../weights/weightNormalization';
import { type CalibrationBatch, inputsOf } from './calibrate';
import { checkModel, layersOf } from './walk';

/** What {@link dataDependentInit} did. */
export interface DataDependentInitReport {
  /** The names of the layers that were initialized, in the order in which the model has them. */
  layers: string[];
}

type Initialized = WeightNormalization | MeanOnlyBatchNormalization;

/**
 * Sets the gains and biases of all weight normalization layers of a model so that their outputs on this batch, before the
 * activation, have mean 0 and deviation `initScale`: one layer after the other, each on what those before it give then.
 *
 *     t = v.x / ||v||    g = initScale / sqrt(var(t) + epsilon)    bias = -mean(t) * g
 *
 * Layers of other kinds are in inference mode, but for mean-only batch normalization, whose moving mean becomes that of
 * the batch. A layer that is called several times takes the inputs of its first call. Layers that training has
 * initialized before are initialized anew. Where it throws, all weights are what they were.
 *
 * Throws a `NormError` where the model has no such layer, and where a layer has a single value for each output.
 *
 * Paper: Salimans & Kingma, Weight Normalization, arXiv 1602.07868, section 3.
 */
export function dataDependentInit(
  model: LayersModel,
  batch: CalibrationBatch,
): DataDependentInitReport {
  const fail = opFail('dataDependentInit');
  checkModel('dataDependentInit', model);
  const found = layersOf(model).flatMap(({ layer }): Initialized[] =>
    layer instanceof WeightNormalization || layer instanceof MeanOnlyBatchNormalization
      ? [layer]
      : [],
  );
  const normalized = found.filter((layer) => layer instanceof WeightNormalization);
  if (normalized.length === 0) {
    fail('model', 'must have a weight normalization layer', model.name);
  }
  const weights = found.flatMap((layer) => layer.initializedWeights);
  const before = weights.map((weight) => tf.keep(tf.clone(weight.read())));
  for (const layer of found) layer.askForDataInit();
  try {
    const inputs = inputsOf(model, batch);
    tf.tidy(() => void model.apply(inputs as Tensor, { training: false }));
  } catch (error) {
    weights.forEach((weight, i) => {
      weight.write(before[i]!);
    });
    throw error;
  } finally {
    for (const layer of found) layer.askForDataInit(false);
    tf.dispose(before);
  }
  return { layers: normalized.map(({ name }) => name) };
}
