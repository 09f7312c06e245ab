/** What the gains of `weightNormGain` do to the norms of activations and gradients of deep networks at their start. */
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { generator } from '../support/arrays';

const INPUTS = 8;
const LAYERS = 20;
const BLOCKS = 40;
type Role = 'relu' | 'lastInBranch';
type Variant = 'forward' | 'backward';
type Kernels = Record<'first' | 'up' | 'down', Tensor2D>;
type Layer = (x: Tensor2D) => Tensor2D;

/**
 * Layers that turn by turn have `width` - 50 and + 50 units, with one orthogonal matrix and its transpose as directions.
 * A matrix is orthogonal with its rows in any order and of any sign: each layer draws its own order and, for each input,
 * its own signs, which go to its input in place of the matrix.
 */
function layersOf({ first, up, down }: Kernels, variant: Variant | null) {
  const uniform = generator(11);
  const gains = { up: new Map<string, Tensor2D>(), down: new Map(), first: new Map() };
  return (of: keyof Kernels, role: Role = 'relu'): Layer => {
    const v = { first, up, down }[of];
    const [fanIn, fanOut] = v.shape;
    if (!gains[of].has(role)) {
      const given = { role, variant: variant ?? 'forward', blocksInStage: BLOCKS };
      const gain = variant ? norm.initializers.weightNormGain(given).gain(fanIn, fanOut) : 1;
      gains[of].set(role, norm.ops.weightNorm(v, { g: tf.fill([fanOut], gain) }));
    }
    const w = gains[of].get(role) as Tensor2D;
    const order = Array.from({ length: fanIn }, (_, i) => i);
    for (let i = fanIn - 1; i > 0; i--) {
      const other = Math.floor(uniform() * (i + 1));
      [order[i], order[other]] = [order[other]!, order[i]!];
    }
    const signs = Float32Array.from({ length: INPUTS * fanIn }, () => (uniform() < 0.5 ? -1 : 1));
    const [indices, sign] = [tf.tensor1d(order, 'int32'), tf.tensor2d(signs, [INPUTS, fanIn])];
    return (x) => tf.matMul(tf.gather(tf.mul(x, sign), indices, 1), w);
  };
}

function plain(layer: ReturnType<typeof layersOf>): Layer {
  const layers = Array.from({ length: LAYERS }, (_, i) =>
    layer(i === 0 ? 'first' : i % 2 === 1 ? 'down' : 'up'),
  );
  return (x) => layers.reduce((h, next) => tf.relu(next(h)), x);
}

function residual(layer: ReturnType<typeof layersOf>): Layer {
  const blocks = Array.from({ length: BLOCKS }, () => [layer('up'), layer('down', 'lastInBranch')]);
  return (x) =>
    blocks.reduce((h, [conv1, conv2]) => tf.add(h, conv2!(tf.relu(conv1!(h)))) as Tensor2D, x);
}

/** The norm of the outputs over that of the inputs, and of the gradients likewise: the means over the inputs. */
function ratios(network: Layer, inputs: number): [number, number] {
  const draw = (columns: number, seed: number) =>
    tf.randomNormal([INPUTS, columns], 0, 1, 'float32', seed) as Tensor2D;
  const x = draw(inputs, 7);
  const dy = draw(network(x).shape[1], 8);
  const { value, grad } = tf.valueAndGrad(network as (x: Tensor) => Tensor)(x, dy);
  const ratio = (a: Tensor, b: Tensor) =>
    tf.mean(tf.div(tf.norm(a, 'euclidean', 1), tf.norm(b, 'euclidean', 1))).dataSync()[0]!;
  return [ratio(value, x), ratio(grad, dy)];
}

const { device } = norm.device();
// What matters here is arithmetic of the gains: once is enough for the wide networks.
const widths = device === 'host' ? [200, 1000] : [200];

describe.each(widths)('weightNormGain in layers of %d +- 50', (width) => {
  const [narrow, wide] = [width - 50, width + 50];
  type Make = (rows: number, columns: number, seed: number) => Tensor2D;
  const kernels = (make: Make): Kernels => {
    const up = make(narrow, wide, 1);
    // Some rows of an orthogonal matrix are orthogonal.
    const first = narrow < 500 ? make(500, wide, 2) : tf.slice(up, [0, 0], [500, wide]);
    return { first, up, down: tf.transpose(up) };
  };
  let orthogonal: Kernels;
  beforeAll(() => {
    const make: Make = (rows, columns, seed) =>
      norm.initializers.orthogonal({ seed }).apply([rows, columns]) as Tensor2D;
    // Every product of an entry of one orthogonal matrix with one of another, in place of a factorization of 950 x 1050.
    const large: Make = (rows, columns, seed) => {
      const [a, b] = [make(rows / 25, columns / 25, seed), make(25, 25, seed + 1)];
      const products = tf.mul(
        tf.reshape(a, [rows / 25, 1, columns / 25, 1]),
        tf.reshape(b, [25, 1, 25]),
      );
      return tf.reshape(products, [rows, columns]);
    };
    orthogonal = tf.tidy(() => kernels(width === 1000 ? large : make));
  });
  afterAll(() => tf.dispose(Object.values(orthogonal)));

  const of = (variant: Variant | null, kind = plain, from = orthogonal) =>
    tf.tidy(() => ratios(kind(layersOf(from, variant)), kind === plain ? 500 : narrow));

  // The paper's figure 1. Single networks spread about 1 by 0.2 at width 200 and by 0.1 at 1000.
  const spread = width === 200 ? 0.4 : 0.2;
  const nearOne = (ratio: number) => {
    expect(ratio).toBeGreaterThan(1 - spread);
    expect(ratio).toBeLessThan(1 + spread);
  };
  test('forward gains keep the norm of the activations over 20 layers', () => {
    nearOne(of('forward')[0]);
  });
  test('backward gains keep the norm of the gradients', () => {
    nearOne(of('backward')[1]);
  });
  test('with gains of 1 it vanishes, to 2^-10 in either direction', () => {
    for (const ratio of of(null)) {
      expect(ratio).toBeGreaterThan(4e-4);
      expect(ratio).toBeLessThan(2e-3);
    }
  });
  test('normally distributed directions do nearly as well', () => {
    tf.tidy(() => {
      const draw: Make = (rows, columns, seed) =>
        tf.randomNormal([rows, columns], 0, 1, 'float32', seed) as Tensor2D;
      nearOne(of('forward', plain, kernels(draw))[0]);
    });
  });
  // (1 + 1/B)^(B/2) = 1.639 for B = 40 blocks; between sqrt(2) and sqrt(e) for any B.
  test('40 residual blocks grow both by about 1.64, with gains of 1 by thousands', () => {
    for (const ratio of of('forward', residual)) {
      expect(Math.abs(ratio / (1 + 1 / BLOCKS) ** (BLOCKS / 2) - 1)).toBeLessThan(spread / 4);
    }
    for (const ratio of of(null, residual)) {
      expect(ratio).toBeGreaterThan(2e3);
      expect(ratio).toBeLessThan(5e3);
    }
  });
});
