// Channels-last kernels of core/host_simd.h: vectors run along the channels, sums run down the
// positions.
//
// A tensor with few channels is read as one with `fold` times as many and as many times fewer
// positions, so that vectors are full; the replicas of a channel are merged at the end, in order.
#include "core/host_simd.h"
#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

constexpr int64_t kFoldBelow = 4 * kLanes;
constexpr int64_t kMaxFolded = 2 * kFoldBelow * kLanes;
constexpr int64_t kMaxWidth = kMaxColumns > kMaxFolded ? kMaxColumns : kMaxFolded;

struct Folded {
  int64_t fold;
  int64_t positions;  // of the folded tensor; a rest of positions % fold is left over
  int64_t width;
  int64_t stride;
};

Folded Fold(const Columns& block) {
  int64_t fold = 1;
  if (block.channels == block.stride && block.channels < kFoldBelow) {
    while (fold * block.channels % kLanes != 0) fold *= 2;
    while (fold * block.channels < kFoldBelow) fold *= 2;
    if (block.positions < 2 * fold) fold = 1;
  }
  return {fold, block.positions / fold, block.channels * fold,
          fold == 1 ? block.stride : block.channels * fold};
}

// One channel array, once per replica; `values` itself where nothing is folded.
const float* Replicate(const float* values, int64_t channels, int64_t fold, float* storage) {
  if (fold == 1) return values;
  for (int64_t f = 0; f < fold; ++f) {
    for (int64_t c = 0; c < channels; ++c) storage[f * channels + c] = values[c];
  }
  return storage;
}

void MergeReplicas(const double* sums, int64_t channels, int64_t fold, double* out) {
  for (int64_t c = 0; c < channels; ++c) {
    double total = sums[c];
    for (int64_t f = 1; f < fold; ++f) total += sums[f * channels + c];
    out[c] = total;
  }
}

// Positions per visit of a channel vector: enough to hide the latency of loading and storing its
// sums, and no more memory streams than the processor follows.
constexpr int kMomentsTogether = 8;
constexpr int kSumsTogether = 4;

// Fetches the next group of positions while this one is summed: in the order of memory where they
// are contiguous, for a walk that jumps from position to position defeats the processor's own
// prefetching.
template <int kPositions>
class Ahead {
 public:
  Ahead(int64_t width, int64_t stride)
      : start_(kPositions * stride),
        per_channel_(width == stride ? kPositions : 1),
        per_position_(width == stride ? kLanes : stride) {}
  void Fetch(const float* group, int64_t c) const {
    for (int u = 0; u < kPositions; ++u) {
      __builtin_prefetch(group + start_ + c * per_channel_ + u * per_position_);
    }
  }

 private:
  int64_t start_, per_channel_, per_position_;
};

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

template <int kPositions, bool kPart>
inline void SumsStep(const float* dy, const float* x, int64_t stride, const float* center,
                     int64_t part, double* sum_g, double* sum_gx) {
  Wide s = LoadDoubles(sum_g);
  Wide q = LoadDoubles(sum_gx);
  const Float k = kPart ? LoadPart(center, part) : Load(center);
  for (int u = 0; u < kPositions; ++u) {
    const float* gp = dy + u * stride;
    const float* xp = x + u * stride;
    const Wide g = kPart ? Widen(LoadPart(gp, part)) : LoadWide(gp);
    const Wide d = Widen((kPart ? LoadPart(xp, part) : Load(xp)) - k);
    s = s + g;
    q = q + g * d;
  }
  StoreDoubles(sum_g, s);
  StoreDoubles(sum_gx, q);
}

