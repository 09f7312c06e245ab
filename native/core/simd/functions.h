// exp, expm1, sigmoid and tanh of vectors: within 2 ulp of the float nearest to the exact value for
// every float, denormal results, infinities and NaN included. core/portable_functions.h has the
// same for CUDA.
#pragma once

#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {

typedef int32_t Int __attribute__((vector_size(kLanes * 4)));

static inline Int Bits(Float v) { return reinterpret_cast<Int>(v); }
static inline Float FromBits(Int bits) { return reinterpret_cast<Float>(bits); }
static inline Float Magnitude(Float v) { return FromBits(Bits(v) & 0x7fffffff); }
// The magnitude of a value that is not negative, the sign of the other.
static inline Float WithSign(Float magnitude, Float sign) {
  return FromBits(Bits(magnitude) | (Bits(sign) & INT32_MIN));
}
static inline Float PowerOfTwo(Int exponent) { return FromBits((exponent + 127) << 23); }

// e^r - 1 for |r| <= ln(2) / 2.
static inline Float ExpTail(Float r) {
  Float p = Fill(1.39505044e-3f);
  p = p * r + 8.36889632e-3f;
  p = p * r + 4.16662060e-2f;
  p = p * r + 1.66665182e-1f;
  p = p * r + 0.5f;
  return (r * r) * p + r;
}

// e^x = 2^n * (1 + tail), |n ln 2 - x| <= ln(2) / 2, for |x| < 2^15.
struct ExpParts {
  Int n;
  Float tail;
};
static inline ExpParts SplitExp(Float x) {
  // Added to a small number, it leaves the nearest integer in the low bits.
  const Float round = Fill(0x1.8p23f);
  const Float shifted = x * 1.44269504f + round;
  const Float n = shifted - round;
  // ln 2 in two parts, the first with so few bits that n times it is exact.
  const Float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  return {Bits(shifted) - Bits(round), ExpTail(r)};
}

static inline Float Exp(Float x) {
  // From here on down 0; not computed, for arithmetic that underflows is slow.
  const Int nothing = x < -103.972084f;
  const Float bounded = x > 89.0f ? Fill(89.0f) : x;
  const ExpParts e = SplitExp(nothing ? Float{} : bounded);
  // In two steps, for 2^n may be outside float32 where the result is not.
  const Int half = e.n >> 1;
  const Float y = ((e.tail + 1.0f) * PowerOfTwo(half)) * PowerOfTwo(e.n - half);
  return nothing ? Float{} : y;
}

// e^x - 1
static inline Float Expm1(Float x) {
  // Below, -1 to the last bit.
  const Float low = x < -20.0f ? Fill(-20.0f) : x;
  const ExpParts e = SplitExp(low > 89.0f ? Fill(89.0f) : low);
  // Half of it first: 2^128 is no float32.
  const Float half = PowerOfTwo(e.n - 1);
  const Float y = (half * e.tail + (half - 0.5f)) * 2.0f;
  return WithSign(Magnitude(e.n == 0 ? e.tail : y), x);
}

// e^x - 1 for x < 0, in half the steps of Expm1; NaN for NaN, for other values anything.
static inline Float NegativeExpm1(Float x) {
  const Float least = Fill(-87.0f);
  // In this order NaN stays.
  const Float bounded = least > x ? least : x;
  // With the exponent's bias in it, it leaves 2^n's bits but for a shift.
  const Float round = Fill(0x1.8p23f + 127.0f);
  const Float shifted = bounded * 1.44269504f + round;
  const Float n = shifted - round;
  // The result is at least 0.29 where n is not 0: one part of ln 2 is enough.
  const Float tail = ExpTail(bounded - n * 0.693147182f);
  const Float scale = FromBits(Bits(shifted) << 23);
  return scale * tail + (scale - 1.0f);
}

// 1 / (1 + e^-x)
static inline Float Sigmoid(Float x) {
  const Float e = Exp(-Magnitude(x));
  return (x < 0.0f ? e : Fill(1.0f)) / (e + 1.0f);
}

// Of one x, without cancellation in the tails: a sigmoid or tanh (within 3 ulp) and its derivative
// (within 5).
struct WithSlope {
  Float value;
  Float slope;
};

static inline WithSlope SigmoidWithSlope(Float x) {
  const Float e = Exp(-Magnitude(x));
  const Float large = 1.0f / (e + 1.0f);
  const Float small = e * large;
  return {x < 0.0f ? small : large, small * large};
}

// tanh |x| from e^(-2|x|) / (1 + e^(-2|x|)), or where that cancels from a polynomial.
static inline Float TanhFrom(Float magnitude, Float small, Float sign) {
  const Float z = magnitude * magnitude;
  Float p = Fill(-6.28247345e-3f);
  p = p * z + 2.10777577e-2f;
  p = p * z + -5.38538583e-2f;
  p = p * z + 1.33326024e-1f;
  p = p * z + -3.33333194e-1f;
  const Float near = (magnitude * z) * p + magnitude;
  return WithSign(magnitude < 0.55f ? near : 1.0f - 2.0f * small, sign);
}

static inline Float Tanh(Float x) {
  const Float magnitude = Magnitude(x);
  const Float e = Exp(-2.0f * magnitude);
  return TanhFrom(magnitude, e / (e + 1.0f), x);
}

static inline WithSlope TanhWithSlope(Float x) {
  const Float magnitude = Magnitude(x);
  const Float e = Exp(-2.0f * magnitude);
  const Float large = 1.0f / (e + 1.0f);
  const Float small = e * large;
  return {TanhFrom(magnitude, small, x), 4.0f * small * large};
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
