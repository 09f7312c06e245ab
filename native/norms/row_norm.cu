// Forward of the row normalizers on CUDA: the row is read once and held in registers. Rows that no
// block can hold take the road of row_norm_long.cu.
#include "core/row_lanes.cuh"
#include "core/tiling.cuh"
#include "norms/row_norm.h"
#include "norms/row_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

using ScalarLoads = LoadCounts<4, 16>;
using VectorLoads = LoadCounts<2, 8, 16>;

// Threads of a block and blocks per multiprocessor: the second leaves as many registers as the
// loads in flight need.
template <int K>
constexpr int kRowThreads = K > 8 ? kMaxRowThreads : kThreads;
template <int K>
constexpr int kRowBlocks = K > 8   ? 1
                           : K > 2 ? 3
                                   : 4;

template <int V, int K>
__global__ void NORM_LAUNCH_BOUNDS(kRowThreads<K>, kRowBlocks<K>)
    RowForwardKernel(RowTiling tiling, RowForwardArgs args) {
  SharedArena arena;
  RowSums row_sums(arena);
  const int lane = tiling.Lane();
  const int step = tiling.lanes * V;
  const float scale = 1.0f / static_cast<float>(args.count);
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const int64_t row = tile * tiling.block_rows + tiling.Row();
    const bool active = row < tiling.rows;
    const int loads = active ? tiling.LaneLoads() : 0;
    const int64_t offset = active ? row * tiling.columns : 0;
    const float* from = args.x + offset + lane * V;
    Vec<V> x[K];
    NORM_UNROLL
    for (int k = 0; k < K; ++k) x[k] = k < loads ? LoadStreaming<V>(from + k * step) : Vec<V>{};
    float hi = 0.0f;
    float lo = 0.0f;
    float variance = 0.0f;
    if (args.layer) {
      // Relative to a value of the row: equal values have a mean without rounding.
      const float origin = args.x[offset];
      float total[1] = {0.0f};
      NORM_UNROLL
      for (int k = 0; k < K; ++k) {
        NORM_UNROLL
        for (int v = 0; v < V; ++v) total[0] += k < loads ? x[k].v[v] - origin : 0.0f;
      }
      row_sums.Sum(tiling, total);
      hi = fmaf(total[0], scale, origin);
      float sums[2] = {0.0f, 0.0f};
      NORM_UNROLL
      for (int k = 0; k < K; ++k) {
        NORM_UNROLL
        for (int v = 0; v < V; ++v) {
          const float d = k < loads ? x[k].v[v] - hi : 0.0f;
          sums[0] += d;
          sums[1] = fmaf(d, d, sums[1]);
        }
      }
      row_sums.Sum(tiling, sums);
      lo = sums[0] * scale;
      variance = fmaf(-lo, lo, sums[1] * scale);
      variance = variance < 0.0f ? 0.0f : variance;
    } else {
      float sums[1] = {0.0f};
      // Columns that enter the statistic, from this lane's first on.
      const int count = static_cast<int>(args.count) - lane * V;
      NORM_UNROLL
      for (int k = 0; k < K; ++k) {
        NORM_UNROLL
        for (int v = 0; v < V; ++v) {
          const float value = k * step + v < count ? x[k].v[v] : 0.0f;
          sums[0] = fmaf(value, value, sums[0]);
        }
      }
      row_sums.Sum(tiling, sums);
      variance = sums[0] * scale;
    }
    const float rho = args.Rho(variance);
    if (active && lane == 0) args.WriteStatistics(row, hi, lo, variance);
    float* to = args.y + offset + lane * V;
    NORM_UNROLL
    for (int k = 0; k < K; ++k) {
      if (k < loads) {
        const Vec<V> gamma = LoadOr<V>(args.gamma, lane * V + k * step, 1.0f);
        const Vec<V> beta = LoadOr<V>(args.beta, lane * V + k * step, 0.0f);
        NORM_UNROLL
        for (int v = 0; v < V; ++v) {
          x[k].v[v] = fmaf(gamma.v[v], rho * ((x[k].v[v] - hi) - lo), beta.v[v]);
        }
        StoreStreaming<V>(to + k * step, x[k]);
      }
    }
  }
}

template <class Loads, int V>
Status LaunchRows(const RowTiling& tiling, const RowForwardArgs& args, void* stream) {
  return Loads::template For<V>(tiling.loads_per_lane, [&](auto v, auto k) {
    const LaunchConfig config = {"RowForward", dim3(tiling.grid()), dim3(tiling.threads),
                                 RowSums::kSharedBytes, stream};
    return Launch(config, RowForwardKernel<decltype(v)::value, decltype(k)::value>, tiling, args);
  });
}

RowTiling MakeTiling(const RowNormForward& args, bool vector) {
  return RowTiling::Make(args.rows, args.columns, vector ? 4 : 1,
                         vector ? VectorLoads::List() : ScalarLoads::List());
}

}  // namespace

size_t WorkspaceBytes(const RowNormForward& args) {
  // Whether a row is long depends on the load width, which depends on pointers: sized for the
  // worst.
  const bool fits = MakeTiling(args, false).loads_per_lane != 0;
  return fits ? 0 : LongRowWorkspaceBytes(args);
}

Status Run(const RowNormForward& args, void* workspace, void* stream) {
  if (args.rows * args.columns == 0) return Ok();
  const bool vector = args.columns % 4 == 0 && Aligned16(args.x, args.y, args.gamma, args.beta);
  const RowTiling tiling = MakeTiling(args, vector);
  if (tiling.loads_per_lane == 0) return RunLongRows(args, workspace, stream);
  const RowForwardArgs kernel_args = RowForwardArgs::Make(args);
  return vector ? LaunchRows<VectorLoads, 4>(tiling, kernel_args, stream)
                : LaunchRows<ScalarLoads, 1>(tiling, kernel_args, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