template <int kPositions>
inline void SumsOf(const float* dy, const float* x, int64_t width, int64_t stride,
                   const float* center, double* sum_g, double* sum_gx) {
  const Ahead<kPositions> ahead(width, stride);
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    ahead.Fetch(dy, c);
    ahead.Fetch(x, c);
    SumsStep<kPositions, false>(dy + c, x + c, stride, center + c, 0, sum_g + c, sum_gx + c);
  }
  if (c < width) {
    SumsStep<kPositions, true>(dy + c, x + c, stride, center + c, width - c, sum_g + c, sum_gx + c);
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
  for (; s + kMomentsTogether <= folded.positions; s += kMomentsTogether) {
    MomentsOf<kMomentsTogether>(x + s * folded.stride, folded.width, folded.stride, k, sums,
                                squares);
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

void ColumnSums(const Columns& block, const float* dy, const float* x, const float* center,
                double* sum_g, double* sum_gx) {
  const Folded folded = Fold(block);
  alignas(64) double sums[kMaxWidth + kLanes];
  alignas(64) double products[kMaxWidth + kLanes];
  alignas(64) float storage[kMaxFolded];
  for (int64_t c = 0; c < folded.width + kLanes; ++c) sums[c] = products[c] = 0;
  const float* k = Replicate(center, block.channels, folded.fold, storage);
  int64_t s = 0;
  for (; s + kSumsTogether <= folded.positions; s += kSumsTogether) {
    const int64_t at = s * folded.stride;
    SumsOf<kSumsTogether>(dy + at, x + at, folded.width, folded.stride, k, sums, products);
  }
  for (; s < folded.positions; ++s) {
    const int64_t at = s * folded.stride;
    SumsOf<1>(dy + at, x + at, folded.width, folded.stride, k, sums, products);
  }
  for (s *= folded.fold; s < block.positions; ++s) {
    const int64_t at = s * block.stride;
    SumsOf<1>(dy + at, x + at, block.channels, block.stride, center, sums, products);
  }
  MergeReplicas(sums, block.channels, folded.fold, sum_g);
  MergeReplicas(products, block.channels, folded.fold, sum_gx);
}

// The maps go through memory in order, one position after the other: sharing the loads of the
// coefficients between positions costs more in the memory than it saves.
template <bool kStream>
inline void ApplyTo(const float* x, int64_t width, const Affine& by, float* y) {
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    const Float xc = Load(x + c) - Load(by.center + c);
    Put<kStream>(y + c, Load(by.a + c) * xc + Load(by.b + c));
  }
  if (c == width) return;
  const int64_t part = width - c;
  const Float xc = LoadPart(x + c, part) - LoadPart(by.center + c, part);
  StorePart(y + c, LoadPart(by.a + c, part) * xc + LoadPart(by.b + c, part), part);
}

template <bool kStream>
inline void ApplyGradTo(const float* dy, const float* x, int64_t width, const GradAffine& by,
                        float* dx) {
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    const Float xc = Load(x + c) - Load(by.center + c);
    const Float rest = Load(by.q + c) * xc + Load(by.t + c);
    Put<kStream>(dx + c, Load(by.p + c) * Load(dy + c) + rest);
  }
  if (c == width) return;
  const int64_t part = width - c;
  const Float xc = LoadPart(x + c, part) - LoadPart(by.center + c, part);
  const Float rest = LoadPart(by.q + c, part) * xc + LoadPart(by.t + c, part);
  StorePart(dx + c, LoadPart(by.p + c, part) * LoadPart(dy + c, part) + rest, part);
}

template <bool kStream>
void ApplyAll(const Columns& block, const float* x, const Affine& affine, float* y) {
  const Folded folded = Fold(block);
  alignas(64) float storage[3][kMaxFolded];
  const Affine by = {Replicate(affine.center, block.channels, folded.fold, storage[0]),
                     Replicate(affine.a, block.channels, folded.fold, storage[1]),
                     Replicate(affine.b, block.channels, folded.fold, storage[2])};
  int64_t s = 0;
  for (; s < folded.positions; ++s) {
    const int64_t at = s * folded.stride;
    ApplyTo<kStream>(x + at, folded.width, by, y + at);
  }
  for (s *= folded.fold; s < block.positions; ++s) {
    const int64_t at = s * block.stride;
    ApplyTo<false>(x + at, block.channels, affine, y + at);
  }
  if (kStream) StreamFence();
}

template <bool kStream>
void ApplyGradAll(const Columns& block, const float* dy, const float* x, const GradAffine& affine,
                  float* dx) {
  const Folded folded = Fold(block);
  alignas(64) float storage[4][kMaxFolded];
  const GradAffine by = {Replicate(affine.center, block.channels, folded.fold, storage[0]),
                         Replicate(affine.p, block.channels, folded.fold, storage[1]),
                         Replicate(affine.q, block.channels, folded.fold, storage[2]),
                         Replicate(affine.t, block.channels, folded.fold, storage[3])};
  int64_t s = 0;
  for (; s < folded.positions; ++s) {
    const int64_t at = s * folded.stride;
    ApplyGradTo<kStream>(dy + at, x + at, folded.width, by, dx + at);
  }
  for (s *= folded.fold; s < block.positions; ++s) {
    const int64_t at = s * block.stride;
    ApplyGradTo<false>(dy + at, x + at, block.channels, affine, dx + at);
  }
  if (kStream) StreamFence();
}

}  // namespace

void ColumnApply(const Columns& block, const float* x, const Affine& affine, float* y,
                 bool stream) {
  if (stream && StreamAligned(y, Fold(block).stride)) {
    ApplyAll<true>(block, x, affine, y);
  } else {
    ApplyAll<false>(block, x, affine, y);
  }
}

void ColumnApplyGrad(const Columns& block, const float* dy, const float* x,
                     const GradAffine& affine, float* dx, bool stream) {
  if (stream && StreamAligned(dx, Fold(block).stride)) {
    ApplyGradAll<true>(block, dy, x, affine, dx);
  } else {
    ApplyGradAll<false>(block, dy, x, affine, dx);
  }
}

void RegisterColumns(SimdKernels* kernels) {
  kernels->column_moments = ColumnMoments;
  kernels->column_sums = ColumnSums;
  kernels->column_apply = ColumnApply;
  kernels->column_apply_grad = ColumnApplyGrad;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
