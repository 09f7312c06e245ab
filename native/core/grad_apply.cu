#include "core/affine.cuh"
#include "core/grad_apply.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

template <int V, int W>
NORM_DEVICE void ApplyTile(const Tiling& tiling, int64_t tile, const float* dy, const float* x,
                           const GradCoefficients& coefficients, float* dx) {
  constexpr int kGroup = 4;
  const Slot slot = tiling.At(tile);
  if (slot.count == 0) return;
  float hi[W], lo[W], p[W], q[W], t[W];
  LoadTo(hi, coefficients.hi + slot.pair);
  LoadTo(lo, coefficients.lo + slot.pair);
  LoadTo(p, coefficients.p + slot.pair);
  LoadTo(q, coefficients.q + slot.pair);
  LoadTo(t, coefficients.t + slot.pair);
  int64_t at = slot.offset;
  for (int left = slot.count; left > 0; left -= kGroup) {
    Vec<V> gradients[kGroup];
    Vec<V> values[kGroup];
    NORM_UNROLL
    for (int u = 0; u < kGroup; ++u) {
      const int64_t from = at + u * tiling.thread_stride;
      if (u < left) gradients[u] = LoadStreaming<V>(dy + from);
      if (u < left) values[u] = LoadStreaming<V>(x + from);
    }
    NORM_UNROLL
    for (int u = 0; u < kGroup; ++u) {
      if (u < left) {
        NORM_UNROLL
        for (int v = 0; v < V; ++v) {
          const int w = v % W;
          const float xc = (values[u].v[v] - hi[w]) - lo[w];
          gradients[u].v[v] = fmaf(p[w], gradients[u].v[v], fmaf(q[w], xc, t[w]));
        }
        StoreStreaming<V>(dx + at + u * tiling.thread_stride, gradients[u]);
      }
    }
    at += kGroup * tiling.thread_stride;
  }
}

// The first columns.tiles blocks sum parameter gradients, the others write dx.
template <int V, int W>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 3)
    GradApplyKernel(Tiling tiling, const float* dy, const float* x, GradCoefficients coefficients,
                    float* dx, ColumnTiling columns, ParameterSums parameters) {
  const int block = static_cast<int>(blockIdx.x) - columns.tiles;
  if (block < 0) {
    SharedArena arena;
    SumPair* shared = arena.Take<SumPair>(kThreads);
    SumColumns(columns, static_cast<int>(blockIdx.x), parameters.gamma_terms, parameters.beta_terms,
               shared, [&](int64_t channel, const SumPair& sums) {
                 if (parameters.dgamma) parameters.dgamma[channel] = static_cast<float>(sums.first);
                 if (parameters.dbeta) parameters.dbeta[channel] = static_cast<float>(sums.second);
               });
  } else {
    const int64_t blocks = static_cast<int64_t>(gridDim.x) - columns.tiles;
    for (int64_t tile = block; tile < tiling.tiles; tile += blocks) {
      ApplyTile<V, W>(tiling, tiling.tiles - 1 - tile, dy, x, coefficients, dx);
    }
  }
}

}  // namespace

Status LaunchGradApply(const Tiling& tiling, const float* dy, const float* x,
                       const GradCoefficients& coefficients, float* dx, const ColumnTiling& columns,
                       const ParameterSums& parameters, void* stream) {
  ColumnTiling wanted = columns;
  if (!parameters.dgamma && !parameters.dbeta) wanted.tiles = 0;
  return ForTiling(tiling, [&](auto v, auto w) {
    const LaunchConfig config = {"GradApply", dim3(tiling.grid() + wanted.tiles), dim3(kThreads),
                                 SharedBytes<SumPair>(kThreads), stream};
    return Launch(config, GradApplyKernel<decltype(v)::value, decltype(w)::value>, tiling, dy, x,
                  coefficients, dx, wanted, parameters);
  });
}

}  // namespace cuda
}  // namespace tfjs_norm
