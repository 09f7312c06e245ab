// philox.h for any elements of a stream.
#include "core/simd/philox.h"

#include "core/host_simd.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

void PhiloxWords(const philox::Stream& stream, uint64_t first, int64_t count, uint32_t* words) {
  PhiloxGroup group(stream);
  for (int64_t i = 0; i < count; ++i) {
    group.Fetch(first + static_cast<uint64_t>(i));
    words[i] = group.From(0)[0];
  }
}

}  // namespace

void RegisterPhilox(SimdKernels* kernels) { kernels->philox_words = PhiloxWords; }

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
