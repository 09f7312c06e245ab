#include "core/fill.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1) FillKernel(Fills fills) {
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  NORM_UNROLL
  for (int f = 0; f < Fills::kMax; ++f) {
    const Fill fill = fills.fill[f];
    if (!fill.to) continue;
    for (int64_t i = first; i < fill.count; i += stride)
      fill.to[i] = fill.from ? fill.from[i] : 0.0f;
  }
}

}  // namespace

Status LaunchFill(const Fills& fills, void* stream) {
  int64_t longest = 0;
  for (const Fill& fill : fills.fill) {
    if (fill.to && fill.count > longest) longest = fill.count;
  }
  if (longest == 0) return Ok();
  const int64_t blocks = CeilDivide(longest, kThreads);
  const LaunchConfig config = {"Fill", dim3(static_cast<unsigned>(blocks < 1024 ? blocks : 1024)),
                               dim3(kThreads), 0, stream};
  return Launch(config, FillKernel, fills);
}

}  // namespace cuda
}  // namespace tfjs_norm
