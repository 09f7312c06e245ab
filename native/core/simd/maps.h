// What the passes do with a vector of values, for each Map of core/host_simd.h: policies of the
// loops over columns and lines. `k` are the vectors of the pass's arrays, in the order that
// host_simd.h gives, and after them the two bounds of a clamp.
#pragma once

#include "core/host_simd.h"
#include "core/simd/functions.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {

// kLanes values in memory, or the first `part` of them.
template <bool kPart>
struct Values {
  const float* at;
  int64_t part;

  Float Narrow() const { return kPart ? LoadPart(at, part) : Load(at); }
  Wide Widened() const { return kPart ? Widen(LoadPart(at, part)) : LoadWide(at); }
};

struct AffineMap {
  static constexpr int kApplyArrays = 3;
  static constexpr int kGradArrays = 4;
  static constexpr int kSumArrays = 1;
  static constexpr int kSumGradArrays = 2;
  static constexpr int kSums = 2;

  static Float Apply(Float x, const Float* k) { return k[1] * (x - k[0]) + k[2]; }
  static Float Grad(Float g, Float x, const Float* k) {
    return k[1] * g + (k[2] * (x - k[0]) + k[3]);
  }
  template <bool kPart>
  static void Sum(Values<kPart> dy, Values<kPart> x, const Float* k, Wide* sums) {
    const Wide g = dy.Widened();
    sums[0] = sums[0] + g;
    sums[1] = sums[1] + g * Widen(x.Narrow() - k[0]);
  }
  template <bool kPart>
  static Float SumGrad(Values<kPart> dy, Values<kPart> x, const Float* k, Wide* sums) {
    Sum(dy, x, k, sums);
    return k[1] * dy.Narrow();
  }
};

constexpr int kClampBounds = 2;
static inline void FillClamp(const Coefficients& by, Float* k) {
  k[0] = Fill(by.lower);
  k[1] = Fill(by.upper);
}

struct ClampedMap {
  static constexpr int kApplyArrays = 3;
  static constexpr int kGradArrays = 6;
  static constexpr int kSumArrays = 3;
  static constexpr int kSums = 2;

  static Float Apply(Float x, const Float* k) {
    const Float z = AffineMap::Apply(x, k);
    const Float raised = z < k[3] ? k[3] : z;
    return raised > k[4] ? k[4] : raised;
  }
  // `inside` where z is within the bounds, else `outside`. `k`: center, a, b, lower, upper.
  static Float Choose(Float inside, Float outside, Float x, const Float* k) {
    const Float z = AffineMap::Apply(x, k);
    const Float above = z < k[3] ? outside : inside;
    return z > k[4] ? outside : above;
  }
  static Float Grad(Float g, Float x, const Float* k) {
    const Float z[5] = {k[0], k[4], k[5], k[6], k[7]};
    return AffineMap::Grad(Choose(g, Float{}, x, z), x, k);
  }
  template <bool kPart>
  static void Sum(Values<kPart> dy, Values<kPart> x, const Float* k, Wide* sums) {
    const Wide within = Widen(Choose(dy.Narrow(), Float{}, x.Narrow(), k));
    sums[0] = sums[0] + within;
    sums[1] = sums[1] + within * Widen(x.Narrow() - k[0]);
  }
};

struct BoundedMap : ClampedMap {
  static constexpr int kApplyArrays = 5;
  static constexpr int kGradArrays = 8;
  static constexpr int kSumArrays = 5;
  static constexpr int kSums = 3;

  template <bool kPart>
  static void Sum(Values<kPart> dy, Values<kPart> x, const Float* k, Wide* sums) {
    ClampedMap::Sum(dy, x, k, sums);
    sums[2] = sums[2] + Widen(Choose(Float{}, dy.Narrow(), x.Narrow(), k));
  }
};

// 0 where the slope is, for an infinite factor too.
static inline Float TimesSlope(Float factor, Float slope) {
  return slope == 0.0f ? slope : factor * slope;
}

struct TanhMap {
  static constexpr int kApplyArrays = 3;
  static constexpr int kSumGradArrays = 2;
  static constexpr int kSums = 3;

  static Float Apply(Float x, const Float* k) { return k[1] * Tanh(k[0] * x) + k[2]; }
  template <bool kPart>
  static Float SumGrad(Values<kPart> dy, Values<kPart> x_at, const Float* k, Wide* sums) {
    const Float g = dy.Narrow();
    const Float x = x_at.Narrow();
    const WithSlope f = TanhWithSlope(k[0] * x);
    const Wide wide = Widen(g);
    sums[0] = sums[0] + wide;
    sums[1] = sums[1] + wide * Widen(f.value);
    sums[2] = sums[2] + wide * Widen(TimesSlope(x, f.slope));
    return TimesSlope(k[0], f.slope) * k[1] * g;
  }
};

