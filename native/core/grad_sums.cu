#include <type_traits>

#include "core/grad_sums.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

template <int W>
struct GradSum {
  float g0[W];
  float g1[W];

  NORM_DEVICE void Merge(const GradSum& other) {
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      g0[w] += other.g0[w];
      g1[w] += other.g1[w];
    }
  }
};

template <int V, int W, class Source>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 3)
    GradSumsKernel(Tiling tiling, const float* dy, const float* x, Source source,
                   GradPartials partials, float* dx) {
  constexpr int kGroup = 4;
  constexpr bool kWriteDx = std::is_same<Source, ChannelAffine>::value;
  SharedArena arena;
  GradSum<W>* shared = arena.Take<GradSum<W>>(kThreads);
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const Slot slot = tiling.At(tile);
    GradSum<W> sum = {};
    if (slot.count > 0) {
      const Affine<W> affine = source.template At<W>(slot.pair);
      int64_t at = slot.offset;
      for (int left = slot.count; left > 0; left -= kGroup) {
        Vec<V> gradients[kGroup];
        Vec<V> values[kGroup];
        NORM_UNROLL
        for (int u = 0; u < kGroup; ++u) {
          const int64_t from = at + u * tiling.thread_stride;
          gradients[u] = u < left ? LoadStreaming<V>(dy + from) : Vec<V>{};
          values[u] = u < left ? LoadStreaming<V>(x + from) : Vec<V>{};
        }
        // A group is summed on its own first: its terms do not meet a sum that is already large.
        GradSum<W> group = {};
        NORM_UNROLL
        for (int u = 0; u < kGroup; ++u) {
          NORM_UNROLL
          for (int v = 0; v < V; ++v) {
            const int w = v % W;
            const float g = gradients[u].v[v];
            // A position that does not exist has no dy, but its x - hi may be infinite.
            const float xc = u < left ? affine.Center(values[u].v[v], w) : 0.0f;
            group.g0[w] += g;
            group.g1[w] = fmaf(g, xc, group.g1[w]);
            if constexpr (kWriteDx) gradients[u].v[v] = affine.a[w] * g;
          }
          if constexpr (kWriteDx) {
            if (u < left) StoreStreaming<V>(dx + at + u * tiling.thread_stride, gradients[u]);
          }
        }
        sum.Merge(group);
        at += kGroup * tiling.thread_stride;
      }
    }
    MergeLanes(tiling.lanes, sum, shared);
    if (slot.count > 0 && slot.y == 0) {
      const int64_t to = tiling.ChunkOf(tile) * tiling.pairs + slot.pair;
      Vec<W> g0, g1;
      NORM_UNROLL
      for (int w = 0; w < W; ++w) {
        g0.v[w] = sum.g0[w];
        g1.v[w] = sum.g1[w];
      }
      Store<W>(partials.g0 + to, g0);
      Store<W>(partials.g1 + to, g1);
    }
  }
}

template <class Source>
Status LaunchFor(const Tiling& tiling, const float* dy, const float* x, const Source& source,
                 const GradPartials& partials, float* dx, void* stream) {
  return ForTiling(tiling, [&](auto v, auto w) {
    constexpr int V = decltype(v)::value;
    constexpr int W = decltype(w)::value;
    const LaunchConfig config = {"GradSums", dim3(tiling.grid()), dim3(kThreads),
                                 SharedBytes<GradSum<W>>(kThreads), stream};
    return Launch(config, GradSumsKernel<V, W, Source>, tiling, dy, x, source, partials, dx);
  });
}

}  // namespace

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const PairCenter& center, const GradPartials& partials, void* stream) {
  return LaunchFor(tiling, dy, x, center, partials, nullptr, stream);
}

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const ChannelAffine& affine, const GradPartials& partials, float* dx,
                      void* stream) {
  return LaunchFor(tiling, dy, x, affine, partials, dx, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
