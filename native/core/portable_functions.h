// sigmoid and tanh with their derivatives in kernels: the formulas of core/simd/functions.h over
// expf, which device and emulator both have to an ulp or so.
#pragma once

#include "core/portable.h"

namespace tfjs_norm {
namespace cuda {

// 1 / (1 + e^-x)
NORM_DEVICE float Sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (e + 1.0f);
}

// Of one x, without cancellation in the tails: a sigmoid or tanh, and its derivative.
struct WithSlope {
  float value;
  float slope;
};

NORM_DEVICE WithSlope SigmoidWithSlope(float x) {
  const float e = expf(-fabsf(x));
  const float large = 1.0f / (e + 1.0f);
  const float small = e * large;
  return {x < 0.0f ? small : large, small * large};
}

// tanh |x| from e^(-2|x|) / (1 + e^(-2|x|)), or where that cancels from a polynomial.
NORM_DEVICE float TanhFrom(float magnitude, float small, float sign) {
  const float z = magnitude * magnitude;
  float p = -6.28247345e-3f;
  p = fmaf(p, z, 2.10777577e-2f);
  p = fmaf(p, z, -5.38538583e-2f);
  p = fmaf(p, z, 1.33326024e-1f);
  p = fmaf(p, z, -3.33333194e-1f);
  const float near = fmaf(magnitude * z, p, magnitude);
  return copysignf(magnitude < 0.55f ? near : fmaf(-2.0f, small, 1.0f), sign);
}

NORM_DEVICE float Tanh(float x) {
  const float magnitude = fabsf(x);
  const float e = expf(-2.0f * magnitude);
  return TanhFrom(magnitude, e / (e + 1.0f), x);
}

NORM_DEVICE WithSlope TanhWithSlope(float x) {
  const float magnitude = fabsf(x);
  const float e = expf(-2.0f * magnitude);
  const float large = 1.0f / (e + 1.0f);
  const float small = e * large;
  return {TanhFrom(magnitude, small, x), 4.0f * small * large};
}

}  // namespace cuda
}  // namespace tfjs_norm
