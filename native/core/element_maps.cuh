// Maps y = a * f(x, theta) + b in the streaming kernels: what a kernel asks for the numbers of a
// column, as for those of an affine one (affine.cuh).
#pragma once

#include "core/affine.cuh"
#include "core/hamming_map.h"
#include "core/portable_functions.h"

namespace tfjs_norm {
namespace cuda {

// 0 where the slope is, for an infinite factor too.
NORM_DEVICE float TimesSlope(float factor, float slope) {
  return slope == 0.0f ? slope : factor * slope;
}

// f = tanh(theta * x)
template <int W>
struct TanhMap {
  float theta;
  float a[W], b[W];

  NORM_DEVICE float Apply(float x, int w) const { return fmaf(a[w], Tanh(theta * x), b[w]); }
};

// One theta; a and b per channel, which may be null (1 and 0).
struct ChannelTanh {
  int64_t channels = 1;
  const float* theta = nullptr;
  const float* a = nullptr;
  const float* b = nullptr;

  template <int W>
  NORM_DEVICE TanhMap<W> At(int64_t pair) const {
    TanhMap<W> map;
    map.theta = *theta;
    const int64_t first = pair % channels;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      map.a[w] = a ? a[first + w] : 1.0f;
      map.b[w] = b ? b[first + w] : 0.0f;
    }
    return map;
  }
};

// f = x * sigmoid(theta * x)
template <int W>
struct Gate {
  float theta[W];

  // f, and its derivatives by x and theta.
  struct Of {
    float value, by_x, by_theta;
  };
  NORM_DEVICE float Value(float x, int w) const { return x * Sigmoid(theta[w] * x); }
  NORM_DEVICE Of At(float x, int w) const {
    const float u = theta[w] * x;
    const WithSlope s = SigmoidWithSlope(u);
    return {x * s.value, s.value + TimesSlope(u, s.slope), x * TimesSlope(x, s.slope)};
  }
};

struct ChannelGate {
  int64_t channels = 1;
  const float* theta = nullptr;

  template <int W>
  NORM_DEVICE Gate<W> At(int64_t pair) const {
    Gate<W> gate;
    const int64_t first = pair % channels;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) gate.theta[w] = theta[first + w];
    return gate;
  }
};

template <int W>
struct GateMap {
  Gate<W> gate;
  float a[W], b[W];

  NORM_DEVICE float Apply(float x, int w) const { return fmaf(a[w], gate.Value(x, w), b[w]); }
};

// a and b per (row, channel) pair, written by a coefficient kernel.
struct PairGate {
  ChannelGate gate;
  const float* a = nullptr;
  const float* b = nullptr;

  template <int W>
  NORM_DEVICE GateMap<W> At(int64_t pair) const {
    GateMap<W> map;
    map.gate = gate.At<W>(pair);
    LoadTo(map.a, a + pair);
    LoadTo(map.b, b + pair);
    return map;
  }
};

// y = b within [low, high], a * x + b elsewhere. NaN is in no zone.
template <int W>
struct ZoneMap {
  float a[W], b[W], low[W], high[W];

  NORM_DEVICE bool In(float x, int w) const { return x >= low[w] && x <= high[w]; }
  NORM_DEVICE float Apply(float x, int w) const { return In(x, w) ? b[w] : fmaf(a[w], x, b[w]); }
  NORM_DEVICE float Grad(float g, float x, int w) const { return In(x, w) ? 0.0f : a[w] * g; }
};

// f = u * (sigmoid(u - r) + sigmoid(-u - r)), u = theta * x
template <int W>
struct SoftZoneMap {
  float theta[W], a[W], b[W], r[W];

  // The derivatives of f by u and r.
  struct Of {
    float by_u, by_r;
  };
  NORM_DEVICE Of At(float x, int w) const {
    const float u = theta[w] * x;
    const WithSlope above = SigmoidWithSlope(u - r[w]);
    const WithSlope below = SigmoidWithSlope(-u - r[w]);
    return {(above.value + below.value) + TimesSlope(u, above.slope - below.slope),
            -TimesSlope(u, above.slope + below.slope)};
  }
  NORM_DEVICE float Apply(float x, int w) const {
    const float u = theta[w] * x;
    return fmaf(a[w], u * (Sigmoid(u - r[w]) + Sigmoid(-u - r[w])), b[w]);
  }
};

// Taps per place and r per channel of a pair, which is a place of a sample and a channel, or the
// one pair of a tensor whose elements are all alike. `r` may be null: 0.
struct HammingNumbers {
  HammingMap map;
  int64_t channels = 1;
  bool places = false;  // or one number of taps
  const float* taps = nullptr;
  const float* r = nullptr;

  NORM_DEVICE float Taps(int64_t pair) const { return taps[places ? pair / channels : 0]; }
  NORM_DEVICE float R(int64_t pair) const { return r ? r[pair % channels] : 0.0f; }
};

struct HammingZones {
  HammingNumbers numbers;
  bool offset = true;  // or b = 0

  template <int W>
  NORM_DEVICE ZoneMap<W> At(int64_t pair) const {
    ZoneMap<W> map;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      const HammingZone zone = numbers.map.Zone(numbers.Taps(pair + w), numbers.R(pair + w));
      map.a[w] = zone.a;
      map.b[w] = offset ? zone.b : 0.0f;
      map.low[w] = zone.low;
      map.high[w] = zone.high;
    }
    return map;
  }
};

struct HammingSofts {
  HammingNumbers numbers;

  template <int W>
  NORM_DEVICE SoftZoneMap<W> At(int64_t pair) const {
    SoftZoneMap<W> map;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      const HammingSoft soft = numbers.map.Soft(numbers.Taps(pair + w), numbers.R(pair + w));
      map.theta[w] = soft.theta;
      map.a[w] = soft.a;
      map.b[w] = soft.b;
      map.r[w] = soft.r;
    }
    return map;
  }
};

}  // namespace cuda
}  // namespace tfjs_norm
