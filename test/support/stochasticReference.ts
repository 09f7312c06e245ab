/** Affine maps with noise of channels: definitions, layouts, and an op against its definition. */
import type { Tensor } from '@tensorflow/tfjs';
import { type Array64, array64, sizeOf } from './arrays';
import { expectClose } from './expectClose';
import { tensor, withGradients } from './tensors';

export type Granularity = 'batch' | 'sample';

/** A shape, and what shares noise. */
export interface Layout {
  shape: number[];
  axis: number;
  granularity: Granularity;
}

/** The number of each element's channel, and of its pair of sample and channel. */
export function placesOf({ shape, axis, granularity }: Layout) {
  const channels = shape[axis]!;
  const after = sizeOf(shape.slice(axis + 1));
  const perSample = sizeOf(shape.slice(1));
  const at = Array.from({ length: sizeOf(shape) }, (_, i) => {
    const channel = Math.floor(i / after) % channels;
    const sample = granularity === 'sample' ? Math.floor(i / perSample) : 0;
    return { channel, pair: sample * channels + channel };
  });
  return { channels, pairs: channels * (granularity === 'sample' ? shape[0]! : 1), at };
}

type Places = ReturnType<typeof placesOf>;
type Numbers = ArrayLike<number>;

/** Sums over the elements of each channel or pair. */
function sums(count: number, by: number[], terms: number[]): number[] {
  const all = Array<number>(count).fill(0);
  for (const [i, term] of terms.entries()) all[by[i]!]! += term;
  return all;
}

/** y, and the gradients of x, gamma, beta, u and v. */
export function batchReference(
  { at, channels, pairs }: Places,
  [x, gamma, beta, u, v]: Numbers[],
  dy: Numbers,
) {
  const each = (f: (i: number, channel: number, pair: number) => number) =>
    at.map(({ channel, pair }, i) => f(i, channel, pair));
  const ofChannel = at.map((a) => a.channel);
  const ofPair = at.map((a) => a.pair);
  return {
    y: each((i, c, p) => gamma![c]! * v![p]! * (x![i]! - u![p]!) + beta![c]!),
    grads: [
      each((i, c, p) => gamma![c]! * v![p]! * dy[i]!),
      sums(
        channels,
        ofChannel,
        each((i, _, p) => v![p]! * (x![i]! - u![p]!) * dy[i]!),
      ),
      sums(channels, ofChannel, Array.from(dy)),
      sums(
        pairs,
        ofPair,
        each((i, c, p) => -gamma![c]! * v![p]! * dy[i]!),
      ),
      sums(
        pairs,
        ofPair,
        each((i, c, p) => gamma![c]! * (x![i]! - u![p]!) * dy[i]!),
      ),
    ],
  };
}

/** y, and the gradients of x and the four parameters. */
export function learnedReference(
  { at, channels }: Places,
  [x, m, rho, bias, tau, e1, e2]: Numbers[],
  dy: Numbers,
) {
  const by = at.map((a) => a.channel);
  const s = at.map(({ channel: c, pair: p }) => Math.exp(m![c]! + Math.exp(rho![c]!) * e1![p]!));
  const offsets = at.map(({ channel: c, pair: p }) => Math.exp(tau![c]!) * e2![p]!);
  const byLog = s.map((scale, i) => scale * x![i]! * dy[i]!);
  return {
    y: at.map(({ channel: c }, i) => s[i]! * x![i]! + bias![c]! + offsets[i]!),
    grads: [
      s.map((scale, i) => scale * dy[i]!),
      sums(channels, by, byLog),
      sums(
        channels,
        by,
        at.map(({ channel: c, pair: p }, i) => byLog[i]! * Math.exp(rho![c]!) * e1![p]!),
      ),
      sums(channels, by, Array.from(dy)),
      sums(
        channels,
        by,
        offsets.map((t, i) => t * dy[i]!),
      ),
    ],
  };
}

export const GRANULARITIES = ['batch', 'sample'] as const;
export const LAYOUTS: Layout[] = GRANULARITIES.flatMap((granularity) => [
  { shape: [5, 3], axis: 1, granularity },
  { shape: [1, 1], axis: 1, granularity },
  { shape: [3, 4, 5, 8], axis: 3, granularity },
  { shape: [3, 6, 4, 5], axis: 1, granularity },
  { shape: [2, 3, 5, 4], axis: 2, granularity },
  { shape: [70, 2, 3], axis: 2, granularity },
  { shape: [300, 12], axis: 1, granularity },
]);
const TOLERANCE = { scaled: 2e-6, relative: 3e-6 };

/** What an op gives against what its definition does. */
export function checkAffine(
  op: (...inputs: Tensor[]) => Tensor,
  inputs: Array64[],
  reference: { y: number[]; grads: number[][] },
  shape: number[],
  dy: Array64,
) {
  const { y, grads } = withGradients(op, inputs.map(tensor), tensor(dy));
  expect(y.shape).toEqual(shape);
  expectClose('y', y, reference.y, TOLERANCE);
  grads.forEach((grad, i) => {
    expect(grad.shape).toEqual(inputs[i]!.shape);
    expectClose(`gradient ${i}`, grad, reference.grads[i]!, TOLERANCE);
  });
}

export const pairShape = ({ shape, axis, granularity }: Layout) =>
  granularity === 'sample' ? [shape[0]!, shape[axis]!] : [shape[axis]!];
export const float = ({ shape, data }: Array64): Array64 => array64(shape, data.map(Math.fround));
