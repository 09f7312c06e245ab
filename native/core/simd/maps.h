// What the passes do with a vector of values, for each Map of core/host_simd.h: policies of the
// loops over columns and lines. `k` are the vectors of the pass's arrays, in the order that
// host_simd.h gives.
#pragma once

#include "core/host_simd.h"
#include "core/simd/vector.h"

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
};

struct BoundedMap {
  static constexpr int kApplyArrays = 5;
  static constexpr int kGradArrays = 8;
  static constexpr int kSumArrays = 5;
  static constexpr int kSums = 3;

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
    const Float g = dy.Narrow();
    const Wide within = Widen(Choose(g, Float{}, x.Narrow(), k));
    sums[0] = sums[0] + within;
    sums[1] = sums[1] + within * Widen(x.Narrow() - k[0]);
    sums[2] = sums[2] + Widen(Choose(Float{}, g, x.Narrow(), k));
  }
};

// f(Map()) for the policy of `map`.
template <typename F>
static inline void ForMap(Map map, F f) {
  map == Map::kBounded ? f(BoundedMap()) : f(AffineMap());
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
