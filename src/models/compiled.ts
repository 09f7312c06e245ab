/** Compiled models, after their layers have new weights. */
import type { LayersModel, Optimizer } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import type { FoundLayer } from './walk';

/** The parts of a model that tfjs's types leave out. */
interface Compiled {
  trainableWeights: LayersModel['trainableWeights'];
  collectedTrainableWeights?: LayersModel['trainableWeights'];
  optimizer: Optimizer;
  /** What runs a Sequential model. */
  model?: Compiled;
}

const BUILT_IN = [
  tf.AdadeltaOptimizer,
  tf.AdagradOptimizer,
  tf.AdamOptimizer,
  tf.AdamaxOptimizer,
  tf.MomentumOptimizer,
  tf.RMSPropOptimizer,
  tf.SGDOptimizer,
] as unknown[];

/**
 * The optimizer object stays, for whoever changes its learning rate; its state becomes that of a new one with the same
 * settings. tfjs keeps moments by the weights' positions, which are others now. One of another class keeps its state.
 */
function restart(optimizer: Optimizer): void {
  if (!BUILT_IN.includes(optimizer.constructor)) return;
  const cls = optimizer.constructor as unknown as {
    fromConfig(cls: unknown, config: object): Optimizer;
  };
  const fresh = cls.fromConfig(cls, optimizer.getConfig());
  optimizer.dispose();
  Object.assign(optimizer, fresh, { iterations_: 0 });
}

/** Lets the compiled models among these train the weights that they have now. */
export function recollectWeights(found: FoundLayer[]): void {
  const optimizers = new Set<Optimizer>();
  for (const { layer } of found) {
    const outer = layer as unknown as Compiled;
    for (const model of [outer, outer.model]) {
      if (!model?.collectedTrainableWeights) continue;
      model.collectedTrainableWeights = model.trainableWeights;
      optimizers.add(model.optimizer);
    }
  }
  for (const optimizer of optimizers) restart(optimizer);
}
