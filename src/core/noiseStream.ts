/** Which random numbers a layer draws next. */
import { checkSeed, type RandomOptions, randomSeed } from './dropout';
import type { Fail } from './errors';

/** Draws of ensembles are far beyond those of training. */
const FIRST_DRAW = 2 ** 52;

/** The sequence of a layer's noise: a stream for every call in training, others for the draws of an ensemble. */
export class NoiseStream {
  /** As the layer was given it. */
  readonly seed: number | null;
  /** The number of the draw whose noise inference has; null for none. */
  draw: number | null = null;
  /** Set by the first draw where there is no `seed`. */
  private drawnSeed: number | null = null;
  private calls = 0;

  constructor(fail: Fail, seed: unknown) {
    this.seed = seed == null ? null : checkSeed(fail, seed);
  }

  /** What a call draws; null without noise. A call in training takes the next stream if it succeeds. */
  run<T>(training: boolean, body: (noise: Required<RandomOptions> | null) => T): T {
    if (!training && this.draw === null) return body(null);
    this.drawnSeed ??= this.seed ?? randomSeed();
    const stream = training ? this.calls : FIRST_DRAW + this.draw!;
    const result = body({ seed: this.drawnSeed, stream });
    if (training) this.calls++;
    return result;
  }
}

/** A layer with noise that an ensemble can ask for. */
export interface NoisyLayer {
  readonly noise: NoiseStream;
}

export const isNoisy = (layer: object): layer is NoisyLayer =>
  (layer as Partial<NoisyLayer>).noise instanceof NoiseStream;
