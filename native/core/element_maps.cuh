// Maps y = a * f(x, theta) + b in the streaming kernels: what a kernel asks for the numbers of a
// column, as for those of an affine one (affine.cuh).
#pragma once

#include "core/affine.cuh"
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

}  // namespace cuda
}  // namespace tfjs_norm
