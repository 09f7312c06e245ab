#include <type_traits>

#include "core/grad_sums.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

// g0, g1 and, with bounds, outside.
template <int W, int N>
struct GradSum {
  float of[N][W];

  NORM_DEVICE void Merge(const GradSum& other) {
    NORM_UNROLL
    for (int n = 0; n < N; ++n) {
      NORM_UNROLL
      for (int w = 0; w < W; ++w) of[n][w] += other.of[n][w];
    }
  }
};

template <int V, int W, class Source, class Bounded>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 3)
    GradSumsKernel(Tiling tiling, const float* dy, const float* x, Source source, Bounded bounds,
                   GradPartials partials, float* dx) {
  constexpr int kGroup = 4;
  constexpr int N = Bounded::kBounded ? 3 : 2;
  using Sum = GradSum<W, N>;
  constexpr bool kWriteDx = std::is_same<Source, ChannelAffine>::value;
  SharedArena arena;
  Sum* shared = arena.Take<Sum>(kThreads);
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const Slot slot = tiling.At(tile);
    Sum sum = {};
    if (slot.count > 0) {
      const Affine<W> affine = source.template At<W>(slot.pair);
      const auto limits = bounds.template At<W>(slot.pair);
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
        Sum group = {};
        NORM_UNROLL
        for (int u = 0; u < kGroup; ++u) {
          NORM_UNROLL
          for (int v = 0; v < V; ++v) {
            const int w = v % W;
            const float g = gradients[u].v[v];
            // A position that does not exist has no dy, but its x - hi may be infinite.
            const float xc = u < left ? affine.Center(values[u].v[v], w) : 0.0f;
            const bool within = limits.Hold(fmaf(affine.a[w], xc, affine.b[w]), w);
            const float counted = within ? g : 0.0f;
            group.of[0][w] += counted;
            group.of[1][w] = fmaf(counted, xc, group.of[1][w]);
            if constexpr (Bounded::kBounded) group.of[2][w] += within ? 0.0f : g;
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
      float* const arrays[] = {partials.g0, partials.g1, partials.outside};
      NORM_UNROLL
      for (int n = 0; n < N; ++n) {
        Vec<W> total;
        NORM_UNROLL
        for (int w = 0; w < W; ++w) total.v[w] = sum.of[n][w];
        Store<W>(arrays[n] + to, total);
      }
    }
  }
}

template <class Source, class Bounded>
Status LaunchFor(const Tiling& tiling, const float* dy, const float* x, const Source& source,
                 const Bounded& bounds, const GradPartials& partials, float* dx, void* stream) {
  return ForTiling(tiling, [&](auto v, auto w) {
    constexpr int V = decltype(v)::value;
    constexpr int W = decltype(w)::value;
    const LaunchConfig config = {"GradSums", dim3(tiling.grid()), dim3(kThreads),
                                 SharedBytes<GradSum<W, Bounded::kBounded ? 3 : 2>>(kThreads),
                                 stream};
    return Launch(config, GradSumsKernel<V, W, Source, Bounded>, tiling, dy, x, source, bounds,
                  partials, dx);
  });
}

}  // namespace

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const PairCenter& center, const GradPartials& partials, void* stream) {
  return LaunchFor(tiling, dy, x, center, NoBounds(), partials, nullptr, stream);
}

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const PairAffine& output, const ChannelBounds& bounds,
                      const GradPartials& partials, void* stream) {
  return LaunchFor(tiling, dy, x, output, bounds, partials, nullptr, stream);
}

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const ChannelAffine& affine, const GradPartials& partials, float* dx,
                      void* stream) {
  return LaunchFor(tiling, dy, x, affine, NoBounds(), partials, dx, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
