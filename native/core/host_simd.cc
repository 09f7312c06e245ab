#include "core/host_simd.h"

#include <atomic>
#include <cstring>

namespace tfjs_norm {
namespace host {

#define NORM_DECLARE_SIMD(level)            \
  namespace level {                         \
  void RegisterAttentive(SimdKernels*);     \
  void RegisterColumnMaps(SimdKernels*);    \
  void RegisterColumnMoments(SimdKernels*); \
  void RegisterEqui(SimdKernels*);          \
  void RegisterFixup(SimdKernels*);         \
  void RegisterFunctions(SimdKernels*);     \
  void RegisterLines(SimdKernels*);         \
  void RegisterOnline(SimdKernels*);        \
  void RegisterPairs(SimdKernels*);         \
  void RegisterProducts(SimdKernels*);      \
  void RegisterPhilox(SimdKernels*);        \
  void RegisterRows(SimdKernels*);          \
  void RegisterSelu(SimdKernels*);          \
  void RegisterSwitchable(SimdKernels*);    \
  static const SimdKernels* Table() {       \
    static const SimdKernels table = [] {   \
      SimdKernels kernels;                  \
      kernels.name = #level;                \
      RegisterAttentive(&kernels);          \
      RegisterColumnMaps(&kernels);         \
      RegisterColumnMoments(&kernels);      \
      RegisterEqui(&kernels);               \
      RegisterFixup(&kernels);              \
      RegisterFunctions(&kernels);          \
      RegisterLines(&kernels);              \
      RegisterOnline(&kernels);             \
      RegisterPairs(&kernels);              \
      RegisterProducts(&kernels);           \
      RegisterPhilox(&kernels);             \
      RegisterRows(&kernels);               \
      RegisterSelu(&kernels);               \
      RegisterSwitchable(&kernels);         \
      return kernels;                       \
    }();                                    \
    return &table;                          \
  }                                         \
  }

NORM_DECLARE_SIMD(base)
#if defined(__x86_64__)
NORM_DECLARE_SIMD(avx2)
NORM_DECLARE_SIMD(avx512)
#endif
#undef NORM_DECLARE_SIMD

const SimdKernels* FindSimd(const char* name) {
#if defined(__x86_64__)
  if (std::strcmp(name, "avx512") == 0) {
    const bool runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    return runs ? avx512::Table() : nullptr;
  }
  if (std::strcmp(name, "avx2") == 0) {
    const bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return runs ? avx2::Table() : nullptr;
  }
#endif
  return std::strcmp(name, "base") == 0 ? base::Table() : nullptr;
}

static const SimdKernels* BestSimd() {
  const char* names[] = {"avx512", "avx2"};
  for (const char* name : names) {
    if (const SimdKernels* found = FindSimd(name)) return found;
  }
  return FindSimd("base");
}

static std::atomic<const SimdKernels*> chosen{nullptr};

const SimdKernels& Simd() {
  const SimdKernels* kernels = chosen.load(std::memory_order_acquire);
  if (!kernels) {
    kernels = BestSimd();
    chosen.store(kernels, std::memory_order_release);
  }
  return *kernels;
}

void UseSimd(const SimdKernels* kernels) { chosen.store(kernels, std::memory_order_release); }

}  // namespace host
}  // namespace tfjs_norm
