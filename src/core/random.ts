/** Random numbers on the host, in a sequence that a seed and a stream fix. */
import { digitsOf, type Stream, streamOf, writeBlock } from './philox';

const WORDS = 4;

export class Random {
  private readonly stream: Stream;
  private readonly words = new Uint32Array(WORDS);
  private drawn = 0;

  constructor(seed: number, stream: number) {
    this.stream = streamOf(digitsOf(seed, stream));
  }

  /** In (0, 1], of 24 bits. */
  uniform(): number {
    const at = this.drawn % WORDS;
    const block = Math.floor(this.drawn / WORDS);
    if (at === 0) {
      writeBlock(this.stream, [block >>> 0, Math.floor(block / 2 ** 32)], this.words, 0);
    }
    this.drawn++;
    return ((this.words[at]! >>> 8) + 1) * 2 ** -24;
  }

  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The logarithm of a gamma variable of this shape, above 0: a small shape's own value underflows. */
  logGamma(shape: number): number {
    // Marsaglia & Tsang, A Simple Method for Generating Gamma Variables, 2000.
    if (shape < 1) return this.logGamma(shape + 1) + Math.log(this.uniform()) / shape;
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(this.uniform()) < x * x * 0.5 + d * (1 - v + Math.log(v))) {
        return Math.log(d) + Math.log(v);
      }
    }
  }

  /** Of a beta distribution with this value for both parameters. */
  symmetricBeta(alpha: number): number {
    return 1 / (1 + Math.exp(this.logGamma(alpha) - this.logGamma(alpha)));
  }

  /** 0 to count - 1 in random order. */
  permutation(count: number): Int32Array {
    const order = Int32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = Math.ceil(this.uniform() * (i + 1)) - 1;
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
