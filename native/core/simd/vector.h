// Vectors of the instruction set this file is compiled for (NORM_SIMD: base, avx2 or avx512).
// Everything lives in namespace NORM_SIMD, and nothing from std is instantiated here: an inline
// function shared by objects of different instruction sets would be linked once, with any of them.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
// GCC 12 takes the undefined values inside its own intrinsics for mistakes (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Float __attribute__((vector_size(kLanes * 4)));
typedef float Half __attribute__((vector_size(kLanes * 2)));
typedef double Double __attribute__((vector_size(kLanes * 4)));
typedef float UnalignedFloat __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef double UnalignedDouble __attribute__((vector_size(kLanes * 4), aligned(8), may_alias));

// kLanes values in double precision.
struct Wide {
  Double low, high;
};

static inline Float Load(const float* p) { return *reinterpret_cast<const UnalignedFloat*>(p); }
static inline void Store(float* p, Float v) { *reinterpret_cast<UnalignedFloat*>(p) = v; }
static inline Float Fill(float v) { return v - Float{}; }

// The first `count` < kLanes values; the rest read as zero and are not written.
static inline Float LoadPart(const float* p, int64_t count) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
#else
  Float v = {};
  for (int64_t i = 0; i < count; ++i) v[i] = p[i];
  return v;
#endif
}
static inline void StorePart(float* p, Float v, int64_t count) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), v);
#else
  for (int64_t i = 0; i < count; ++i) p[i] = v[i];
#endif
}

// Past the caches; p is aligned to the vector.
static inline void Stream(float* p, Float v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, v);
#elif defined(__SSE2__)
  _mm_stream_ps(p, v);
#else
  Store(p, v);
#endif
}
// Streamed values are visible to other threads only after this.
static inline void StreamFence() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}
static inline bool StreamAligned(const float* p, int64_t stride) {
  return reinterpret_cast<uintptr_t>(p) % sizeof(Float) == 0 && stride % kLanes == 0;
}

static inline Wide Widen(Float v) {
#if defined(__AVX512F__)
  const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(high)};
#elif defined(__AVX2__)
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
#elif defined(__SSE2__)
  return {_mm_cvtps_pd(v), _mm_cvtps_pd(_mm_movehl_ps(v, v))};
#else
  Half halves[2];
  __builtin_memcpy(halves, &v, sizeof v);
  return {__builtin_convertvector(halves[0], Double), __builtin_convertvector(halves[1], Double)};
#endif
}
// As Widen(Load(p)), but the halves come from memory.
static inline Wide LoadWide(const float* p) {
#if defined(__AVX512F__)
  return {_mm512_cvtps_pd(_mm256_loadu_ps(p)), _mm512_cvtps_pd(_mm256_loadu_ps(p + 8))};
#elif defined(__AVX2__)
  return {_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p + 4))};
#else
  return Widen(Load(p));
#endif
}
static inline Wide LoadDoubles(const double* p) {
  return {*reinterpret_cast<const UnalignedDouble*>(p),
          *reinterpret_cast<const UnalignedDouble*>(p + kLanes / 2)};
}
static inline void StoreDoubles(double* p, Wide v) {
  *reinterpret_cast<UnalignedDouble*>(p) = v.low;
  *reinterpret_cast<UnalignedDouble*>(p + kLanes / 2) = v.high;
}
static inline Wide operator+(Wide a, Wide b) { return {a.low + b.low, a.high + b.high}; }
static inline Wide operator-(Wide a, Wide b) { return {a.low - b.low, a.high - b.high}; }
static inline Wide operator*(Wide a, Wide b) { return {a.low * b.low, a.high * b.high}; }
static inline double Sum(Wide v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_pd(v.low + v.high);
#elif defined(__AVX2__)
  const __m256d both = v.low + v.high;
  const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(both), _mm256_extractf128_pd(both, 1));
  return pair[0] + pair[1];
#else
  const Double both = v.low + v.high;
  return both[0] + both[1];
#endif
}
static inline double Sum(Float v) { return Sum(Widen(v)); }

template <bool kStream>
static inline void Put(float* p, Float v) {
  if (kStream) {
    Stream(p, v);
  } else {
    Store(p, v);
  }
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
