// Column sums of two [items, channels] arrays in double, in a fixed order: parameter gradients.
#pragma once

#include "core/lanes.cuh"

namespace tfjs_norm {
namespace cuda {

struct SumPair {
  double first;
  double second;

  NORM_DEVICE void Merge(const SumPair& other) {
    first += other.first;
    second += other.second;
  }
};

// One tile of lanes.tx channels by a block of lanes.tx * lanes.ty = kThreads threads.
struct ColumnTiling {
  int64_t items = 0;
  int64_t channels = 0;
  Lanes lanes;
  int tiles = 0;

  static ColumnTiling Make(int64_t items, int64_t channels) {
    // Many items: few channels per block, so that many lanes and blocks share the work.
    const int limit = items <= 32 ? 32 : 8;
    const int width = CeilPowerOfTwo(channels < limit ? channels : limit);
    ColumnTiling t;
    t.items = items;
    t.channels = channels;
    t.lanes = Lanes::Make(width, kThreads / width, true);
    t.tiles = static_cast<int>(CeilDivide(channels, width));
    return t;
  }
};

// Calls finish(channel, sums) once per channel of the tile.
template <class T, class Finish>
NORM_DEVICE void SumColumns(const ColumnTiling& tiling, int tile, const T* first, const T* second,
                            SumPair* shared, Finish finish) {
  constexpr int kGroup = 4;
  const int thread = static_cast<int>(threadIdx.x);
  const int ty = tiling.lanes.ty;
  const int y = tiling.lanes.y(thread);
  const int64_t channel = int64_t{tile} * tiling.lanes.tx + tiling.lanes.x(thread);
  const bool active = channel < tiling.channels;
  SumPair sum = {0.0, 0.0};
  if (active) {
    for (int64_t item = y; item < tiling.items; item += kGroup * ty) {
      T a[kGroup], b[kGroup];
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        const int64_t i = item + u * ty;
        const bool in = i < tiling.items;
        a[u] = in ? first[i * tiling.channels + channel] : T(0);
        b[u] = in ? second[i * tiling.channels + channel] : T(0);
      }
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        sum.first += static_cast<double>(a[u]);
        sum.second += static_cast<double>(b[u]);
      }
    }
  }
  MergeLanes(tiling.lanes, sum, shared);
  if (active && y == 0) finish(channel, sum);
}

}  // namespace cuda
}  // namespace tfjs_norm
