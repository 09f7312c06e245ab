/** Whether the activations of a network stay near mean 0 and variance 1 from layer to layer. */
import type { LayersModel, Tensor } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { opFail } from '../core/errors';
import { checkFixedPoint, type FixedPoint } from '../core/selu';
import { Selu, SeluAlphaDropout } from '../norms/dropoutLayers';
import { tf } from '../tensorflow';
import { type Layer, layersOf } from './walk';

/** One call of one layer. */
export interface LayerMoments {
  name: string;
  className: string;
  /** Of all values that the layer gave for the batch. */
  mean: number;
  variance: number;
  /** Of a layer with a kernel: the average over its units of the sum of their weights, and of the sum of their squares. */
  weights?: { sum: number; squares: number };
  /** Whether this is the output of a SELU, of which the verdict is. */
  judged: boolean;
  /** Within the bounds; false also for what is not a number. */
  ok: boolean;
}

/** What {@link checkSelfNormalizing} found. */
export interface SelfNormalizingReport {
  /** Whether there are outputs of SELUs and all of them are within the bounds. */
  selfNormalizing: boolean;
  /** Mean and variance of the model's inputs together. */
  input: { mean: number; variance: number; ok: boolean };
  /** In the order of the calls. */
  layers: LayerMoments[];
  /** Why not, and what may be the cause; empty where all is well. */
  reasons: string[];
}

/** The domain of the theorem in the paper, around mean 0 and relative to variance 1. */
const MEAN = 0.1;
const VARIANCE = [0.8, 1.5] as const;
/** Of the sum of a unit's squared weights. */
const SQUARES = [0.9, 1.1] as const;

const short = (value: number) => String(Number(value.toPrecision(3)));

function momentsOf(values: Tensor[]): { mean: number; variance: number } {
  return tf.tidy(() => {
    const all = tf.concat(values.map((value) => tf.reshape(tf.cast(value, 'float32'), [-1])));
    const { mean, variance } = tf.moments(all);
    return { mean: mean.dataSync()[0]!, variance: variance.dataSync()[0]! };
  });
}

function weightsOf(layer: Layer): LayerMoments['weights'] {
  const kernel = (layer as Layer & { kernel?: { read(): Tensor } }).kernel?.read();
  if (!kernel || kernel.rank < 2) return undefined;
  return tf.tidy(() => {
    const units = tf.reshape(kernel, [-1, kernel.shape.at(-1)!]);
    const average = (perUnit: Tensor) => tf.mean(perUnit).dataSync()[0]!;
    return {
      sum: average(tf.sum(units, 0)),
      squares: average(tf.sum(tf.square(units), 0)),
    };
  });
}

const isModel = (layer: unknown): boolean => layer instanceof tf.LayersModel;

function isSelu(layer: Layer): boolean {
  if (layer instanceof Selu || layer instanceof SeluAlphaDropout) return true;
  const { activation } = layer as Layer & { activation?: { getClassName?(): string } };
  return activation?.getClassName?.() === 'selu';
}

/** Calls `record` with what each layer gives while `body` runs. */
function recordCalls(
  all: Iterable<Layer>,
  record: (layer: Layer, output: Tensor[]) => void,
  body: () => void,
): void {
  const recorded = [...all];
  for (const layer of recorded) {
    const { call } = layer;
    layer.call = function (this: Layer, ...args) {
      const output = call.apply(this, args);
      record(layer, Array.isArray(output) ? output : [output]);
      return output;
    };
  }
  try {
    body();
  } finally {
    // The method of the class again.
    for (const layer of recorded) delete (layer as Partial<Layer>).call;
  }
}

/**
 * Runs a batch through the model as in inference, and holds the output of every SELU against the bounds within which the
 * paper proves that mean and variance are drawn to 0 and 1: mean within 0.1 of 0, variance from 0.8 to 1.5. For
 * parameters of another fixed point, give its `mean` and `variance`: the bounds are relative to them.
 *
 *     const { selfNormalizing, layers, reasons } = norm.checkSelfNormalizing(model, batch);
 *
 * `batch` is the model's input or a list of its inputs: some hundreds of samples as training has them. SELUs are layers
 * `Selu` and `SeluAlphaDropout` and stock layers with activation 'selu', also inside of nested models and wrappers.
 *
 * Throws a `NormError` where `model` is not a tfjs layers model and where `batch` is no tensor or is empty.
 */
export function checkSelfNormalizing(
  model: LayersModel,
  batch: Tensor | Tensor[],
  given?: FixedPoint,
): SelfNormalizingReport {
  const fail = opFail('checkSelfNormalizing');
  if (!(model instanceof tf.LayersModel)) return fail('model', 'must be a tf.LayersModel', model);
  const fixed = checkFixedPoint(fail, checkOptions(fail, given));
  const inputs = Array.isArray(batch) ? batch : [batch];
  if (
    inputs.length === 0 ||
    !inputs.every((input) => input instanceof tf.Tensor && input.size > 0)
  ) {
    return fail('batch', 'must be a tensor with elements, or a list of such', batch);
  }
  const within = ({ mean, variance }: { mean: number; variance: number }) =>
    Math.abs(mean - fixed.mean) <= MEAN * Math.sqrt(fixed.variance) &&
    variance >= VARIANCE[0] * fixed.variance &&
    variance <= VARIANCE[1] * fixed.variance;

  const found: LayerMoments[] = [];
  const leaves = layersOf(model).flatMap(({ layer }) => (isModel(layer) ? [] : [layer]));
  const record = (layer: Layer, output: Tensor[]) => {
    const moments = momentsOf(output);
    const { name } = layer;
    const judged = isSelu(layer);
    const weights = weightsOf(layer);
    const className = layer.getClassName();
    found.push({
      name,
      className,
      ...moments,
      ...(weights && { weights }),
      judged,
      ok: within(moments),
    });
  };
  tf.tidy(() => recordCalls(leaves, record, () => void model.apply(batch, { training: false })));

  const moments = momentsOf(inputs);
  const input = { ...moments, ok: within(moments) };
  const judged = found.filter((layer) => layer.judged);
  const selfNormalizing = judged.length > 0 && judged.every(({ ok }) => ok);
  return {
    selfNormalizing,
    input,
    layers: found,
    reasons: reasonsOf(found, input, selfNormalizing),
  };
}

function reasonsOf(
  found: LayerMoments[],
  input: SelfNormalizingReport['input'],
  selfNormalizing: boolean,
): string[] {
  if (selfNormalizing) return [];
  const judged = found.filter((layer) => layer.judged);
  if (judged.length === 0) return ['the model has no SELU'];
  const reasons = judged
    .filter(({ ok }) => !ok)
    .map(
      ({ name, mean, variance }) =>
        `${name} gives mean ${short(mean)} and variance ${short(variance)}`,
    );
  if (!input.ok) {
    reasons.push(
      `the input has mean ${short(input.mean)} and variance ${short(input.variance)}: standardize it`,
    );
  }
  for (const { name, weights } of found) {
    if (!weights || (weights.squares >= SQUARES[0] && weights.squares <= SQUARES[1])) continue;
    reasons.push(
      `${name}: the squares of a unit's weights add up to ${short(weights.squares)}, not 1: ` +
        'initialize with norm.initializers.leCunNormal',
    );
  }
  return reasons;
}
