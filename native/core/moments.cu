#include "core/moments.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

// Count, mean and m2 of the values seen so far, all relative to the column's shift.
template <int W>
struct MomentSum {
  float count;
  float mean[W];
  float m2[W];

  // Chan's formula. An empty `other` changes nothing.
  NORM_DEVICE void Merge(const MomentSum& other) {
    if (!(other.count > 0.0f)) return;
    const float weight = other.count / (count + other.count);
    const float cross = count * weight;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      const float delta = other.mean[w] - mean[w];
      mean[w] = fmaf(delta, weight, mean[w]);
      // In this order an infinite square of a huge spread cannot meet a weight of 0.
      m2[w] += fmaf(delta * cross, delta, other.m2[w]);
    }
    count += other.count;
  }
};

// A group of at most U loads is summed in two passes over registers and merged: one division per
// group, and no rounding that grows with the number of values.
template <int V, int W, int U>
NORM_DEVICE void AddGroup(const Vec<V> (&values)[U], int count, const float (&shift)[W],
                          MomentSum<W>& sum) {
  constexpr int kPerLoad = V / W;
  MomentSum<W> group;
  group.count = static_cast<float>(count * kPerLoad);
  const float scale = 1.0f / group.count;
  NORM_UNROLL
  for (int w = 0; w < W; ++w) {
    float total = 0.0f;
    NORM_UNROLL
    for (int u = 0; u < U; ++u) {
      NORM_UNROLL
      for (int k = 0; k < kPerLoad; ++k) {
        const float d = values[u].v[w + k] - shift[w];
        total += u < count ? d : 0.0f;
      }
    }
    const float mean = total * scale;
    float m2 = 0.0f;
    NORM_UNROLL
    for (int u = 0; u < U; ++u) {
      NORM_UNROLL
      for (int k = 0; k < kPerLoad; ++k) {
        const float d = u < count ? (values[u].v[w + k] - shift[w]) - mean : 0.0f;
        m2 = fmaf(d, d, m2);
      }
    }
    group.mean[w] = mean;
    group.m2[w] = m2;
  }
  sum.Merge(group);
}

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
