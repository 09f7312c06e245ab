/** The members of `norm.losses`. */
import type { LayersModel, Tensor } from '@tensorflow/tfjs-node';
import { checkTrainingSize } from '../core/bayesianKL';
import { opFail } from '../core/errors';
import { checkModel, layersOf } from '../models/walk';
import { BayesianNormalization } from '../norms/bayesianNormalization';
import { tf } from '../tensorflow';

/**
 * The divergence of all posteriors of a model from their priors, over the number of training examples: a scalar to add
 * to the mean negative log-likelihood of a batch, for loops other than `fit`.
 *
 *     const loss = () => crossEntropy(y, model.apply(x, { training: true })).add(norm.losses.bayesianKL(model, N));
 *
 * The layers are the model's {@link BayesianNormalization}, also inside of nested models and wrappers; with their own
 * `trainingSize` `fit` adds it by itself. With prior 'flat' it is right but for a constant. Throws a `NormError` where
 * there is no such layer and for a size that is no positive integer.
 *
 * Paper: Shekhovtsov & Flach, Stochastic Normalizations as Bayesian Learning, arXiv 1811.00639.
 */
export function bayesianKL(model: LayersModel, trainingSize: number): Tensor {
  const fail = opFail('bayesianKL');
  checkModel('bayesianKL', model);
  checkTrainingSize(fail, trainingSize);
  const layers = layersOf(model).flatMap(({ layer }) =>
    layer instanceof BayesianNormalization ? [layer] : [],
  );
  if (layers.length === 0) fail('model', 'must have a BayesianNormalization layer', model.name);
  return tf.tidy(() => tf.div(tf.addN(layers.map((layer) => layer.divergence())), trainingSize));
}
