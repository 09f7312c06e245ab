// Sums down the positions of a channels-last tensor (columns.h): the moments of its columns.
#include "core/simd/columns.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

// Positions per visit of a channel vector: enough to hide the latency of loading and storing its
// sums, and no more memory streams than the processor follows.
constexpr int kTogether = 8;

template <int kPositions, bool kPart>
inline void MomentsStep(const float* x, int64_t stride, const float* shift, int64_t part,
                        double* sum, double* square) {
  Wide s = LoadDoubles(sum);
  Wide q = LoadDoubles(square);
  const Wide k = kPart ? Widen(LoadPart(shift, part)) : LoadWide(shift);
  for (int u = 0; u < kPositions; ++u) {
    const float* p = x + u * stride;
    const Wide d = (kPart ? Widen(LoadPart(p, part)) : LoadWide(p)) - k;
    s = s + d;
    q = q + d * d;
  }
  StoreDoubles(sum, s);
  StoreDoubles(square, q);
}

template <int kPositions>
inline void MomentsOf(const float* x, int64_t width, int64_t stride, const float* shift,
                      double* sum, double* square) {
  const Ahead<kPositions> ahead(width, stride);
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    ahead.Fetch(x, c);
    MomentsStep<kPositions, false>(x + c, stride, shift + c, 0, sum + c, square + c);
  }
  if (c < width) {
    MomentsStep<kPositions, true>(x + c, stride, shift + c, width - c, sum + c, square + c);
  }
}

void ColumnMoments(const Columns& block, const float* x, const float* shift, double* sum,
                   double* square) {
  const Folded folded = Fold(block);
  alignas(64) double sums[kMaxWidth + kLanes];
  alignas(64) double squares[kMaxWidth + kLanes];
  alignas(64) float storage[kMaxFolded];
  for (int64_t c = 0; c < folded.width + kLanes; ++c) sums[c] = squares[c] = 0;
  const float* k = Replicate(shift, block.channels, folded.fold, storage);
  int64_t s = 0;
  for (; s + kTogether <= folded.positions; s += kTogether) {
    MomentsOf<kTogether>(x + s * folded.stride, folded.width, folded.stride, k, sums, squares);
  }
  for (; s < folded.positions; ++s) {
    MomentsOf<1>(x + s * folded.stride, folded.width, folded.stride, k, sums, squares);
  }
  for (s *= folded.fold; s < block.positions; ++s) {
    MomentsOf<1>(x + s * block.stride, block.channels, block.stride, shift, sums, squares);
  }
  MergeReplicas(sums, block.channels, folded.fold, sum);
  MergeReplicas(squares, block.channels, folded.fold, square);
}

}  // namespace

void RegisterColumnMoments(SimdKernels* kernels) { kernels->column_moments = ColumnMoments; }

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
