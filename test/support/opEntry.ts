/** What a file of test/support/ops says about one normalizer, for the tests that ask the same of all. */
import type { Tensor } from '@tensorflow/tfjs';
import {
  centered,
  type Gradients,
  type Options,
  type Parameters,
  type Partition,
} from './reference';

export interface OpEntry {
  /** Of what normalizes activations by statistics. */
  everyOp?: EveryOp;
  /** Calls of the native ops that gradients of `everyOp` do not make. */
  otherCalls?: (() => unknown)[];
  /** A valid call of each native op that the normalizer declares; none where it runs another one's. */
  rawOps: RawOp[];
}

/** The public op: six channels, no parameters unless given. */
export interface EveryOp {
  name: string;
  /** What the op calls its input; 'x' unless given. */
  input?: string;
  op(x: Tensor, options?: object): Tensor;
  /** Which elements share a statistic and which a parameter. */
  partition(shape: readonly number[], options?: Options): Partition;
  /** The float64 definition of y and of the gradients. */
  reference(
    x: Float64Array,
    shape: readonly number[],
    options?: Options,
    parameters?: Parameters,
  ): { y: Float64Array; gradients(dy: Float64Array): Gradients };
  /** Whether statistics are those of one sample alone. */
  perSample: boolean;
  /** Whether a sample and a channel have statistics that the other ones do not enter. */
  mixed?: boolean;
  /** Whether statistics are of rows (the trailing axes), not of channels. */
  rows?: boolean;
  /** Whether x is scaled but its own mean stays. */
  keepsMean?: boolean;
  /** Whether an element's result depends on no other element; an infinite one's is finite. */
  elementwise?: boolean;
  /** Whether x is not scaled: y is as large as x, or larger. */
  unscaled?: boolean;
  /** Options with which any number of channels will do. */
  anyChannels?: object;
  /** With which every element is alone in its statistic; [1, 6] unless given. */
  oneValue?: { shape?: number[]; options?: object };
  /** Valid options for the shape and data of this mean, by two numbers in [0, 1); undefined where none are. */
  randomOptions(
    shape: number[],
    draw: { channelAxis: number; pick: number; choice: number; mean: number },
  ): object | undefined;
  /** Kernels of a call; a pass, coefficients, a pass unless given. */
  launches?: { forward: number; backward: number };
  /** Bytes of outputs for each (sample, channel) pair; 16 unless given. */
  perPair?: number;
  /** Calls of the native ops that a gradient of `op` does not make. */
  otherCalls?: (() => unknown)[];
}

export interface RawOp {
  name: string;
  outputs: number;
  /** Shapes, in input order. */
  inputs: Record<string, number[]>;
  attributes: Record<string, number | boolean>;
  /** Those without which the inputs do not fit. */
  needed?: Record<string, number | boolean>;
  /** Of a forward op: the documented defaults. Its gradient has the same. */
  defaults?: Record<string, number>;
  /** Of a gradient: attributes that its forward op has not. */
  own?: string[];
  /** Whether the first input may have any shape. */
  anyShape?: boolean;
  /** Vectors that may have any length but 0. */
  anyLength?: string[];
  /** Values that attributes of its own must refuse. */
  wrong?: Record<string, number[]>;
}

export const EPSILON = 1e-3;

export const withCentered = (
  partition: EveryOp['partition'],
): Pick<EveryOp, 'partition' | 'reference'> => ({
  partition,
  reference: (x, shape, options = {}, parameters = {}) =>
    centered(x, partition(shape, options), parameters, options.epsilon ?? EPSILON),
});

export function choose<T>(of: T[], at: number): T {
  return of[Math.floor(at * of.length)]!;
}

export const divisors = (n: number) =>
  Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);

/** The trailing axes from a channel axis on, seldom all but the first. */
export function randomAxes(
  shape: number[],
  { channelAxis, choice }: { channelAxis: number; choice: number },
): number[] {
  const axes = Array.from({ length: shape.length }, (_, d) => d);
  return axes.filter((d) => d >= channelAxis || (d > 0 && choice > 0.8));
}

/** x of the raw calls, and attributes that most ops have. */
export const X = [4, 3, 3, 6];
export const AFFINE = { scale: true, center: true, epsilon: 1e-3 };
