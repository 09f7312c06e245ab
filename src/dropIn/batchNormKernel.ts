/** tfjs's kernel `FusedBatchNorm`, which `tf.batchNorm` and FusedBatchNormV3 of graph models call, computed by the native op. */
import type { KernelConfig, Tensor, TensorInfo } from '@tensorflow/tfjs-node';
import { deviceOn } from '../core/device';
import { runOp } from '../core/kernels';
import { tf } from '../tensorflow';
import { countNative, countStock } from './report';

const NAME = 'FusedBatchNorm';

interface Inputs {
  x: Tensor;
  mean: Tensor;
  variance: Tensor;
  scale?: Tensor;
  offset?: Tensor;
}

function reasonForStock({ x, ...parameters }: Inputs, epsilon: number): string | undefined {
  const given = Object.values(parameters).filter((tensor) => tensor != null);
  if ([x, ...given].some(({ dtype }) => dtype !== 'float32'))
    return 'the native op takes float32 only';
  if (!(epsilon > 0 && epsilon < Number.POSITIVE_INFINITY)) return `epsilon is ${epsilon}`;
  const channels = x.shape.at(-1);
  return given.every(({ shape }) => shape.length === 1 && shape[0] === channels)
    ? undefined
    : `the native op takes parameters of shape [${channels}]`;
}

function runNative({ x, mean, variance, scale, offset }: Inputs, epsilon: number): Tensor {
  return tf.tidy(() => {
    const none = tf.tensor1d([], 'float32');
    const inputs = { x, gamma: scale ?? none, beta: offset ?? none, mean, variance };
    const attributes = {
      axis: x.shape.length - 1,
      epsilon,
      scale: scale != null,
      center: offset != null,
    };
    return runOp('TfjsBatchNormInference', inputs, attributes)[0]!;
  });
}

function replaceOn(backendName: string): () => void {
  const stock = tf.getKernel(NAME, backendName);
  if (!stock || deviceOn(backendName) === 'composed') return () => {};
  const use = (config: KernelConfig): void => {
    tf.unregisterKernel(NAME, backendName);
    tf.registerKernel(config);
  };
  use({
    ...stock,
    kernelFunc(call): TensorInfo | TensorInfo[] {
      const inputs = call.inputs as unknown as Inputs;
      const epsilon = call.attrs!.varianceEpsilon as number;
      const reason = reasonForStock(inputs, epsilon);
      if (reason === undefined) {
        const y = runNative(inputs, epsilon);
        countNative(NAME, NAME);
        return y;
      }
      // Parameters of x's shape are how tfjs's own layer normalization calls it.
      countStock(NAME, NAME, reason, true);
      return stock.kernelFunc(call);
    },
  });
  return () => use(stock);
}

/** Lets the native op compute batch normalization with given statistics. Gives what undoes it. */
export function replaceBatchNormKernel(): () => void {
  const undo = ['tensorflow', 'cpu'].map(replaceOn);
  return () => {
    for (const one of undo) one();
  };
}
