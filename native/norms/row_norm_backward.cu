// Backward of the row normalizers on CUDA: blocks walk over rows, x and dy are read once, every
// block keeps its part of dgamma and dbeta in registers, and a second launch sums the blocks' parts
// in a fixed order. Of few rows the second launch takes dgamma and dbeta from x and dy.
#include <algorithm>

#include "core/row_lanes.cuh"
#include "core/tiling.cuh"
#include "core/workspace.h"
#include "norms/row_norm.h"
#include "norms/row_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

using ScalarLoads = LoadCounts<4, 8>;
using VectorLoads = LoadCounts<1, 2, 4>;

// A constant, so that results do not depend on the GPU.
constexpr int64_t kBackwardBlocks = 528;

template <int V>
struct ParameterTerms {
  float dgamma[V];
  float dbeta[V];

  NORM_DEVICE void Merge(const ParameterTerms& other) {
    NORM_UNROLL
    for (int v = 0; v < V; ++v) {
      dgamma[v] += other.dgamma[v];
      dbeta[v] += other.dbeta[v];
    }
  }
};

template <int K>
constexpr int kRowThreads = K > 2 ? kMaxRowThreads : kThreads;
template <int K>
constexpr int kRowBlocks = K > 2 ? 1 : 3;

template <int V, int K>
__global__ void NORM_LAUNCH_BOUNDS(kRowThreads<K>, kRowBlocks<K>)
    RowBackwardKernel(RowTiling tiling, RowBackwardArgs args, Lanes block_lanes, float* gamma_terms,
                      float* beta_terms) {
  SharedArena arena;
  RowSums row_sums(arena);
  ParameterTerms<V>* shared = arena.Take<ParameterTerms<V>>(static_cast<int>(blockDim.x));
  const int lane = tiling.Lane();
  const int step = tiling.lanes * V;
  // Columns whose dx has the statistic's slope, from this lane's first on.
  const int count = static_cast<int>(args.count) - lane * V;
  ParameterTerms<V> terms[K] = {};
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const int64_t row = tile * tiling.block_rows + tiling.Row();
    const bool active = row < tiling.rows;
    const int loads = active ? tiling.LaneLoads() : 0;
    const int64_t offset = (active ? row * tiling.columns : 0) + lane * V;
    Vec<V> g[K];
    Vec<V> x[K];
    NORM_UNROLL
    for (int k = 0; k < K; ++k) {
      g[k] = k < loads ? LoadStreaming<V>(args.dy + offset + k * step) : Vec<V>{};
      x[k] = k < loads ? LoadStreaming<V>(args.x + offset + k * step) : Vec<V>{};
    }
    const RowCenter center = args.Center(active ? row : 0);
    float sums[2] = {0.0f, 0.0f};
    NORM_UNROLL
    for (int k = 0; k < K; ++k) {
      if (k < loads) {
        const Vec<V> gamma = LoadOr<V>(args.gamma, lane * V + k * step, 1.0f);
        NORM_UNROLL
        for (int v = 0; v < V; ++v) {
          const float xhat = center.Normalize(x[k].v[v]);
          const float dy = g[k].v[v];
          terms[k].dgamma[v] = fmaf(dy, xhat, terms[k].dgamma[v]);
          terms[k].dbeta[v] += dy;
          const float gh = gamma.v[v] * dy;
          sums[0] += gh;
          sums[1] = fmaf(gh, xhat, sums[1]);
          g[k].v[v] = gh;
          x[k].v[v] = xhat;
        }
      }
    }
    row_sums.Sum(tiling, sums);
    const float from_mean = args.layer ? sums[0] * center.slope : 0.0f;
    const float from_scale = sums[1] * center.slope;
    NORM_UNROLL
    for (int k = 0; k < K; ++k) {
      if (k < loads) {
        NORM_UNROLL
        for (int v = 0; v < V; ++v) {
          const float scale = k * step + v < count ? from_scale : 0.0f;
          g[k].v[v] = center.rho * fmaf(-x[k].v[v], scale, g[k].v[v] - from_mean);
        }
        StoreStreaming<V>(args.dx + offset + k * step, g[k]);
      }
    }
  }
  if (!args.parts) return;
  NORM_UNROLL
  for (int k = 0; k < K; ++k) {
    MergeLanes(block_lanes, terms[k], shared);
    if (tiling.Row() == 0 && k < tiling.LaneLoads()) {
      const int64_t at = static_cast<int64_t>(blockIdx.x) * tiling.columns + lane * V + k * step;
      Vec<V> dgamma, dbeta;
      NORM_UNROLL
      for (int v = 0; v < V; ++v) {
        dgamma.v[v] = terms[k].dgamma[v];
        dbeta.v[v] = terms[k].dbeta[v];
      }
      Store<V>(gamma_terms + at, dgamma);
      Store<V>(beta_terms + at, dbeta);
    }
  }
}

