/** Weight constraints, which tfjs keeps but does not apply in training. */
import type { LayersModel, Tensor, Variable } from '@tensorflow/tfjs-node';
import type { LayerVariable } from '../core/layer';
import type { Constraint } from '../core/layerArguments';
import { checkModel, layersOf } from '../models/walk';
import { tf } from '../tensorflow';

/** Brings the weight where its constraint wants it. Gives whether it has one. */
export function constrain(weight: LayerVariable): boolean {
  const { constraint } = weight as unknown as { constraint: Constraint | null };
  if (constraint == null) return false;
  const variable = weight.read() as Variable;
  tf.tidy(() => variable.assign(constraint.apply(variable) as Tensor));
  return true;
}

/**
 * Applies the constraints of all trainable weights of a model: for after every training step, since tfjs 4.22 itself does
 * so only where weights are set, never in `fit` or by an optimizer.
 *
 *     model.fit(x, y, { callbacks: { onBatchEnd: async () => void norm.applyConstraints(model) } });
 *
 * Layers of nested models and of wrappers are included. Gives the number of weights with a constraint. Throws where `model`
 * is not a tfjs layers model.
 */
export function applyConstraints(model: LayersModel): number {
  checkModel('applyConstraints', model);
  const weights = new Set<LayerVariable>();
  for (const { layer } of layersOf(model)) {
    for (const weight of layer.trainableWeights as LayerVariable[]) weights.add(weight);
  }
  return [...weights].filter(constrain).length;
}