struct GateMap {
  static constexpr int kApplyArrays = 3;
  static constexpr int kGradArrays = 5;
  static constexpr int kSumArrays = 1;
  static constexpr int kSums = 3;

  static Float Apply(Float x, const Float* k) { return k[1] * (x * Sigmoid(k[0] * x)) + k[2]; }
  static Float Grad(Float g, Float x, const Float* k) {
    const Float u = k[4] * x;
    const WithSlope s = SigmoidWithSlope(u);
    return AffineMap::Grad(g * (s.value + TimesSlope(u, s.slope)), x, k);
  }
  template <bool kPart>
  static void Sum(Values<kPart> dy, Values<kPart> x_at, const Float* k, Wide* sums) {
    const Float x = x_at.Narrow();
    const WithSlope s = SigmoidWithSlope(k[0] * x);
    const Wide g = dy.Widened();
    sums[0] = sums[0] + g;
    sums[1] = sums[1] + g * Widen(x * s.value);
    sums[2] = sums[2] + g * Widen(x * TimesSlope(x, s.slope));
  }
};

struct ZoneMap {
  static constexpr int kApplyArrays = 4;
  static constexpr int kGradArrays = 3;

  // NaN is in no zone.
  static Int In(Float x, const Float* k) { return (x >= k[0]) & (x <= k[1]); }
  static Float Apply(Float x, const Float* k) { return In(x, k) ? k[3] : k[2] * x + k[3]; }
  static Float Grad(Float g, Float x, const Float* k) { return In(x, k) ? Float{} : k[2] * g; }
};

struct SoftZoneMap {
  static constexpr int kApplyArrays = 4;
  static constexpr int kSumGradArrays = 3;
  static constexpr int kSums = 1;

  static Float Apply(Float x, const Float* k) {
    const Float u = k[0] * x;
    return k[2] * (u * (Sigmoid(u - k[1]) + Sigmoid(-u - k[1]))) + k[3];
  }
  template <bool kPart>
  static Float SumGrad(Values<kPart> dy, Values<kPart> x, const Float* k, Wide* sums) {
    const Float u = k[0] * x.Narrow();
    const WithSlope above = SigmoidWithSlope(u - k[1]);
    const WithSlope below = SigmoidWithSlope(-u - k[1]);
    const Float g = k[2] * dy.Narrow();
    sums[0] = sums[0] - Widen(g) * Widen(TimesSlope(u, above.slope + below.slope));
    return g * (k[0] * ((above.value + below.value) + TimesSlope(u, above.slope - below.slope)));
  }
};

// f(Map()) for the policy of `map`, of those with Apply, Sum and Grad, with Apply alone, with Grad
// alone, and with SumGrad.
template <typename F>
static inline void ForMap(Map map, F f) {
  if (map == Map::kGate) return f(GateMap());
  if (map == Map::kClamped) return f(ClampedMap());
  map == Map::kBounded ? f(BoundedMap()) : f(AffineMap());
}
template <typename F>
static inline void ForGradMap(Map map, F f) {
  map == Map::kZone ? f(ZoneMap()) : ForMap(map, f);
}
template <typename F>
static inline void ForApplyMap(Map map, F f) {
  if (map == Map::kTanh) return f(TanhMap());
  map == Map::kSoftZone ? f(SoftZoneMap()) : ForGradMap(map, f);
}
template <typename F>
static inline void ForSumGradMap(Map map, F f) {
  if (map == Map::kTanh) return f(TanhMap());
  map == Map::kSoftZone ? f(SoftZoneMap()) : f(AffineMap());
}

// The policies of a pass that sums, alone or with dx.
template <class M>
struct Sums {
  static constexpr int kArrays = M::kSumArrays;
  static constexpr int kSums = M::kSums;

  template <bool kPart>
  static void Add(Values<kPart> dy, Values<kPart> x, const Float* k, Wide* sums, float*, int64_t) {
    M::Sum(dy, x, k, sums);
  }
};
template <class M, bool kStream>
struct SumsAndGrad {
  static constexpr int kArrays = M::kSumGradArrays;
  static constexpr int kSums = M::kSums;

  template <bool kPart>
  static void Add(Values<kPart> dy, Values<kPart> x, const Float* k, Wide* sums, float* dx,
                  int64_t at) {
    const Float d = M::SumGrad(dy, x, k, sums);
    kPart ? StorePart(dx + at, d, dy.part) : Put<kStream>(dx + at, d);
  }
};

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
