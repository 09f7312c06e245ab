#include "core/apply.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

template <int V, int W, class Source, class Bounded>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 4)
    ApplyKernel(Tiling tiling, const float* x, Source source, Bounded bounds, float* y) {
  constexpr int kGroup = 4;
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const Slot slot = tiling.At(tiling.tiles - 1 - tile);
    if (slot.count == 0) continue;
    const auto element = source.template At<W>(slot.pair);
    const auto limits = bounds.template At<W>(slot.pair);
    const float* from = x + slot.offset;
    float* to = y + slot.offset;
    for (int left = slot.count; left > 0; left -= kGroup) {
      Vec<V> values[kGroup];
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        if (u < left) values[u] = LoadStreaming<V>(from + u * tiling.thread_stride);
      }
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        if (u < left) {
          NORM_UNROLL
          for (int v = 0; v < V; ++v) {
            const int w = v % W;
            values[u].v[v] = limits.Clip(element.Apply(values[u].v[v], w), w);
          }
          StoreStreaming<V>(to + u * tiling.thread_stride, values[u]);
        }
      }
      from += kGroup * tiling.thread_stride;
      to += kGroup * tiling.thread_stride;
    }
  }
}

template <class Source, class Bounded>
Status LaunchFor(const Tiling& tiling, const float* x, const Source& source, const Bounded& bounds,
                 float* y, void* stream) {
  return ForTiling(tiling, [&](auto v, auto w) {
    const LaunchConfig config = {"Apply", dim3(tiling.grid()), dim3(kThreads), 0, stream};
    return Launch(config, ApplyKernel<decltype(v)::value, decltype(w)::value, Source, Bounded>,
                  tiling, x, source, bounds, y);
  });
}

}  // namespace

Status LaunchApply(const Tiling& tiling, const float* x, const PairAffine& affine, float* y,
                   void* stream) {
  return LaunchFor(tiling, x, affine, NoBounds(), y, stream);
}

Status LaunchApply(const Tiling& tiling, const float* x, const PairAffine& affine,
                   const ChannelBounds& bounds, float* y, void* stream) {
  return LaunchFor(tiling, x, affine, bounds, y, stream);
}

Status LaunchApply(const Tiling& tiling, const float* x, const ChannelAffine& affine, float* y,
                   void* stream) {
  return LaunchFor(tiling, x, affine, NoBounds(), y, stream);
}

Status LaunchApply(const Tiling& tiling, const float* x, const PairGate& map, float* y,
                   void* stream) {
  return LaunchFor(tiling, x, map, NoBounds(), y, stream);
}

Status LaunchApply(const Tiling& tiling, const float* x, const ChannelTanh& map, float* y,
                   void* stream) {
  return LaunchFor(tiling, x, map, NoBounds(), y, stream);
}

Status LaunchApply(const Tiling& tiling, const float* x, const HammingZones& map, float* y,
                   void* stream) {
  return LaunchFor(tiling, x, map, NoBounds(), y, stream);
}

Status LaunchApply(const Tiling& tiling, const float* x, const HammingSofts& map, float* y,
                   void* stream) {
  return LaunchFor(tiling, x, map, NoBounds(), y, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
