// What the pipeline does with the sums of (row, channel) pairs, between its passes over the tensor.
// Plain loops, which the compiler vectorises; of copies of their arguments, which no store changes.
#include "core/host_pairs.h"
#include "core/host_simd.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

template <bool kSaved, bool kAdjacent>
void Finish(FinishedMoments m) {
#pragma GCC ivdep
  for (int64_t c = 0; c < m.channels; ++c) {
    const double rest = m.mean[c] * m.scale;
    const double variance = m.variance[c] * m.scale - rest * rest;
    const double mean = m.x[kAdjacent ? c : c * m.stride] + rest;
    m.mean[c] = mean;
    // NaN stays.
    m.variance[c] = variance < 0 ? 0 : variance;
    if (kSaved) {
      const float hi = static_cast<float>(mean);
      const double low = mean - hi;
      m.hi[c] = hi;
      m.lo[c] = static_cast<float>(low);
      m.saved_variance[c] = static_cast<float>(m.variance[c]);
      m.low[c] = low;
    }
  }
  if (kSaved && !m.about_zero) return;
  for (int64_t c = 0; c < m.channels; ++c) m.low[c] = 0;
}

void FinishMoments(const FinishedMoments& m) {
  if (m.hi) {
    m.stride == 1 ? Finish<true, true>(m) : Finish<true, false>(m);
  } else {
    m.stride == 1 ? Finish<false, true>(m) : Finish<false, false>(m);
  }
}

void CenterSums(const CenteredSums& of) {
  const CenteredSums s = of;
#pragma GCC ivdep
  for (int64_t c = 0; c < s.channels; ++c) {
    const double low = s.lo[c];
    s.low[c] = low;
    s.sum_gx[c] -= low * s.sum_g[c];
  }
}

template <bool kChannels>
void MergeOf(MergedPairs m) {
  double rest = 0, squares = 0, inner = 0;
#pragma omp simd reduction(+ : rest, squares, inner)
  for (int64_t c = 0; c < m.pairs.channels; ++c) {
    const double mean = static_cast<double>(m.pairs.hi[c]) + m.pairs.lo[c];
    const double variance = m.pairs.variance[c];
    const double d = mean - m.first;
    rest += d;
    squares += d * d;
    inner += variance;
    if (kChannels) {
      const double from = mean - (static_cast<double>(m.hi[c]) + m.lo[c]);
      m.channels[0][c] += from;
      m.channels[1][c] += from * from;
      m.channels[2][c] += variance;
    }
  }
  m.sums[0] = rest;
  m.sums[1] = squares;
  m.sums[2] = inner;
}

void MergePairs(const MergedPairs& m) { m.hi ? MergeOf<true>(m) : MergeOf<false>(m); }

}  // namespace

void RegisterPairs(SimdKernels* kernels) {
  kernels->finish_moments = FinishMoments;
  kernels->center_sums = CenterSums;
  kernels->merge_pairs = MergePairs;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
