// Column sums of [items, channels] arrays in double, in a fixed order: parameter gradients.
#pragma once

#include "core/lanes.cuh"

namespace tfjs_norm {
namespace cuda {

template <int N>
struct Sums {
  double of[N];

  NORM_DEVICE void Merge(const Sums& other) {
    NORM_UNROLL
    for (int n = 0; n < N; ++n) of[n] += other.of[n];
  }
};

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

// The sums of N arrays: calls finish(channel, sums) once per channel of the tile.
template <int N, class T, class Finish>
NORM_DEVICE void SumColumns(const ColumnTiling& tiling, int tile, const T* const (&arrays)[N],
                            Sums<N>* shared, Finish finish) {
  constexpr int kGroup = 4;
  const int thread = static_cast<int>(threadIdx.x);
  const int ty = tiling.lanes.ty;
  const int y = tiling.lanes.y(thread);
  const int64_t channel = int64_t{tile} * tiling.lanes.tx + tiling.lanes.x(thread);
  const bool active = channel < tiling.channels;
  Sums<N> sum = {};
  if (active) {
    for (int64_t item = y; item < tiling.items; item += kGroup * ty) {
      T values[kGroup][N];
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        const int64_t i = item + u * ty;
        NORM_UNROLL
        for (int n = 0; n < N; ++n) {
          values[u][n] = i < tiling.items ? arrays[n][i * tiling.channels + channel] : T(0);
        }
      }
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        NORM_UNROLL
        for (int n = 0; n < N; ++n) sum.of[n] += static_cast<double>(values[u][n]);
      }
    }
  }
  MergeLanes(tiling.lanes, sum, shared);
  if (active && y == 0) finish(channel, sum);
}

// Column sums that ride along with another kernel: each of its first `tiles` blocks does one tile
// of one of them.
struct ParameterSums {
  static constexpr int kMax = 4;
  struct Sum {
    const double* terms = nullptr;  // [items, channels] of its tiling
    float* to = nullptr;            // [channels]
    ColumnTiling columns;
    int first = 1 << 30;  // block
  };
  Sum sums[kMax];
  int count = 0;
  int tiles = 0;

  // to[c] = sum over the items of terms[item, c]; nothing where `to` is null.
  void Add(const double* terms, const ColumnTiling& columns, float* to) {
    if (!to) return;
    sums[count++] = {terms, to, columns, tiles};
    tiles += columns.tiles;
  }

  NORM_DEVICE void Run(int block, Sums<1>* shared) const {
    Sum mine = sums[0];
    NORM_UNROLL
    for (int i = 1; i < kMax; ++i) {
      if (block >= sums[i].first) mine = sums[i];
    }
    const double* const arrays[] = {mine.terms};
    SumColumns(mine.columns, block - mine.first, arrays, shared,
               [&](int64_t channel, const Sums<1>& sum) {
                 mine.to[channel] = static_cast<float>(sum.of[0]);
               });
  }
};

}  // namespace cuda
}  // namespace tfjs_norm
