/** The float64 definition of attentive norm, with the Jacobian of every step. */
import { sizeOf } from './arrays';
import { type Options, type Partition, statistics } from './reference';

export interface AttentiveParameters {
  /** [K, C] each. */
  gamma?: Float64Array;
  beta?: Float64Array;
  kernel: Float64Array;
  /** [K] each. */
  bias?: Float64Array;
  attentionGamma?: Float64Array;
  attentionBeta?: Float64Array;
}

interface Given {
  mean: Float64Array;
  variance: Float64Array;
}

export interface AttentiveSettings extends Options {
  epsilon: number;
  /** Where they are given, batch statistics of x and of the logits are these constants. */
  moving?: Given;
  attentionMoving?: Given;
}

export interface AttentiveGradients extends Required<AttentiveParameters> {
  x: Float64Array;
}

/** Indices of logits that are normalized together, with what they are normalized by. */
interface LogitSet {
  members: number[];
  mean: number;
  variance: number;
  rho: number;
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

/** The sets of an instance partition joined: over the samples, or over each sample's groups. */
function backbonePartition(
  p: Partition,
  channels: number,
  { backbone = 'batch', groups = 32 }: Options,
): Partition {
  if (backbone === 'batch') return { ...p, set: p.set.map((s) => s % channels), sets: channels };
  const size = channels / groups;
  return { ...p, set: p.set.map((s) => Math.floor(s / size)), sets: p.sets / size };
}

function logitSets(
  z: Float64Array,
  k: number,
  { attentionNorm = 'batch', attentionMoving, epsilon }: AttentiveSettings,
): LogitSet[] {
  if (attentionNorm === 'none') return [];
  const rows = z.length / k;
  const ofBatch = attentionNorm === 'batch';
  return range(ofBatch ? k : rows).map((i) => {
    const members = range(ofBatch ? rows : k).map((j) => (ofBatch ? j * k + i : i * k + j));
    const mean = sum(members.map((m) => z[m]! / members.length));
    const variance = sum(members.map((m) => (z[m]! - mean) ** 2 / members.length));
    const given = ofBatch ? attentionMoving : undefined;
    const by = given ? given.variance[i]! : variance;
    return { members, mean: given?.mean[i] ?? mean, variance, rho: 1 / Math.sqrt(by + epsilon) };
  });
}

function activate(row: number[], activation: Options['attentionActivation']): number[] {
  if (activation === 'sigmoid') return row.map((z) => 1 / (1 + Math.exp(-z)));
  if (activation !== 'softmax') return row.map((z) => Math.min(Math.max(z + 3, 0), 6) / 6);
  const powers = row.map((z) => Math.exp(z - Math.max(...row)));
  return powers.map((power) => power / sum(powers));
}

/** d lambda_j / d zt_i of a sample's weights. */
function slope(
  weights: number[],
  j: number,
  i: number,
  activation: Options['attentionActivation'],
) {
  const w = weights[j]!;
  if (activation === 'softmax') return w * ((i === j ? 1 : 0) - weights[i]!);
  if (i !== j) return 0;
  if (activation === 'sigmoid') return w * (1 - w);
  return w > 0 && w < 1 ? 1 / 6 : 0;
}

/** On an instance partition, sets numbered sample * channels + channel. */
export function attentive(
  x: Float64Array,
  p: Partition,
  parameters: AttentiveParameters,
  settings: AttentiveSettings,
) {
  const channels = p.parameterShape.at(-1)!;
  const k = parameters.kernel.length / channels || (settings.k ?? 0);
  const rows = channels === 0 ? 0 : p.sets / channels;
  const matrix = new Float64Array(k * channels);
  const { gamma = matrix.map(() => 1 / k), beta = matrix, kernel } = parameters;
  const vector = (of: Float64Array | undefined, otherwise: number) =>
    of ?? new Float64Array(k).fill(otherwise);
  const bias = vector(parameters.bias, 0);
  const aGamma = vector(parameters.attentionGamma, 1);
  const aBeta = vector(parameters.attentionBeta, 0);
  if (x.length === 0) {
    return {
      y: x,
      lambda: new Float64Array(rows * k),
      batch: { mean: new Float64Array(0), variance: new Float64Array(0) },
      logits: [] as LogitSet[],
      gradients: (): AttentiveGradients => ({
        x,
        gamma: matrix,
        beta: matrix,
        kernel: matrix,
        bias: vector(undefined, 0),
        attentionGamma: vector(undefined, 0),
        attentionBeta: vector(undefined, 0),
      }),
    };
  }
  const { squeeze = 'rsd', squeezeEpsilon = 1e-3, unbiasedSqueezeVariance = true } = settings;
  const { attentionActivation: activation } = settings;
  const own = statistics(x, p);
  const positions = x.length / p.sets;
  const f = unbiasedSqueezeVariance && positions > 1 ? positions / (positions - 1) : 1;
  const r = own.variance.map((v) =>
    squeeze === 'rsd' ? 1 / Math.sqrt(f * v + squeezeEpsilon) : 1,
  );
  const s = own.mean.map((m, i) => m * r[i]!);
  const z = new Float64Array(rows * k);
  z.forEach((_, i) => {
    const [n, at] = [Math.floor(i / k), i % k];
    z[i] =
      bias[at]! +
      sum(range(channels).map((c) => kernel[at * channels + c]! * s[n * channels + c]!));
  });
  const sets = logitSets(z, k, settings);
  const h = z.slice();
  for (const { members, mean, rho } of sets) for (const m of members) h[m] = (z[m]! - mean) * rho;
  const zt = h.map((value, i) => (sets.length ? aGamma[i % k]! * value + aBeta[i % k]! : value));
  const weights = range(rows).map((n) => activate([...zt.slice(n * k, n * k + k)], activation));
  const lambda = Float64Array.from(weights.flat());
  const mix = (of: Float64Array) =>
    own.mean.map((_, i) => {
      const [n, c] = [Math.floor(i / channels), i % channels];
      return sum(weights[n]!.map((w, at) => w * of[at * channels + c]!));
    });
  const scale = parameters.gamma ? mix(gamma) : own.mean.map(() => 1);
  const offset = mix(beta);
  const back = backbonePartition(p, channels, settings);
  const batch = statistics(x, back);
  const { mean, variance } = (settings.backbone !== 'group' && settings.moving) || batch;
  const rho = variance.map((v) => 1 / Math.sqrt(v + settings.epsilon));
  const xhat = x.map((value, i) => (value - mean[back.set[i]!]!) * rho[back.set[i]!]!);
  return {
    y: xhat.map((value, i) => scale[p.set[i]!]! * value + offset[p.set[i]!]!),
    lambda,
    batch,
    logits: sets,
    gradients(dy: Float64Array): AttentiveGradients {
      const dScale = new Float64Array(p.sets);
      const dOffset = new Float64Array(p.sets);
      dy.forEach((value, i) => {
        dScale[p.set[i]!]! += value * xhat[i]!;
        dOffset[p.set[i]!]! += value;
      });
      // Through the standardization.
      const g = dy.map((value, i) => value * scale[p.set[i]!]!);
      const meanG = new Float64Array(back.sets);
      const meanGx = new Float64Array(back.sets);
      if (!settings.moving || settings.backbone === 'group') {
        g.forEach((value, i) => {
          meanG[back.set[i]!]! += value / batch.count[back.set[i]!]!;
          meanGx[back.set[i]!]! += (value * xhat[i]!) / batch.count[back.set[i]!]!;
        });
      }
      const dx = g.map((value, i) => {
        const set = back.set[i]!;
        return rho[set]! * (value - meanG[set]! - xhat[i]! * meanGx[set]!);
      });
      // Through the weights.
      const out = {
        x: dx,
        gamma: matrix.slice(),
        beta: matrix.slice(),
        kernel: matrix.slice(),
        bias: vector(undefined, 0),
        attentionGamma: vector(undefined, 0),
        attentionBeta: vector(undefined, 0),
      };
      const dLambda = new Float64Array(rows * k);
      for (let i = 0; i < rows * k; i++) {
        for (let c = 0; c < channels; c++) {
          const [pair, at] = [Math.floor(i / k) * channels + c, (i % k) * channels + c];
          out.gamma[at]! += lambda[i]! * dScale[pair]!;
          out.beta[at]! += lambda[i]! * dOffset[pair]!;
          if (parameters.gamma) dLambda[i]! += gamma[at]! * dScale[pair]!;
          dLambda[i]! += beta[at]! * dOffset[pair]!;
        }
      }
      const dzt = dLambda.map((_, i) => {
        const [n, at] = [Math.floor(i / k), i % k];
        return sum(
          range(k).map((j) => dLambda[n * k + j]! * slope(weights[n]!, j, at, activation)),
        );
      });
      dzt.forEach((value, i) => {
        out.attentionGamma[i % k]! += value * h[i]!;
        out.attentionBeta[i % k]! += value;
      });
      const dz = dzt.slice();
      const given = settings.attentionNorm !== 'layer' && settings.attentionMoving !== undefined;
      for (const set of sets) {
        const n = set.members.length;
        for (const to of set.members) {
          const terms = set.members.map((from) => {
            const common = given ? 0 : (1 + h[from]! * h[to]!) / n;
            return aGamma[from % k]! * dzt[from]! * ((from === to ? 1 : 0) - common);
          });
          dz[to] = set.rho * sum(terms);
        }
      }
      const ds = new Float64Array(p.sets);
      dz.forEach((value, i) => {
        out.bias[i % k]! += value;
        for (let c = 0; c < channels; c++) {
          const [pair, at] = [Math.floor(i / k) * channels + c, (i % k) * channels + c];
          out.kernel[at]! += value * s[pair]!;
          ds[pair]! += value * kernel[at]!;
        }
      });
      x.forEach((value, i) => {
        const set = p.set[i]!;
        const spread = (s[set]! * r[set]! ** 2 * f * (value - own.mean[set]!)) / positions;
        dx[i]! += ds[set]! * (r[set]! / positions - (squeeze === 'rsd' ? spread : 0));
      });
      return out;
    },
  };
}

/** An instance partition whose parameters are [K, C]. */
export function mixtures(p: Partition, k: number): Partition {
  return { ...p, parameterShape: [k, sizeOf(p.parameterShape)] };
}
