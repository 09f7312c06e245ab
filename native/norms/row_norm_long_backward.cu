// Backward of rows that no block can hold, on CUDA: partial sums of a row's chunks, dx with every
// block's part of dgamma and dbeta, and the sum of the parts. x and dy are read twice; a third time
// for dgamma and dbeta where there are few rows.
#include <algorithm>

#include "core/column_sums.cuh"
#include "core/workspace.h"
#include "norms/row_norm_long.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kSlopeRows = 32;  // rows whose slopes a block holds at a time

template <int V>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 3)
    LongRowSumsKernel(LongTiling tiling, RowBackwardArgs args, SumPair* partials) {
  SharedArena arena;
  SumPair* shared = arena.Take<SumPair>(kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const int64_t row = tile / tiling.chunks;
    const int64_t first = (tile - row * tiling.chunks) * tiling.chunk;
    const int64_t left = tiling.columns - first;
    const int64_t end = first + (left < tiling.chunk ? left : tiling.chunk);
    const RowCenter center = args.Center(row);
    const int64_t offset = row * tiling.columns;
    SumPair sum = {0.0, 0.0};
    constexpr int64_t kStep = int64_t{kThreads} * V;
    for (int64_t at = first + thread * V; at < end; at += kLongGroup * kStep) {
      Vec<V> dy[kLongGroup], x[kLongGroup];
      NORM_UNROLL
      for (int u = 0; u < kLongGroup; ++u) {
        const int64_t column = at + u * kStep;
        dy[u] = column < end ? LoadStreaming<V>(args.dy + offset + column) : Vec<V>{};
        x[u] = column < end ? LoadStreaming<V>(args.x + offset + column) : Vec<V>{};
      }
      float gh = 0.0f;
      float ghx = 0.0f;
      NORM_UNROLL
      for (int u = 0; u < kLongGroup; ++u) {
        const int64_t column = at + u * kStep;
        if (column < end) {
          const Vec<V> gamma = LoadOr<V>(args.gamma, column, 1.0f);
          NORM_UNROLL
          for (int v = 0; v < V; ++v) {
            const float g = gamma.v[v] * dy[u].v[v];
            gh += g;
            ghx = fmaf(g, center.Normalize(x[u].v[v]), ghx);
          }
        }
      }
      sum.first += static_cast<double>(gh);
      sum.second += static_cast<double>(ghx);
    }
    MergeLanes(OneRow(), sum, shared);
    if (thread == 0) partials[tile] = sum;
  }
}

// The slopes (from_mean, from_scale of RowCenter) of `count` rows from `first_row` on, into shared
// memory: a warp merges a row's chunks, in an order that depends on their number only.
NORM_DEVICE void MergeSlopes(const LongTiling& tiling, const RowBackwardArgs& args,
                             const SumPair* partials, int64_t first_row, int count, float* slopes) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int r = static_cast<int>(threadIdx.x) / kWarp; r < count; r += kThreads / kWarp) {
    const int64_t row = first_row + r;
    SumPair sum = {0.0, 0.0};
    for (int chunk = lane; chunk < tiling.chunks; chunk += kWarp) {
      sum.Merge(partials[row * tiling.chunks + chunk]);
    }
    for (int half = kWarp / 2; half > 0; half >>= 1) {
      sum.first += __shfl_xor_sync(0xffffffffu, sum.first, half);
      sum.second += __shfl_xor_sync(0xffffffffu, sum.second, half);
    }
    if (lane == 0) {
      const RowCenter center = args.Center(row);
      slopes[2 * r] = args.layer ? static_cast<float>(sum.first * center.slope) : 0.0f;
      slopes[2 * r + 1] = static_cast<float>(sum.second * center.slope);
    }
  }
}

