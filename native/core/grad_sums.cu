#include "core/grad_sums.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

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

// What one value adds to the kSums sums of its column; with kWriteDx it gives dx too. A position
// that does not exist has g = 0 and x = 0. kBlocks are resident per multiprocessor.

template <class Source, bool kDx>
struct AffineTerms {
  static constexpr int kSums = 2;
  static constexpr bool kWriteDx = kDx;
  static constexpr int kBlocks = 3;
  Source source;

  template <int W>
  struct Of {
    Affine<W> affine;

    NORM_DEVICE float Add(float g, float x, bool exists, int w, GradSum<W, kSums>& sums) const {
      // x - hi may be infinite where there is no x.
      const float xc = exists ? affine.Center(x, w) : 0.0f;
      sums.of[0][w] += g;
      sums.of[1][w] = fmaf(g, xc, sums.of[1][w]);
      return affine.a[w] * g;
    }
  };
  template <int W>
  NORM_DEVICE Of<W> At(int64_t pair) const {
    return {source.template At<W>(pair)};
  }
};

struct BoundedTerms {
  static constexpr int kSums = 3;
  static constexpr bool kWriteDx = false;
  static constexpr int kBlocks = 3;
  PairAffine output;
  ChannelBounds bounds;

  template <int W>
  struct Of {
    Affine<W> affine;
    Limits<W> limits;

    NORM_DEVICE float Add(float g, float x, bool exists, int w, GradSum<W, kSums>& sums) const {
      const float xc = exists ? affine.Center(x, w) : 0.0f;
      const bool within = limits.Hold(fmaf(affine.a[w], xc, affine.b[w]), w);
      const float counted = within ? g : 0.0f;
      sums.of[0][w] += counted;
      sums.of[1][w] = fmaf(counted, xc, sums.of[1][w]);
      sums.of[2][w] += within ? 0.0f : g;
      return 0.0f;
    }
  };
  template <int W>
  NORM_DEVICE Of<W> At(int64_t pair) const {
    return {output.At<W>(pair), bounds.At<W>(pair)};
  }
};

struct TanhTerms {
  static constexpr int kSums = 3;
  static constexpr bool kWriteDx = true;
  static constexpr int kBlocks = 2;  // the function fills the registers of a third
  ChannelTanh source;

  template <int W>
  struct Of {
    TanhMap<W> map;

    NORM_DEVICE float Add(float g, float x, bool, int w, GradSum<W, kSums>& sums) const {
      const WithSlope f = TanhWithSlope(map.theta * x);
      sums.of[0][w] += g;
      sums.of[1][w] = fmaf(g, f.value, sums.of[1][w]);
      sums.of[2][w] = fmaf(g, TimesSlope(x, f.slope), sums.of[2][w]);
      return TimesSlope(map.theta, f.slope) * map.a[w] * g;
    }
  };
  template <int W>
  NORM_DEVICE Of<W> At(int64_t pair) const {
    return {source.At<W>(pair)};
  }
};

struct GateTerms {
  static constexpr int kSums = 3;
  static constexpr bool kWriteDx = false;
  static constexpr int kBlocks = 2;
  ChannelGate source;

  template <int W>
  struct Of {
    Gate<W> gate;

    NORM_DEVICE float Add(float g, float x, bool, int w, GradSum<W, kSums>& sums) const {
      const typename Gate<W>::Of f = gate.At(x, w);
      sums.of[0][w] += g;
      sums.of[1][w] = fmaf(g, f.value, sums.of[1][w]);
      sums.of[2][w] = fmaf(g, f.by_theta, sums.of[2][w]);
      return 0.0f;
    }
  };
  template <int W>
  NORM_DEVICE Of<W> At(int64_t pair) const {
    return {source.At<W>(pair)};
  }
};

struct SoftZoneTerms {
  static constexpr int kSums = 1;
  static constexpr bool kWriteDx = true;
  static constexpr int kBlocks = 2;
  HammingSofts source;

  template <int W>
  struct Of {
    SoftZoneMap<W> map;

    NORM_DEVICE float Add(float g, float x, bool, int w, GradSum<W, kSums>& sums) const {
      const typename SoftZoneMap<W>::Of f = map.At(x, w);
      const float counted = map.a[w] * g;
      sums.of[0][w] = fmaf(counted, f.by_r, sums.of[0][w]);
      return counted * (map.theta[w] * f.by_u);
    }
  };
  template <int W>
  NORM_DEVICE Of<W> At(int64_t pair) const {
    return {source.At<W>(pair)};
  }
};

template <int V, int W, class Terms>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, Terms::kBlocks)
    GradSumsKernel(Tiling tiling, const float* dy, const float* x, Terms terms,
                   GradPartials partials, float* dx) {
  constexpr int kGroup = 4;
  using Sum = GradSum<W, Terms::kSums>;
  SharedArena arena;
  Sum* shared = arena.Take<Sum>(kThreads);
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const Slot slot = tiling.At(tile);
    Sum sum = {};
    if (slot.count > 0) {
      const auto of = terms.template At<W>(slot.pair);
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
            const float d = of.Add(gradients[u].v[v], values[u].v[v], u < left, v % W, group);
            if constexpr (Terms::kWriteDx) gradients[u].v[v] = d;
          }
          if constexpr (Terms::kWriteDx) {
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
      float* const arrays[] = {partials.g0, partials.g1, partials.g2};
      NORM_UNROLL
      for (int n = 0; n < Terms::kSums; ++n) {
        Vec<W> total;
        NORM_UNROLL
        for (int w = 0; w < W; ++w) total.v[w] = sum.of[n][w];
        Store<W>(arrays[n] + to, total);
      }
    }
  }
}

template <class Terms>
Status LaunchFor(const Tiling& tiling, const float* dy, const float* x, const Terms& terms,
                 const GradPartials& partials, float* dx, void* stream) {
  return ForTiling(tiling, [&](auto v, auto w) {
    constexpr int V = decltype(v)::value;
    constexpr int W = decltype(w)::value;
    const LaunchConfig config = {"GradSums", dim3(tiling.grid()), dim3(kThreads),
                                 SharedBytes<GradSum<W, Terms::kSums>>(kThreads), stream};
    return Launch(config, GradSumsKernel<V, W, Terms>, tiling, dy, x, terms, partials, dx);
  });
}

}  // namespace

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const PairCenter& center, const GradPartials& partials, void* stream) {
  return LaunchFor(tiling, dy, x, AffineTerms<PairCenter, false>{center}, partials, nullptr,
                   stream);
}

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const PairAffine& output, const ChannelBounds& bounds,
                      const GradPartials& partials, void* stream) {
  return LaunchFor(tiling, dy, x, BoundedTerms{output, bounds}, partials, nullptr, stream);
}

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const ChannelAffine& affine, const GradPartials& partials, float* dx,
                      void* stream) {
  return LaunchFor(tiling, dy, x, AffineTerms<ChannelAffine, true>{affine}, partials, dx, stream);
}

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const ChannelGate& gate, const GradPartials& partials, void* stream) {
  return LaunchFor(tiling, dy, x, GateTerms{gate}, partials, nullptr, stream);
}

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x, const ChannelTanh& map,
                      const GradPartials& partials, float* dx, void* stream) {
  return LaunchFor(tiling, dy, x, TanhTerms{map}, partials, dx, stream);
}

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const HammingSofts& map, const GradPartials& partials, float* dx,
                      void* stream) {
  return LaunchFor(tiling, dy, x, SoftZoneTerms{map}, partials, dx, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
