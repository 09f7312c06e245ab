/** Graph models, native as they are loaded. */
import type { GraphModel } from '@tensorflow/tfjs-node';
import { deviceOn } from '../core/device';
import { useNativeGraph } from '../graph/useNativeGraph';
import { defaultBackend, tf } from '../tensorflow';
import { addGraphReport } from './report';

type Load = (this: GraphModel, ...args: unknown[]) => boolean;

/** Lets graph models that are loaded from now on go through `norm.useNativeOps`. Gives what undoes it. */
export function replaceGraphLoading(): () => void {
  // What each way of loading ends with; private in tfjs.
  const prototype = tf.GraphModel.prototype as unknown as { loadWithWeightMap: Load };
  const stock = prototype.loadWithWeightMap;
  if (deviceOn(defaultBackend) === 'composed') return () => {};
  prototype.loadWithWeightMap = function (...args) {
    const loaded = stock.apply(this, args);
    addGraphReport(useNativeGraph(this));
    return loaded;
  };
  return () => {
    prototype.loadWithWeightMap = stock;
  };
}
