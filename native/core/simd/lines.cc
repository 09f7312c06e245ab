// Channels-first kernels of core/host_simd.h: contiguous values that share one statistic.
#include "core/simd/maps.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

// Independent sums, so that one addition need not wait for the last.
constexpr int kChains = 4;

void LineMoments(int64_t count, const float* x, float shift, double* sum, double* square) {
  const double k = shift;
  const Wide wide_k = Widen(Fill(shift));
  Wide s[kChains] = {};
  Wide q[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
    for (int u = 0; u < kChains; ++u) {
      const Wide d = LoadWide(x + i + u * kLanes) - wide_k;
      s[u] = s[u] + d;
      q[u] = q[u] + d * d;
    }
  }
  for (; i + kLanes <= count; i += kLanes) {
    const Wide d = LoadWide(x + i) - wide_k;
    s[0] = s[0] + d;
    q[0] = q[0] + d * d;
  }
  double total = Sum((s[0] + s[1]) + (s[2] + s[3]));
  double total_square = Sum((q[0] + q[1]) + (q[2] + q[3]));
  for (; i < count; ++i) {
    const double d = x[i] - k;
    total += d;
    total_square += d * d;
  }
  *sum = total;
  *square = total_square;
}

// The vectors of a pass's arrays, which have one element here, and of its clamp.
template <int kArrays>
struct Filled {
  Float k[kArrays + kClampBounds];

  explicit Filled(const Coefficients& by) {
    for (int i = 0; i < kArrays; ++i) k[i] = Fill(*by.arrays[i]);
    FillClamp(by, k + kArrays);
  }
};

// P: Sums or SumsAndGrad. `dx` is null where it is not written.
template <class P>
void SumsAll(int64_t count, const float* dy, const float* x, const Coefficients& by,
             double* const* out, float* dx) {
  const Filled<P::kArrays> filled(by);
  Wide sums[kChains][P::kSums] = {};
  const auto add = [&](int64_t at, Wide* chain) {
    P::Add(Values<false>{dy + at, 0}, Values<false>{x + at, 0}, filled.k, chain, dx, at);
  };
  int64_t i = 0;
  for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
    for (int u = 0; u < kChains; ++u) add(i + u * kLanes, sums[u]);
  }
  for (; i + kLanes <= count; i += kLanes) add(i, sums[0]);
  if (i < count) {
    const int64_t part = count - i;
    P::Add(Values<true>{dy + i, part}, Values<true>{x + i, part}, filled.k, sums[0], dx, i);
  }
  for (int n = 0; n < P::kSums; ++n) {
    *out[n] = Sum((sums[0][n] + sums[1][n]) + (sums[2][n] + sums[3][n]));
  }
}

// The values before the first vector boundary of y; a streamed line starts there.
int64_t Head(const float* y, int64_t count) {
  const int64_t past =
      static_cast<int64_t>(reinterpret_cast<uintptr_t>(y) / sizeof(float)) % kLanes;
  const int64_t head = past == 0 ? 0 : kLanes - past;
  return head < count ? head : count;
}

// f(at, part) for less than a vector of values at either end, and f(at, kLanes) between, where
// outputs may bypass the caches.
template <bool kStream, typename F>
inline void ForEachVector(const float* to, int64_t count, F f) {
  int64_t i = kStream ? Head(to, count) : 0;
  if (i > 0) f(int64_t{0}, i);
  for (; i + kLanes <= count; i += kLanes) f(i, int64_t{kLanes});
  if (i < count) f(i, count - i);
}

template <class M, bool kStream>
void ApplyAll(int64_t count, const float* x, const Coefficients& by, float* y) {
  const Filled<M::kApplyArrays> filled(by);
  ForEachVector<kStream>(y, count, [&](int64_t i, int64_t part) {
    if (part == kLanes) {
      Put<kStream>(y + i, M::Apply(Load(x + i), filled.k));
    } else {
      StorePart(y + i, M::Apply(LoadPart(x + i, part), filled.k), part);
    }
  });
  if (kStream) StreamFence();
}

template <class M, bool kStream>
void GradAll(int64_t count, const float* dy, const float* x, const Coefficients& by, float* dx) {
  const Filled<M::kGradArrays> filled(by);
  ForEachVector<kStream>(dx, count, [&](int64_t i, int64_t part) {
    if (part == kLanes) {
      Put<kStream>(dx + i, M::Grad(Load(dy + i), Load(x + i), filled.k));
    } else {
      StorePart(dx + i, M::Grad(LoadPart(dy + i, part), LoadPart(x + i, part), filled.k), part);
    }
  });
  if (kStream) StreamFence();
}

void LineSums(int64_t count, const float* dy, const float* x, const Coefficients& by,
              double* const* sums) {
  ForMap(by.map, [&](auto map) { SumsAll<Sums<decltype(map)>>(count, dy, x, by, sums, nullptr); });
}

void LineSumsGrad(int64_t count, const float* dy, const float* x, const Coefficients& by,
                  double* const* sums, float* dx, bool stream) {
  // A line that does not start on a vector is not streamed: its sums would be in another order.
  const bool streams = stream && StreamAligned(dx, 0);
  ForSumGradMap(by.map, [&](auto map) {
    using M = decltype(map);
    streams ? SumsAll<SumsAndGrad<M, true>>(count, dy, x, by, sums, dx)
            : SumsAll<SumsAndGrad<M, false>>(count, dy, x, by, sums, dx);
  });
  if (streams) StreamFence();
}

void LineApply(int64_t count, const float* x, const Coefficients& by, float* y, bool stream) {
  ForApplyMap(by.map, [&](auto map) {
    using M = decltype(map);
    stream ? ApplyAll<M, true>(count, x, by, y) : ApplyAll<M, false>(count, x, by, y);
  });
}

void LineApplyGrad(int64_t count, const float* dy, const float* x, const Coefficients& by,
                   float* dx, bool stream) {
  ForGradMap(by.map, [&](auto map) {
    using M = decltype(map);
    stream ? GradAll<M, true>(count, dy, x, by, dx) : GradAll<M, false>(count, dy, x, by, dx);
  });
}

}  // namespace

void RegisterLines(SimdKernels* kernels) {
  kernels->line_moments = LineMoments;
  kernels->line_sums = LineSums;
  kernels->line_sums_grad = LineSumsGrad;
  kernels->line_apply = LineApply;
  kernels->line_apply_grad = LineApplyGrad;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
