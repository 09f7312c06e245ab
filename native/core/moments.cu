#include "core/moment_sum.cuh"
#include "core/moments.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

template <int V, int W>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 3)
    MomentsKernel(Tiling tiling, const float* x, MomentPartials partials) {
  constexpr int kGroup = 8;
  SharedArena arena;
  MomentSum<W>* shared = arena.Take<MomentSum<W>>(kThreads);
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const Slot slot = tiling.At(tile);
    MomentSum<W> sum = {};
    float shift[W] = {};
    if (slot.count > 0) {
      const Vec<V> first = LoadStreaming<V>(x + slot.start);
      NORM_UNROLL
      for (int w = 0; w < W; ++w) shift[w] = first.v[w];
      const float* from = x + slot.offset;
      for (int left = slot.count; left > 0; left -= kGroup) {
        Vec<V> values[kGroup];
        NORM_UNROLL
        for (int u = 0; u < kGroup; ++u) {
          values[u] = u < left ? LoadStreaming<V>(from + u * tiling.thread_stride) : Vec<V>{};
        }
        AddGroup<V, W, kGroup>(values, left < kGroup ? left : kGroup, shift, sum);
        from += kGroup * tiling.thread_stride;
      }
    }
    MergeLanes(tiling.lanes, sum, shared);
    if (slot.count > 0 && slot.y == 0) {
      const int64_t at = tiling.ChunkOf(tile) * tiling.pairs + slot.pair;
      Vec<W> mean, m2, origin;
      NORM_UNROLL
      for (int w = 0; w < W; ++w) {
        origin.v[w] = shift[w];
        mean.v[w] = sum.mean[w];
        m2.v[w] = sum.m2[w];
      }
      Store<W>(partials.shift + at, origin);
      Store<W>(partials.mean + at, mean);
      Store<W>(partials.m2 + at, m2);
    }
  }
}

}  // namespace

Status LaunchMoments(const Tiling& tiling, const float* x, const MomentPartials& partials,
                     void* stream) {
  return ForTiling(tiling, [&](auto v, auto w) {
    constexpr int V = decltype(v)::value;
    constexpr int W = decltype(w)::value;
    const LaunchConfig config = {"Moments", dim3(tiling.grid()), dim3(kThreads),
                                 SharedBytes<MomentSum<W>>(kThreads), stream};
    return Launch(config, MomentsKernel<V, W>, tiling, x, partials);
  });
}

}  // namespace cuda
}  // namespace tfjs_norm
