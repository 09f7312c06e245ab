// The maps over a channels-last tensor (columns.h, maps.h): apply, gradient sums, gradient apply.
#include "core/simd/columns.h"
#include "core/simd/maps.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

// As in column_moments.cc; more positions would be more streams than the processor follows.
constexpr int kTogether = 4;

template <int kArrays>
struct Arrays {
  const float* at[kArrays];
  Float clamp[kClampBounds];

  void SetClamp(Float* k) const {
    for (int i = 0; i < kClampBounds; ++i) k[kArrays + i] = clamp[i];
  }
  // The vectors of channels c to c + kLanes, or of the first `part` of them.
  template <bool kPart>
  void LoadAt(int64_t c, int64_t part, Float* k) const {
    for (int i = 0; i < kArrays; ++i) k[i] = Values<kPart>{at[i] + c, part}.Narrow();
  }
};

// A pass's arrays once per replica of the channels; the given ones where nothing is folded.
template <int kArrays>
struct Replicas {
  alignas(64) float storage[kArrays][kMaxFolded];
  Arrays<kArrays> given, folded;

  Replicas(const Coefficients& coefficients, int64_t channels, int64_t fold) {
    FillClamp(coefficients, given.clamp);
    FillClamp(coefficients, folded.clamp);
    for (int i = 0; i < kArrays; ++i) {
      given.at[i] = coefficients.arrays[i];
      folded.at[i] = Replicate(given.at[i], channels, fold, storage[i]);
    }
  }
};

// The maps go through memory in order, one position after the other: sharing the loads of the
// coefficients between positions costs more in the memory than it saves.
template <class M, bool kStream>
inline void ApplyTo(const float* x, int64_t width, const Arrays<M::kApplyArrays>& by, float* y) {
  Float k[M::kApplyArrays + kClampBounds];
  by.SetClamp(k);
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    by.template LoadAt<false>(c, 0, k);
    Put<kStream>(y + c, M::Apply(Load(x + c), k));
  }
  if (c == width) return;
  const int64_t part = width - c;
  by.template LoadAt<true>(c, part, k);
  StorePart(y + c, M::Apply(LoadPart(x + c, part), k), part);
}

template <class M, bool kStream>
inline void GradTo(const float* dy, const float* x, int64_t width, const Arrays<M::kGradArrays>& by,
                   float* dx) {
  Float k[M::kGradArrays + kClampBounds];
  by.SetClamp(k);
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    by.template LoadAt<false>(c, 0, k);
    Put<kStream>(dx + c, M::Grad(Load(dy + c), Load(x + c), k));
  }
  if (c == width) return;
  const int64_t part = width - c;
  by.template LoadAt<true>(c, part, k);
  StorePart(dx + c, M::Grad(LoadPart(dy + c, part), LoadPart(x + c, part), k), part);
}

template <class M, bool kStream>
void ApplyAll(const Columns& block, const float* x, const Coefficients& by, float* y) {
  const Folded folded = Fold(block);
  const Replicas<M::kApplyArrays> arrays(by, block.channels, folded.fold);
  int64_t s = 0;
  for (; s < folded.positions; ++s) {
    const int64_t at = s * folded.stride;
    ApplyTo<M, kStream>(x + at, folded.width, arrays.folded, y + at);
  }
  for (s *= folded.fold; s < block.positions; ++s) {
    const int64_t at = s * block.stride;
    ApplyTo<M, false>(x + at, block.channels, arrays.given, y + at);
  }
  if (kStream) StreamFence();
}

template <class M, bool kStream>
void GradAll(const Columns& block, const float* dy, const float* x, const Coefficients& by,
             float* dx) {
  const Folded folded = Fold(block);
  const Replicas<M::kGradArrays> arrays(by, block.channels, folded.fold);
  int64_t s = 0;
  for (; s < folded.positions; ++s) {
    const int64_t at = s * folded.stride;
    GradTo<M, kStream>(dy + at, x + at, folded.width, arrays.folded, dx + at);
  }
  for (s *= folded.fold; s < block.positions; ++s) {
    const int64_t at = s * block.stride;
    GradTo<M, false>(dy + at, x + at, block.channels, arrays.given, dx + at);
  }
  if (kStream) StreamFence();
}

constexpr int64_t kSumsStride = kMaxWidth + kLanes;

