/** tfjs's batch and layer normalization layers, computed by native ops. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { device, deviceOn } from '../core/device';
import type { Kwargs, LayerVariable } from '../core/layer';
import { refusal, type StockFields, single } from '../models/useNativeOps';
import { batchNorm } from '../norms/batchNorm';
import { batchNormInference } from '../norms/batchNormInference';
import { layerNorm } from '../norms/layerNorm';
import { tf } from '../tensorflow';
import { countNative, countStock } from './report';

/** A built layer of tfjs's. Its fields are private there. */
type StockLayer = Omit<StockFields, 'call'> & {
  gamma?: LayerVariable | null;
  beta?: LayerVariable | null;
  movingMean: LayerVariable;
  movingVariance: LayerVariable;
};
type Call = (this: StockLayer, inputs: Tensor | Tensor[], kwargs: Kwargs) => Tensor | Tensor[];

interface DropIn {
  prototype: { call: Call };
  className: string;
  /** The least rank of the input that the native op takes. */
  rank: number;
  run(layer: StockLayer, x: Tensor, kwargs: Kwargs): Tensor;
}

const affineOf = ({ gamma, beta }: StockLayer) => ({ gamma: gamma?.read(), beta: beta?.read() });
const prototypeOf = (layer: object) =>
  (layer.constructor as unknown as { prototype: { call: Call } }).prototype;

const DROP_INS: DropIn[] = [
  {
    prototype: prototypeOf(tf.layers.batchNormalization({ name: 'stock' })),
    className: 'BatchNormalization',
    rank: 2,
    run(layer, x, kwargs) {
      const { epsilon, momentum, movingMean, movingVariance } = layer;
      const options = { ...affineOf(layer), axis: single(layer.axis) as number, epsilon };
      const [mean, variance] = [movingMean.read(), movingVariance.read()];
      // As tfjs has it, a layer that is not trainable uses the statistics of the batch in training, too.
      if (!kwargs?.training) return batchNormInference(x, { ...options, mean, variance });
      const moving = { movingMean: mean, movingVariance: variance };
      const result = batchNorm(x, { ...options, ...moving, momentum });
      movingMean.write(result.movingMean);
      movingVariance.write(result.movingVariance);
      return result.y;
    },
  },
  {
    prototype: prototypeOf(tf.layers.layerNormalization({ name: 'stock' })),
    className: 'LayerNormalization',
    rank: 1,
    run: (layer, x) =>
      layerNorm(x, { ...affineOf(layer), axis: layer.axis, epsilon: layer.epsilon }),
  },
];

/** What every copy of this package in the process sees. */
export const replacedClass: object = DROP_INS[0]!.prototype;

interface Reason {
  text: string;
  /** Known before the call, and said already where the package loaded. */
  expected: boolean;
}

function reasonForStock(dropIn: DropIn, layer: StockLayer, x: Tensor): Reason | undefined {
  if (deviceOn(tf.getBackend()) === 'composed') return { text: device().reason, expected: true };
  // The gradient of a native op is a native op, which has none; tfjs's layers are made of ops that have.
  const { gradientDepth } = tf.engine().state as unknown as { gradientDepth: number };
  const text =
    gradientDepth > 1
      ? 'native ops have no gradients of gradients'
      : x.dtype !== 'float32'
        ? `the native op takes float32, this input is ${x.dtype}`
        : x.rank < dropIn.rank
          ? `the native op takes rank ${dropIn.rank} or more, this input has ${x.rank}`
          : refusal(dropIn.className, layer as unknown as StockFields, dropIn.className);
  return text === undefined ? undefined : { text, expected: false };
}

/** Lets native ops compute these layers, also those that exist already. Gives what undoes it. */
export function replaceLayerCalls(): () => void {
  const undo = DROP_INS.map((dropIn) => {
    const { prototype, className } = dropIn;
    const stock = prototype.call;
    prototype.call = function (inputs, kwargs) {
      const x = Array.isArray(inputs) ? inputs[0] : inputs;
      // Several inputs, or none, are tfjs's to refuse.
      if (!x || (Array.isArray(inputs) && inputs.length > 1)) {
        return stock.call(this, inputs, kwargs);
      }
      const reason = reasonForStock(dropIn, this, x);
      if (reason) {
        countStock(className, this.name, reason.text, reason.expected);
        return stock.call(this, inputs, kwargs);
      }
      const y = tf.tidy(() => dropIn.run(this, x, kwargs));
      countNative(className, this.name);
      return y;
    };
    return () => {
      prototype.call = stock;
    };
  });
  return () => {
    for (const one of undo) one();
  };
}