// A block owns kThreads * V columns of `split_rows` rows.
template <int V>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 3)
    LongRowDxKernel(LongTiling tiling, int64_t split_rows, int column_tiles, RowBackwardArgs args,
                    const SumPair* partials, float* gamma_terms, float* beta_terms) {
  SharedArena arena;
  float* slopes = arena.Take<float>(2 * kSlopeRows);
  const int64_t columns = tiling.columns;
  const int64_t split = blockIdx.x / column_tiles;
  const int64_t column =
      ((blockIdx.x - split * column_tiles) * kThreads + static_cast<int64_t>(threadIdx.x)) * V;
  const bool inside = column < columns;
  const int64_t first = split * split_rows;
  const int64_t end = first + split_rows < tiling.rows ? first + split_rows : tiling.rows;
  const Vec<V> gamma = inside ? LoadOr<V>(args.gamma, column, 1.0f) : Vec<V>{};
  Vec<V> dgamma = {};
  Vec<V> dbeta = {};
  for (int64_t base = first; base < end; base += kSlopeRows) {
    const int count = static_cast<int>(end - base < kSlopeRows ? end - base : kSlopeRows);
    MergeSlopes(tiling, args, partials, base, count, slopes);
    __syncthreads();
    for (int r = 0; inside && r < count; ++r) {
      const int64_t at = (base + r) * columns + column;
      Vec<V> dy = LoadStreaming<V>(args.dy + at);
      const Vec<V> x = LoadStreaming<V>(args.x + at);
      const RowCenter center = args.Center(base + r);
      NORM_UNROLL
      for (int v = 0; v < V; ++v) {
        const float xhat = center.Normalize(x.v[v]);
        const float scale = column + v < args.count ? slopes[2 * r + 1] : 0.0f;
        dgamma.v[v] = fmaf(dy.v[v], xhat, dgamma.v[v]);
        dbeta.v[v] += dy.v[v];
        dy.v[v] = center.rho * fmaf(-xhat, scale, gamma.v[v] * dy.v[v] - slopes[2 * r]);
      }
      StoreStreaming<V>(args.dx + at, dy);
    }
    __syncthreads();
  }
  if (args.parts && inside) {
    Store<V>(gamma_terms + split * columns + column, dgamma);
    Store<V>(beta_terms + split * columns + column, dbeta);
  }
}

struct LongBackwardWorkspace {
  LongTiling tiling;
  int column_tiles;
  int64_t split_rows;
  int64_t splits;
  bool parts;  // a split leaves its part of the parameter gradients
  SumPair* partials;
  float* gamma_terms;
  float* beta_terms;

  LongBackwardWorkspace(Workspace& space, const RowNormBackward& args, int vector)
      : tiling(LongTiling::Make(args.rows, args.columns, vector)) {
    column_tiles = static_cast<int>(CeilDivide(args.columns, int64_t{kThreads} * vector));
    split_rows = CeilDivide(args.rows * column_tiles, Tiling::kTargetTiles);
    splits = CeilDivide(args.rows, split_rows);
    const int64_t most = std::min(splits, args.rows / kPartRows);
    parts =
        ParametersWanted(args) && most > 0 && (most == splits || most * column_tiles >= kFewParts);
    if (parts) {
      split_rows = CeilDivide(args.rows, most);
      splits = CeilDivide(args.rows, split_rows);
    }
    partials = space.Take<SumPair>(tiling.tiles);
    gamma_terms = space.Take<float>(parts ? splits * args.columns : 0);
    beta_terms = space.Take<float>(parts ? splits * args.columns : 0);
  }
};

template <int V>
Status RunBackward(const RowNormBackward& args, void* workspace, void* stream) {
  Workspace space(workspace);
  const LongBackwardWorkspace work(space, args, V);
  const RowBackwardArgs kernel_args = RowBackwardArgs::Make(args, work.parts);
  const size_t shared = SharedBytes<SumPair>(kThreads);
  const LaunchConfig sums = {"LongRowSums", dim3(work.tiling.grid()), dim3(kThreads), shared,
                             stream};
  NORM_RETURN_IF_ERROR(Launch(sums, LongRowSumsKernel<V>, work.tiling, kernel_args, work.partials));
  const LaunchConfig dx = {"LongRowDx",
                           dim3(static_cast<unsigned>(work.splits * work.column_tiles)),
                           dim3(kThreads), SharedBytes<float>(2 * kSlopeRows), stream};
  NORM_RETURN_IF_ERROR(
      Launch(dx, LongRowDxKernel<V>, work.tiling, work.split_rows, work.column_tiles, kernel_args,
             static_cast<const SumPair*>(work.partials), work.gamma_terms, work.beta_terms));
  if (!ParametersWanted(args)) return Ok();
  if (!work.parts) return LaunchParameterGradients(args, V == 4, stream);
  return LaunchParameterSums(work.splits, args.columns, work.gamma_terms, work.beta_terms, args,
                             stream);
}

}  // namespace

size_t LongRowWorkspaceBytes(const RowNormBackward& args) {
  return MaxWorkspace(
      [&](Workspace& space, int vector) { LongBackwardWorkspace(space, args, vector); });
}

Status RunLongRows(const RowNormBackward& args, void* workspace, void* stream) {
  const bool vector = args.columns % 4 == 0 && Aligned16(args.dy, args.x, args.gamma, args.dx);
  return vector ? RunBackward<4>(args, workspace, stream) : RunBackward<1>(args, workspace, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
