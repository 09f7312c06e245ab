/** The average of batch statistics over batches, in double: mean, and variance around it. */
export class BatchAverage {
  batches = 0;
  mean = new Float64Array(0);
  private inner = new Float64Array(0);
  private between = new Float64Array(0);

  add(mean: ArrayLike<number>, variance: ArrayLike<number>): void {
    if (this.batches === 0) {
      this.mean = new Float64Array(mean.length);
      this.inner = new Float64Array(mean.length);
      this.between = new Float64Array(mean.length);
    }
    this.batches++;
    for (let c = 0; c < mean.length; c++) {
      const delta = mean[c]! - this.mean[c]!;
      this.mean[c]! += delta / this.batches;
      this.between[c]! += delta * (mean[c]! - this.mean[c]!);
      this.inner[c]! += variance[c]!;
    }
  }

  /** The mean of the variances plus the variance of the means. */
  get variance(): Float64Array {
    return this.inner.map((sum, c) => (sum + this.between[c]!) / this.batches);
  }
}
