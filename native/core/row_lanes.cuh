// The row engine: a group of lanes (part of a warp, or whole warps) holds a row in registers, K
// loads of V floats per lane, and reads it once.
#pragma once

#include "core/lanes.cuh"

namespace tfjs_norm {
namespace cuda {

constexpr int kMaxRowThreads = 512;

struct RowTiling {
  int64_t rows = 0;
  int64_t columns = 0;
  int loads = 0;           // of a row
  int lanes = 1;           // of a row: a power of two up to 32, or a multiple of 32
  int loads_per_lane = 1;  // K; 0: the row does not fit
  int block_rows = 1;
  int threads = 32;
  int64_t tiles = 0;  // groups of block_rows rows

  // The smallest K of `loads_per_lane` (ascending, ends with 0) that holds a row within
  // `max_lanes`.
  static RowTiling Make(int64_t rows, int64_t columns, int vector, const int* loads_per_lane) {
    RowTiling t;
    t.rows = rows;
    t.columns = columns;
    const int64_t loads = columns / vector;
    for (; *loads_per_lane; ++loads_per_lane) {
      const bool last = loads_per_lane[1] == 0;
      // Long rows are better split over more lanes than held by more registers, up to a point.
      const int limit = last ? kMaxRowThreads : loads_per_lane[0] < 4 ? 32 : kThreads;
      if (loads <= int64_t{*loads_per_lane} * limit) break;
    }
    t.loads_per_lane = *loads_per_lane;
    if (t.loads_per_lane == 0) return t;
    t.loads = static_cast<int>(loads);
    const int64_t lanes = CeilDivide(loads, t.loads_per_lane);
    t.lanes = lanes <= 32 ? CeilPowerOfTwo(loads < 32 ? loads : 32)
                          : static_cast<int>(CeilDivide(lanes, 32) * 32);
    t.block_rows = t.lanes < kThreads ? kThreads / t.lanes : 1;
    t.threads = t.lanes * t.block_rows;
    t.tiles = CeilDivide(rows, t.block_rows);
    return t;
  }

  int grid() const { return static_cast<int>(tiles < (1 << 30) ? tiles : (1 << 30)); }
  NORM_DEVICE int Lane() const { return static_cast<int>(threadIdx.x) % lanes; }
  NORM_DEVICE int Row() const { return static_cast<int>(threadIdx.x) / lanes; }
  // Loads of this lane, of a row; its k-th is the row's load Lane() + k * lanes.
  NORM_DEVICE int LaneLoads() const { return (loads - Lane() + lanes - 1) / lanes; }
};

// Sums over the lanes of a row. Two buffers are used in turn: the barrier in between keeps the
// block's warps from being a whole sum apart.
class RowSums {
 public:
  static constexpr int kMaxValues = 2;
  static constexpr int kBuffer = kMaxValues * kMaxRowThreads / 32;
  static constexpr size_t kSharedBytes = SharedBytes<float>(2 * kBuffer);

  NORM_DEVICE explicit RowSums(SharedArena& arena) : shared_(arena.Take<float>(2 * kBuffer)) {}

  // All lanes get the same bits. Every thread of the block must come here.
  template <int N>
  NORM_DEVICE void Sum(const RowTiling& t, float (&values)[N]);

 private:
  float* shared_;
  int turn_ = 0;
};

template <int N>
NORM_DEVICE void RowSums::Sum(const RowTiling& t, float (&values)[N]) {
  constexpr unsigned kFullMask = 0xffffffffu;
  static_assert(N <= kMaxValues, "a buffer holds kMaxValues per warp");
  const int width = t.lanes < 32 ? t.lanes : 32;
  for (int distance = width / 2; distance > 0; distance /= 2) {
    NORM_UNROLL
    for (int n = 0; n < N; ++n) values[n] += __shfl_xor_sync(kFullMask, values[n], distance, width);
  }
  if (t.lanes <= 32) return;
  float* shared = shared_ + turn_ * kBuffer;
  turn_ ^= 1;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (threadIdx.x % 32 == 0) {
    NORM_UNROLL
    for (int n = 0; n < N; ++n) shared[warp * N + n] = values[n];
  }
  __syncthreads();
  const int warps = t.lanes / 32;
  const int first = t.Row() * warps;
  NORM_UNROLL
  for (int n = 0; n < N; ++n) values[n] = shared[first * N + n];
  for (int i = 1; i < warps; ++i) {
    NORM_UNROLL
    for (int n = 0; n < N; ++n) values[n] += shared[(first + i) * N + n];
  }
}

// The K that there are kernels for, ascending. For<V>(k, f) calls f(V, K) with both as constants.
template <int... K>
struct LoadCounts {
  static const int* List() {
    static const int list[] = {K..., 0};
    return list;
  }
  template <int V, class F>
  static Status For(int loads_per_lane, F f) {
    Status status;
    const auto take = [&](Status&& result) {
      (void)(status = std::move(result));
      return true;
    };
    // Exactly one matches.
    (void)((loads_per_lane == K && take(f(Constant<V>(), Constant<K>()))) || ...);
    return status;
  }
};

}  // namespace cuda
}  // namespace tfjs_norm
