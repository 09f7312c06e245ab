// What passes that read two tensors and write one do with a thread's share of a tile.
#pragma once

#include "core/tiling.cuh"

namespace tfjs_norm {
namespace cuda {

// out = f(g, v, w) of each element g of `a` and v of `b`, w being its channel among the W of the
// column. Four loads of each are under way at a time.
template <int V, int W, class F>
NORM_DEVICE void MapPairs(const Tiling& tiling, const Slot& slot, const float* a, const float* b,
                          const F& f, float* out) {
  constexpr int kGroup = 4;
  int64_t at = slot.offset;
  for (int left = slot.count; left > 0; left -= kGroup) {
    Vec<V> first[kGroup];
    Vec<V> second[kGroup];
    NORM_UNROLL
    for (int u = 0; u < kGroup; ++u) {
      const int64_t from = at + u * tiling.thread_stride;
      if (u < left) first[u] = LoadStreaming<V>(a + from);
      if (u < left) second[u] = LoadStreaming<V>(b + from);
    }
    NORM_UNROLL
    for (int u = 0; u < kGroup; ++u) {
      if (u < left) {
        NORM_UNROLL
        for (int v = 0; v < V; ++v) first[u].v[v] = f(first[u].v[v], second[u].v[v], v % W);
        StoreStreaming<V>(out + at + u * tiling.thread_stride, first[u]);
      }
    }
    at += kGroup * tiling.thread_stride;
  }
}

}  // namespace cuda
}  // namespace tfjs_norm
