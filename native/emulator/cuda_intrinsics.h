// The device side of the stand-in <cuda_runtime.h>: built-in variables, barriers, warp operations,
// integer atomics and the arithmetic that CUDA adds to <cmath>.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "emulator/block.h"

#define threadIdx (::tfjs_norm::emulator::t_thread->index)
#define blockIdx (::tfjs_norm::emulator::t_thread->runner->block_index())
#define blockDim (::tfjs_norm::emulator::t_thread->runner->block_dim())
#define gridDim (::tfjs_norm::emulator::t_thread->runner->grid_dim())
constexpr int warpSize = 32;

using std::max;
using std::min;
using NormSite = tfjs_norm::emulator::Site;

inline void __syncthreads(NormSite site = NormSite::Here()) {
  tfjs_norm::emulator::t_thread->runner->SyncThreads(site);
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, NormSite site = NormSite::Here()) {
  tfjs_norm::emulator::t_thread->runner->Meet(tfjs_norm::emulator::Operation::kSyncWarp, mask, 32,
                                              0, 0, site);
}

namespace tfjs_norm::emulator {

// This thread's value goes to the lanes that name it; it gets the value of lane `source`.
template <class T>
T Exchange(unsigned mask, T value, unsigned source, int width, Site site) {
  static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves at most 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = t_thread->runner->Meet(Operation::kShuffle, mask, static_cast<unsigned>(width), bits,
                                source, site);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline unsigned Lane() { return t_thread->id % kWarpSize; }

inline unsigned Vote(unsigned mask, bool predicate, Site site) {
  return static_cast<unsigned>(
      t_thread->runner->Meet(Operation::kBallot, mask, kWarpSize, predicate ? 1 : 0, 0, site));
}

}  // namespace tfjs_norm::emulator

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              NormSite site = NormSite::Here()) {
  using namespace tfjs_norm::emulator;
  const unsigned segment = static_cast<unsigned>(width) - 1;
  return Exchange(mask, value, (Lane() & ~segment) | (static_cast<unsigned>(source) & segment),
                  width, site);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 NormSite site = NormSite::Here()) {
  using namespace tfjs_norm::emulator;
  const unsigned place = Lane() & (static_cast<unsigned>(width) - 1);
  return Exchange(mask, value, delta > place ? Lane() : Lane() - delta, width, site);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   NormSite site = NormSite::Here()) {
  using namespace tfjs_norm::emulator;
  const unsigned place = Lane() & (static_cast<unsigned>(width) - 1);
  const bool inside = delta < static_cast<unsigned>(width) - place;
  return Exchange(mask, value, inside ? Lane() + delta : Lane(), width, site);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  NormSite site = NormSite::Here()) {
  using namespace tfjs_norm::emulator;
  // Lanes of earlier segments can be read, those of later ones cannot.
  const unsigned last = Lane() | (static_cast<unsigned>(width) - 1);
  const unsigned source = Lane() ^ static_cast<unsigned>(lane_mask);
  return Exchange(mask, value, source > last ? Lane() : source, width, site);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, NormSite site = NormSite::Here()) {
  return tfjs_norm::emulator::Vote(mask, predicate != 0, site);
}
inline int __any_sync(unsigned mask, int predicate, NormSite site = NormSite::Here()) {
  return tfjs_norm::emulator::Vote(mask, predicate != 0, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate, NormSite site = NormSite::Here()) {
  return tfjs_norm::emulator::Vote(mask, predicate == 0, site) == 0;
}

// Blocks run on several OS threads. There are no float atomics: results have to be reproducible.
inline int atomicAdd(int* address, int value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
inline unsigned atomicAdd(unsigned* address, unsigned value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