RowTiling MakeTiling(const RowNormBackward& args, bool vector) {
  return RowTiling::Make(args.rows, args.columns, vector ? 4 : 1,
                         vector ? VectorLoads::List() : ScalarLoads::List());
}

// How the blocks share the rows, and whether each leaves a part of the parameter gradients.
struct BackwardPlan {
  RowTiling tiling;
  int64_t blocks;
  bool parts;

  BackwardPlan(const RowNormBackward& args, bool vector) : tiling(MakeTiling(args, vector)) {
    blocks = std::min(tiling.tiles, kBackwardBlocks);
    const int64_t most = std::min(blocks, args.rows / kPartRows);
    parts = ParametersWanted(args) && (most == tiling.tiles || most >= kFewParts);
    if (parts) blocks = most;
  }
  bool fits() const { return tiling.loads_per_lane > 0; }
};

struct BackwardWorkspace {
  float* gamma_terms;
  float* beta_terms;

  BackwardWorkspace(Workspace& space, const RowNormBackward& args, const BackwardPlan& plan) {
    const int64_t terms = plan.parts ? plan.blocks * args.columns : 0;
    gamma_terms = space.Take<float>(terms);
    beta_terms = space.Take<float>(terms);
  }
};

template <class Loads, int V>
Status LaunchRows(const BackwardPlan& plan, const RowBackwardArgs& args,
                  const BackwardWorkspace& work, void* stream) {
  const RowTiling& tiling = plan.tiling;
  return Loads::template For<V>(tiling.loads_per_lane, [&](auto v, auto k) {
    const Lanes block_lanes = Lanes::Make(tiling.lanes, tiling.block_rows, true);
    const size_t shared = RowSums::kSharedBytes + SharedBytes<ParameterTerms<V>>(tiling.threads);
    const LaunchConfig config = {"RowBackward", dim3(static_cast<unsigned>(plan.blocks)),
                                 dim3(tiling.threads), shared, stream};
    return Launch(config, RowBackwardKernel<decltype(v)::value, decltype(k)::value>, tiling, args,
                  block_lanes, work.gamma_terms, work.beta_terms);
  });
}

}  // namespace

size_t WorkspaceBytes(const RowNormBackward& args) {
  // Sized for either load width, so that it is a function of the shape and of what is wanted.
  if (args.rows * args.columns == 0) return 0;
  size_t bytes = 0;
  for (const bool vector : {false, args.columns % 4 == 0}) {
    const BackwardPlan plan(args, vector);
    Workspace space;
    if (plan.fits()) BackwardWorkspace(space, args, plan);
    const size_t need = plan.fits() ? space.bytes() : LongRowWorkspaceBytes(args);
    bytes = need > bytes ? need : bytes;
  }
  return bytes;
}

Status Run(const RowNormBackward& args, void* workspace, void* stream) {
  if (args.columns == 0) return Ok();
  if (args.rows == 0) return LaunchParameterSums(0, args.columns, nullptr, nullptr, args, stream);
  const bool vector = args.columns % 4 == 0 && Aligned16(args.dy, args.x, args.gamma, args.dx);
  const BackwardPlan plan(args, vector);
  if (!plan.fits()) return RunLongRows(args, workspace, stream);
  Workspace space(workspace);
  const BackwardWorkspace work(space, args, plan);
  const RowBackwardArgs kernel_args = RowBackwardArgs::Make(args, plan.parts);
  NORM_RETURN_IF_ERROR(vector ? (LaunchRows<VectorLoads, 4>(plan, kernel_args, work, stream))
                              : (LaunchRows<ScalarLoads, 1>(plan, kernel_args, work, stream)));
  if (!ParametersWanted(args)) return Ok();
  if (!plan.parts) return LaunchParameterGradients(args, vector, stream);
  return LaunchParameterSums(plan.blocks, args.columns, work.gamma_terms, work.beta_terms, args,
                             stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
