/** The float64 definition of filter response norm with its threshold and its learned epsilon. */
import { sizeOf } from './arrays';
import type { Gradients, Parameters, Partition } from './reference';

export interface FilterResponseSettings {
  epsilon: number;
  /** [C], or none. */
  tau?: Float64Array;
  /** [C] or [1], or none. */
  learned?: Float64Array;
}

export interface FilterResponseGradients extends Gradients {
  tau: Float64Array;
  learned: Float64Array;
}

/** On an instance partition. */
export function filterResponse(
  x: Float64Array,
  p: Partition,
  { gamma, beta }: Parameters,
  { epsilon, tau, learned }: FilterResponseSettings,
) {
  const channels = sizeOf(p.parameterShape);
  const count = x.length / p.sets;
  const at = (i: number) => ({ set: p.set[i]!, channel: p.parameter[i]! });
  const learnedOf = (channel: number) => learned?.[learned.length === 1 ? 0 : channel] ?? 0;
  const meanSquare = new Float64Array(p.sets);
  x.forEach((value, i) => {
    meanSquare[at(i).set]! += value ** 2 / count;
  });
  // The sets of an instance partition are numbered sample * channels + channel.
  const rho = meanSquare.map((square, set) => {
    const root = Math.sqrt(square + epsilon + Math.abs(learnedOf(set % channels)));
    return root === 0 ? 0 : 1 / root;
  });
  const scale = (i: number) => gamma?.data[at(i).channel] ?? 1;
  const z = x.map(
    (value, i) => scale(i) * rho[at(i).set]! * value + (beta?.data[at(i).channel] ?? 0),
  );
  const bound = (i: number) => tau?.[at(i).channel] ?? Number.NEGATIVE_INFINITY;
  return {
    y: z.map((value, i) => Math.max(value, bound(i))),
    /** How far the nearest output is from its threshold. */
    margin: z.reduce((least, value, i) => Math.min(least, Math.abs(value - bound(i))), Infinity),
    gradients(dy: Float64Array): FilterResponseGradients {
      const grads = {
        x: new Float64Array(x.length),
        gamma: new Float64Array(channels),
        beta: new Float64Array(channels),
        tau: new Float64Array(channels),
        learned: new Float64Array(learned?.length ?? 0),
      };
      const ofSquare = new Float64Array(p.sets);
      const within = dy.map((g, i) => (z[i]! >= bound(i) ? g : 0));
      x.forEach((value, i) => {
        const { set, channel } = at(i);
        const r = rho[set]!;
        grads.gamma[channel]! += within[i]! * r * value;
        grads.beta[channel]! += within[i]!;
        grads.tau[channel]! += dy[i]! - within[i]!;
        ofSquare[set]! -= 0.5 * scale(i) * within[i]! * value * r ** 3;
      });
      x.forEach((value, i) => {
        const { set } = at(i);
        grads.x[i] = scale(i) * rho[set]! * within[i]! + (2 * value * ofSquare[set]!) / count;
      });
      if (learned) {
        ofSquare.forEach((value, set) => {
          const channel = set % channels;
          const to = learned.length === 1 ? 0 : channel;
          grads.learned[to]! += Math.sign(learnedOf(channel)) * value;
        });
      }
      return grads;
    },
  };
}
