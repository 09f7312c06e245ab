/** The tests every normalizer must pass, from one table (test/norms). */
import type { LayersModel, layers, Tensor } from '@tensorflow/tfjs';
import { describeBackends } from './checks/backends';
import { describeBadArguments } from './checks/badArguments';
import { describeDeterminism } from './checks/determinism';
import { describeForward } from './checks/forward';
import { describeGradients } from './checks/gradients';
import { describeInvariance } from './checks/invariance';
import { describeLayerContract } from './checks/layerContract';
import { describeMemory } from './checks/memory';
import { describeTraining } from './checks/training';
import type { Gradients, Options, Parameters, Partition } from './reference';

export type Layer = layers.Layer;
export type Model = LayersModel;

export interface Case {
  shape: number[];
  options?: Options;
  scale?: boolean;
  center?: boolean;
  /** Of the data; default mean 0.5, deviation 1.5. */
  mean?: number;
  deviation?: number;
}

export interface ExpectedWeight {
  name: string;
  shape: number[];
  trainable: boolean;
}

export interface LayerTable {
  className: string;
  create(args?: Record<string, unknown>): Layer;
  /** A value other than the default for each argument of its own, as getConfig gives it. */
  everyArgument: Record<string, unknown>;
  defaults: Record<string, unknown>;
  /** Arguments with which the layer fits six channels. */
  usable: Record<string, unknown>;
  weights(shape: number[], args: Record<string, unknown>): ExpectedWeight[];
}

export interface Normalizer {
  name: string;
  /** The first has shape [3, 5, 4, 6] and the layer's usable arguments. */
  cases: Case[];
  /** None where the op has none. */
  epsilon?: number;
  /** Default presence of gamma and beta in the layer. */
  scale: boolean;
  center: boolean;
  /** Where gamma starts; 1 unless given. */
  scaleStart?: number;
  /** Of the data that a model with the layer is trained on; mean 3, deviation 2 unless given. */
  trainingData?: { mean: number; deviation: number };
  op(x: Tensor, parameters: { gamma?: Tensor; beta?: Tensor }, options: Options): Tensor;
  partition(shape: readonly number[], options: Options): Partition;
  reference(
    x: Float64Array,
    partition: Partition,
    parameters: Parameters,
    options: Options & { epsilon: number },
  ): {
    y: Float64Array;
    gradients(dy: Float64Array): Gradients;
    /** Options with which the reference holds what its gradients take as constants. */
    held?: object;
  };
  layer: LayerTable;
  /** Whether y(a x + b) = y(x): both, or the scale only; or y(a x) - y(0) = a (y(x) - y(0)); or nothing of these. */
  invariance: 'shift and scale' | 'scale' | 'proportional' | 'none';
  /** Whether samples count in their order. */
  ordered?: boolean;
  /** Whether dx is the output of a process of its own, which the reference defines, and no derivative. */
  controlled?: boolean;
  /** Whether a sample's result depends on no other sample. */
  independentSamples: boolean;
  /** Calls that must throw, with what the message must say. */
  badArguments: [what: string, call: () => unknown, message: RegExp][];
}

export function describeNormalizer(normalizer: Normalizer): void {
  describe(normalizer.name, () => {
    describeLayerContract(normalizer);
    describeForward(normalizer);
    describeGradients(normalizer);
    describeTraining(normalizer);
    describeMemory(normalizer);
    describeDeterminism(normalizer);
    describeBackends(normalizer);
    describeBadArguments(normalizer);
    describeInvariance(normalizer);
  });
}

/** Whether the case has several samples whose results may depend on each other only through the batch. */
export function hasSeparateSamples({ shape, options = {} }: Case): boolean {
  return shape[0]! > 1 && !shape.includes(0) && ![options.axis].flat().includes(0);
}

export function title({ shape, options = {}, scale = true, center = true }: Case): string {
  const words = Object.entries(options).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  if (!scale) words.push('no scale');
  if (!center) words.push('no center');
  return [`[${shape}]`, ...words].join(', ');
}
