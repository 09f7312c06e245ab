// dgamma and dbeta of the row normalizers on CUDA: sums of the blocks' parts, or, of few rows, sums
// over x and dy themselves. Each column in a fixed order.
#include "core/column_sums.cuh"
#include "core/tiling.cuh"
#include "norms/row_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    ParameterSumsKernel(ColumnTiling columns, const float* gamma_terms, const float* beta_terms,
                        float* dgamma, float* dbeta) {
  SharedArena arena;
  const float* const terms[] = {gamma_terms, beta_terms};
  SumColumns(columns, static_cast<int>(blockIdx.x), terms, arena.Take<Sums<2>>(kThreads),
             [&](int64_t column, const Sums<2>& sums) {
               if (dgamma) dgamma[column] = static_cast<float>(sums.of[0]);
               if (dbeta) dbeta[column] = static_cast<float>(sums.of[1]);
             });
}

template <int V>
struct GradientSums {
  double dgamma[V];
  double dbeta[V];

  NORM_DEVICE void Merge(const GradientSums& other) {
    NORM_UNROLL
    for (int v = 0; v < V; ++v) {
      dgamma[v] += other.dgamma[v];
      dbeta[v] += other.dbeta[v];
    }
  }
};

// A block owns lanes.tx loads of every row.
template <int V>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    ParameterGradientsKernel(Lanes lanes, int64_t columns, RowBackwardArgs args, float* dgamma,
                             float* dbeta) {
  constexpr int kGroup = 4;
  SharedArena arena;
  GradientSums<V>* shared = arena.Take<GradientSums<V>>(kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  const int y = lanes.y(thread);
  const int64_t column = (int64_t{blockIdx.x} * lanes.tx + lanes.x(thread)) * V;
  const bool inside = column < columns;
  const int64_t rows = inside ? args.rows : 0;
  GradientSums<V> sums = {};
  for (int64_t first = y; first < rows; first += kGroup * lanes.ty) {
    Vec<V> dy[kGroup], x[kGroup];
    NORM_UNROLL
    for (int u = 0; u < kGroup; ++u) {
      const int64_t row = first + u * lanes.ty;
      dy[u] = row < rows ? LoadStreaming<V>(args.dy + row * columns + column) : Vec<V>{};
      x[u] = row < rows ? LoadStreaming<V>(args.x + row * columns + column) : Vec<V>{};
    }
    Vec<V> gamma_terms = {};
    Vec<V> beta_terms = {};
    NORM_UNROLL
    for (int u = 0; u < kGroup; ++u) {
      const int64_t row = first + u * lanes.ty;
      if (row < rows) {
        const RowCenter center = args.Center(row);
        NORM_UNROLL
        for (int v = 0; v < V; ++v) {
          gamma_terms.v[v] = fmaf(dy[u].v[v], center.Normalize(x[u].v[v]), gamma_terms.v[v]);
          beta_terms.v[v] += dy[u].v[v];
        }
      }
    }
    NORM_UNROLL
    for (int v = 0; v < V; ++v) {
      sums.dgamma[v] += static_cast<double>(gamma_terms.v[v]);
      sums.dbeta[v] += static_cast<double>(beta_terms.v[v]);
    }
  }
  MergeLanes(lanes, sums, shared);
  if (!inside || y != 0) return;
  NORM_UNROLL
  for (int v = 0; v < V; ++v) {
    if (dgamma) dgamma[column + v] = static_cast<float>(sums.dgamma[v]);
    if (dbeta) dbeta[column + v] = static_cast<float>(sums.dbeta[v]);
  }
}

template <int V>
Status LaunchGradients(const RowNormBackward& args, void* stream) {
  // Eight columns of as many rows as a block takes: a memory sector of each; more columns where
  // there are fewer rows.
  constexpr int kMostRows = kThreads * V / 8;
  const int fitting = CeilPowerOfTwo(args.rows < kMostRows ? args.rows : kMostRows);
  const Lanes lanes = Lanes::Make(kThreads / fitting, fitting, true);
  const int64_t tiles = CeilDivide(args.columns, int64_t{lanes.tx} * V);
  const LaunchConfig config = {"ParameterGradients", dim3(static_cast<unsigned>(tiles)),
                               dim3(kThreads), SharedBytes<GradientSums<V>>(kThreads), stream};
  return Launch(config, ParameterGradientsKernel<V>, lanes, args.columns,
                RowBackwardArgs::Make(args, false), args.dgamma, args.dbeta);
}

}  // namespace

Status LaunchParameterSums(int64_t items, int64_t columns, const float* gamma_terms,
                           const float* beta_terms, const RowNormBackward& args, void* stream) {
  const ColumnTiling tiling = ColumnTiling::Make(items, columns);
  const LaunchConfig config = {"ParameterSums", dim3(tiling.tiles), dim3(kThreads),
                               SharedBytes<Sums<2>>(kThreads), stream};
  return Launch(config, ParameterSumsKernel, tiling, gamma_terms, beta_terms, args.dgamma,
                args.dbeta);
}

Status LaunchParameterGradients(const RowNormBackward& args, bool vector, void* stream) {
  return vector ? LaunchGradients<4>(args, stream) : LaunchGradients<1>(args, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
