// Philox4x32-10 (Salmon, Moraes, Dror & Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC
// 2011): random numbers that are a function of their place, so that any thread computes any of
// them, forward and backward compute the same, and host and CUDA agree to the bit.
// core/simd/philox.h has several counters at once.
//
//   counter  (block low, block high, stream low, stream high),  key (seed low, seed high)
//   value i of a stream is word i % 4 of block i / 4
//
// A stream is one call of an op with that seed. Uniform numbers are (word >> 8) * 2^-24; what
// happens with probability `rate` happens where word >> 8 < ceil(rate * 2^24), an integer
// comparison.
#pragma once

#include <cstdint>

#include "core/status.h"

#ifdef __CUDACC__
#define NORM_PHILOX __host__ __device__ inline
#else
#define NORM_PHILOX inline
#endif

namespace tfjs_norm {
namespace philox {

constexpr int kRounds = 10;
constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
// Added to the key after every round.
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;

// Which random numbers: those of one call with one seed.
struct Stream {
  uint32_t seed_low;
  uint32_t seed_high;
  uint32_t low;
  uint32_t high;
};

struct Block {
  uint32_t word[4];
};

NORM_PHILOX Block BlockOf(const Stream& stream, uint64_t block) {
  uint32_t c0 = static_cast<uint32_t>(block);
  uint32_t c1 = static_cast<uint32_t>(block >> 32);
  uint32_t c2 = stream.low;
  uint32_t c3 = stream.high;
  uint32_t key0 = stream.seed_low;
  uint32_t key1 = stream.seed_high;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * c0;
    const uint64_t p1 = static_cast<uint64_t>(kMultiplier1) * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ key0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ key1;
    c3 = static_cast<uint32_t>(p0);
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return {{c0, c1, c2, c3}};
}

// Seed and stream cross the boundary of an op as a float32 tensor: their 16-bit digits, each exact,
// lowest first, the seed's before the stream's. Attributes would be wrong for what changes with
// every call: TensorFlow keeps a kernel for each combination of attribute values.
constexpr int kDigits = 8;
constexpr float kDigitBase = 65536.0f;

// Anything that is no digit counts as 0: a kernel cannot refuse it.
NORM_PHILOX uint32_t Digit(float value) {
  return value >= 0.0f && value < kDigitBase ? static_cast<uint32_t>(value) : 0;
}

NORM_PHILOX uint32_t WordOf(const float* digits) {
  return Digit(digits[0]) | Digit(digits[1]) << 16;
}

NORM_PHILOX Stream StreamOf(const float* digits) {
  return {WordOf(digits), WordOf(digits + 2), WordOf(digits + 4), WordOf(digits + 6)};
}

// Whether all are digits, where they are in host memory.
Status CheckDigits(const float* digits);

}  // namespace philox
}  // namespace tfjs_norm
