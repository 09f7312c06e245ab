import { norm, tf } from '../../../src';
import { type RawOp, X } from '../opEntry';

const { alphaDropout, selu, seluAlphaDropout } = norm.ops;
const options = { rate: 0.5, seed: 1 };

export const otherCalls = [
  () => tf.grad((x) => selu(x))(tf.ones([3, 4])),
  () => tf.grad((x) => alphaDropout(x, options))(tf.ones([3, 4])),
  () => tf.grad((x) => seluAlphaDropout(x, options))(tf.ones([3, 4])),
];

const positive = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-46];
const finite = [Number.NaN, Number.NEGATIVE_INFINITY];
const wrong = {
  positive,
  negative: positive,
  slope: positive,
  offset: finite,
  dropped: finite,
  threshold: [-1, 2 ** 24 + 1],
  shared_axes: [-1, 16, 2 ** 31 - 1],
};
const map = { positive: 1, negative: 1.5 };
const random = { threshold: 2 ** 23, shared_axes: 0 };
const mapDefaults = { positive: 1.0507009873554805, negative: 1.7580993408473768 };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsSelu',
    outputs: 1,
    inputs: { x: X },
    attributes: map,
    defaults: mapDefaults,
    anyShape: true,
    wrong,
  },
  { name: 'TfjsSeluGrad', outputs: 1, inputs: { dy: X, y: X }, attributes: map, wrong },
  {
    name: 'TfjsAlphaDropout',
    outputs: 1,
    inputs: { x: X, seed: [8] },
    attributes: { slope: 0.5, offset: 0.25, dropped: -1, ...random },
    defaults: { slope: 1, offset: 0, dropped: -mapDefaults.negative, threshold: 0, shared_axes: 0 },
    anyShape: true,
    wrong,
  },
  {
    name: 'TfjsAlphaDropoutGrad',
    outputs: 1,
    inputs: { dy: X, seed: [8] },
    attributes: { slope: 0.5, ...random },
    anyShape: true,
    wrong,
  },
  {
    name: 'TfjsSeluAlphaDropout',
    outputs: 1,
    inputs: { x: X, seed: [8] },
    attributes: { ...map, offset: 0.25, ...random },
    defaults: { ...mapDefaults, offset: 0, threshold: 0, shared_axes: 0 },
    anyShape: true,
    wrong,
  },
  {
    name: 'TfjsSeluAlphaDropoutGrad',
    outputs: 1,
    inputs: { dy: X, y: X },
    attributes: { ...map, offset: 0.25 },
    wrong,
  },
];