// P: Sums or SumsAndGrad. `dx` is null where it is not written.
template <class P, int kPositions, bool kPart>
inline void SumsStep(const float* dy, const float* x, int64_t first, int64_t stride,
                     const Arrays<P::kArrays>& by, int64_t c, int64_t part, double* sums,
                     float* dx) {
  Float k[P::kArrays + kClampBounds];
  by.SetClamp(k);
  by.template LoadAt<kPart>(c, part, k);
  Wide totals[P::kSums];
  for (int i = 0; i < P::kSums; ++i) totals[i] = LoadDoubles(sums + i * kSumsStride + c);
  for (int u = 0; u < kPositions; ++u) {
    const int64_t at = first + u * stride + c;
    P::Add(Values<kPart>{dy + at, part}, Values<kPart>{x + at, part}, k, totals, dx, at);
  }
  for (int i = 0; i < P::kSums; ++i) StoreDoubles(sums + i * kSumsStride + c, totals[i]);
}

// Of the positions from offset `first` on.
template <class P, int kPositions>
inline void SumsOf(const float* dy, const float* x, int64_t first, int64_t width, int64_t stride,
                   const Arrays<P::kArrays>& by, double* sums, float* dx) {
  const Ahead<kPositions> ahead(width, stride);
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    ahead.Fetch(dy + first, c);
    ahead.Fetch(x + first, c);
    SumsStep<P, kPositions, false>(dy, x, first, stride, by, c, 0, sums, dx);
  }
  if (c < width) {
    SumsStep<P, kPositions, true>(dy, x, first, stride, by, c, width - c, sums, dx);
  }
}

template <class P>
void SumsAll(const Columns& block, const float* dy, const float* x, const Coefficients& by,
             double* const* out, float* dx) {
  const Folded folded = Fold(block);
  const Replicas<P::kArrays> arrays(by, block.channels, folded.fold);
  const int64_t stride = folded.stride;
  alignas(64) double sums[P::kSums * kSumsStride];
  for (int i = 0; i < P::kSums; ++i) {
    for (int64_t c = 0; c < folded.width + kLanes; ++c) sums[i * kSumsStride + c] = 0;
  }
  int64_t s = 0;
  for (; s + kTogether <= folded.positions; s += kTogether) {
    SumsOf<P, kTogether>(dy, x, s * stride, folded.width, stride, arrays.folded, sums, dx);
  }
  for (; s < folded.positions; ++s) {
    SumsOf<P, 1>(dy, x, s * stride, folded.width, stride, arrays.folded, sums, dx);
  }
  for (s *= folded.fold; s < block.positions; ++s) {
    SumsOf<P, 1>(dy, x, s * block.stride, block.channels, block.stride, arrays.given, sums, dx);
  }
  for (int i = 0; i < P::kSums; ++i) {
    MergeReplicas(sums + i * kSumsStride, block.channels, folded.fold, out[i]);
  }
}

void ColumnApply(const Columns& block, const float* x, const Coefficients& by, float* y,
                 bool stream) {
  const bool streams = stream && StreamAligned(y, Fold(block).stride);
  ForApplyMap(by.map, [&](auto map) {
    using M = decltype(map);
    streams ? ApplyAll<M, true>(block, x, by, y) : ApplyAll<M, false>(block, x, by, y);
  });
}

void ColumnApplyGrad(const Columns& block, const float* dy, const float* x, const Coefficients& by,
                     float* dx, bool stream) {
  const bool streams = stream && StreamAligned(dx, Fold(block).stride);
  ForGradMap(by.map, [&](auto map) {
    using M = decltype(map);
    streams ? GradAll<M, true>(block, dy, x, by, dx) : GradAll<M, false>(block, dy, x, by, dx);
  });
}

void ColumnSums(const Columns& block, const float* dy, const float* x, const Coefficients& by,
                double* const* sums) {
  ForMap(by.map, [&](auto map) { SumsAll<Sums<decltype(map)>>(block, dy, x, by, sums, nullptr); });
}

void ColumnSumsGrad(const Columns& block, const float* dy, const float* x, const Coefficients& by,
                    double* const* sums, float* dx, bool stream) {
  // The rest of a folded tensor does not start on a vector.
  const Folded folded = Fold(block);
  const bool streams = stream && StreamAligned(dx, folded.stride) &&
                       (folded.fold == 1 || block.positions % folded.fold == 0);
  ForSumGradMap(by.map, [&](auto map) {
    using M = decltype(map);
    streams ? SumsAll<SumsAndGrad<M, true>>(block, dy, x, by, sums, dx)
            : SumsAll<SumsAndGrad<M, false>>(block, dy, x, by, sums, dx);
  });
  if (streams) StreamFence();
}

}  // namespace

void RegisterColumnMaps(SimdKernels* kernels) {
  kernels->column_sums = ColumnSums;
  kernels->column_sums_grad = ColumnSumsGrad;
  kernels->column_apply = ColumnApply;
  kernels->column_apply_grad = ColumnApplyGrad;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
