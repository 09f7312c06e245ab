// Forward of rows that no block can hold, on CUDA: partial moments of a row's chunks, then y, the
// row's blocks each merging its partials. x is read twice.
#include "core/merge_moments.cuh"
#include "core/workspace.h"
#include "norms/row_norm_long.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

// The view whose per-(row, 0) moments are the statistics: the columns that enter them.
Tiling StatisticsTiling(const RowNormForward& args, int vector) {
  const int64_t count = RowScale::Make(args).count;
  const View view = {args.rows, count, 1, false};
  const bool can = vector == 4 && CanVectorize(view, args.columns);
  return Tiling::Make(view, can ? 4 : 1, args.columns);
}

template <int V>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 4)
    LongRowApplyKernel(LongTiling tiling, RowForwardArgs args, MomentChunks chunks) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  for (int64_t index = blockIdx.x; index < tiling.tiles; index += gridDim.x) {
    const int64_t tile = tiling.tiles - 1 - index;
    const int64_t row = tile / tiling.chunks;
    const int64_t chunk = tile - row * tiling.chunks;
    Deviations sum = {0.0, 0.0};
    chunks.Add(sum, row, thread, kThreads);
    MergeLanes(OneRow(), sum, shared);
    sum = shared[0];
    __syncthreads();
    const double mean = chunks.Reference(row) + sum.first / chunks.values;
    const double variance = sum.Variance(chunks.values);
    const float hi = args.layer ? static_cast<float>(mean) : 0.0f;
    const float lo = args.layer ? static_cast<float>(mean - static_cast<double>(hi)) : 0.0f;
    const float saved = static_cast<float>(args.layer ? variance : fma(mean, mean, variance));
    const float rho = args.Rho(saved);
    if (chunk == 0 && thread == 0) args.WriteStatistics(row, hi, lo, saved);
    const int64_t first = chunk * tiling.chunk;
    const int64_t left = tiling.columns - first;
    const int64_t end = first + (left < tiling.chunk ? left : tiling.chunk);
    const float* x = args.x + row * tiling.columns;
    float* y = args.y + row * tiling.columns;
    for (int64_t column = first + thread * V; column < end; column += int64_t{kThreads} * V) {
      Vec<V> values = LoadStreaming<V>(x + column);
      const Vec<V> gamma = LoadOr<V>(args.gamma, column, 1.0f);
      const Vec<V> beta = LoadOr<V>(args.beta, column, 0.0f);
      NORM_UNROLL
      for (int v = 0; v < V; ++v) {
        values.v[v] = fmaf(gamma.v[v], rho * ((values.v[v] - hi) - lo), beta.v[v]);
      }
      StoreStreaming<V>(y + column, values);
    }
  }
}

struct LongForwardWorkspace {
  MomentPartials partials;

  LongForwardWorkspace(Workspace& space, const Tiling& tiling) {
    partials.shift = space.Take<float>(tiling.partials());
    partials.mean = space.Take<float>(tiling.partials());
    partials.m2 = space.Take<float>(tiling.partials());
  }
};

template <int V>
Status RunForward(const RowNormForward& args, void* workspace, void* stream) {
  const Tiling statistics = StatisticsTiling(args, V);
  Workspace space(workspace);
  const LongForwardWorkspace work(space, statistics);
  NORM_RETURN_IF_ERROR(LaunchMoments(statistics, args.x, work.partials, stream));
  const LongTiling tiling = LongTiling::Make(args.rows, args.columns, V);
  const LaunchConfig config = {"LongRowApply", dim3(tiling.grid()), dim3(kThreads),
                               SharedBytes<Deviations>(kThreads), stream};
  return Launch(config, LongRowApplyKernel<V>, tiling, RowForwardArgs::Make(args),
                MomentChunks::Make(work.partials, statistics));
}

}  // namespace

size_t LongRowWorkspaceBytes(const RowNormForward& args) {
  return MaxWorkspace([&](Workspace& space, int vector) {
    LongForwardWorkspace(space, StatisticsTiling(args, vector));
  });
}

Status RunLongRows(const RowNormForward& args, void* workspace, void* stream) {
  const bool vector = args.columns % 4 == 0 && Aligned16(args.x, args.y, args.gamma, args.beta);
  return vector ? RunForward<4>(args, workspace, stream) : RunForward<1>(args, workspace, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
