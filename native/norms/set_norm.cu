// Forward of the set normalizers on CUDA: moments, coefficients (this file's kernel), apply.
#include "core/apply.cuh"
#include "core/fill.cuh"
#include "core/merge_moments.cuh"
#include "core/workspace.h"
#include "norms/set_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

struct SetStatistics {
  double mean;
  double variance;
  double rho;
};

struct ForwardCoefficients {
  MomentChunks chunks;
  Moments moments;
  SetStatistics* statistics;
  const float* gamma;
  const float* beta;
  float* a;
  float* b;
  double epsilon;
  const float* moving_mean;
  const float* moving_variance;
  float* new_moving_mean;
  float* new_moving_variance;
  double update_rate;
  double variance_factor;
};

NORM_DEVICE void UpdateMoving(const SetTiling& tiling, const SetBlock& block,
                              const ForwardCoefficients& args) {
  const int bands = tiling.block_rows / tiling.rows_per_set;
  for (int j = static_cast<int>(threadIdx.x); j < block.columns;
       j += static_cast<int>(blockDim.x)) {
    const int64_t channel = block.first_column + j;
    double mean = args.moving_mean[channel];
    double variance = args.moving_variance[channel];
    for (int band = 0; band < bands; ++band) {
      const SetStatistics set = args.statistics[block.Set(tiling, band, j)];
      mean += args.update_rate * (set.mean - mean);
      variance += args.update_rate * (set.variance * args.variance_factor - variance);
    }
    args.new_moving_mean[channel] = static_cast<float>(mean);
    args.new_moving_variance[channel] = static_cast<float>(variance);
  }
}

__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    SetCoefficientsKernel(SetTiling tiling, ForwardCoefficients args) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(static_cast<int>(blockDim.x));
  const double items = static_cast<double>(tiling.rows_per_set) * tiling.channels_per_set;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergeChunks(
        tiling, block, shared,
        [&](Deviations& sum, int64_t pair, int lane, int stride) {
          args.chunks.Add(sum, pair, lane, stride);
        },
        [&](const Deviations& sum, int64_t pair) { args.chunks.Write(sum, pair, args.moments); });
    MergePairs(
        tiling, block, shared,
        [&](Deviations& sum, int j, int reference) {
          AddPair(sum, args.moments, block.Pair(tiling, j),
                  MeanOf(args.moments, block.Pair(tiling, reference)));
        },
        [&](const Deviations& sum, int64_t set, int reference) {
          SetStatistics& out = args.statistics[set];
          out.mean = MeanOf(args.moments, block.Pair(tiling, reference)) + sum.first / items;
          out.variance = sum.Variance(items);
          out.rho = 1.0 / sqrt(out.variance + args.epsilon);
        });
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t pair = block.Pair(tiling, j);
      const int64_t channel = block.Channel(tiling, j);
      const SetStatistics set = args.statistics[block.SetOfPair(tiling, j)];
      const double a = (args.gamma ? args.gamma[channel] : 1.0) * set.rho;
      const double beta = args.beta ? args.beta[channel] : 0.0;
      args.a[pair] = static_cast<float>(a);
      args.b[pair] = static_cast<float>(fma(a, MeanOf(args.moments, pair) - set.mean, beta));
    }
    if (args.new_moving_mean) UpdateMoving(tiling, block, args);
    __syncthreads();
  }
}

struct ForwardWorkspace {
  MomentPartials partials;
  float* a;
  float* b;
  SetStatistics* statistics;

  ForwardWorkspace(Workspace& space, const SetNormForward& args, const Tiling& tiling) {
    partials = MomentPartials::Take(space, tiling);
    a = space.Take<float>(tiling.pairs);
    b = space.Take<float>(tiling.pairs);
    statistics =
        space.Take<SetStatistics>(args.view.pairs() / args.rows_per_set / args.channels_per_set);
  }
};

Status FillEmpty(const SetNormForward& args, void* stream) {
  const int64_t channels = args.new_moving_mean ? args.view.channels : 0;
  return LaunchFill({{{args.new_moving_mean, args.moving_mean, channels},
                      {args.new_moving_variance, args.moving_variance, channels},
                      {args.moments.hi, nullptr, args.view.pairs()},
                      {args.moments.lo, nullptr, args.view.pairs()},
                      {args.moments.variance, nullptr, args.view.pairs()}}},
                    stream);
}

}  // namespace

size_t WorkspaceBytes(const SetNormForward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    ForwardWorkspace(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const SetNormForward& args, void* workspace, void* stream) {
  if (args.view.size() == 0) return FillEmpty(args, stream);
  const Tiling tiling = TilingFor(args.view, args.x, args.y, args.moments.hi, args.moments.lo);
  Workspace space(workspace);
  const ForwardWorkspace work(space, args, tiling);
  NORM_RETURN_IF_ERROR(LaunchMoments(tiling, args.x, work.partials, stream));

  const SetTiling sets =
      SetTiling::Make(args.view.rows, args.view.channels, args.rows_per_set, args.channels_per_set,
                      tiling.chunks, args.new_moving_mean != nullptr);
  const double values = static_cast<double>(args.view.positions) *
                        static_cast<double>(args.rows_per_set * args.channels_per_set);
  ForwardCoefficients c = {};
  c.chunks = MomentChunks::Make(work.partials, tiling);
  c.moments = args.moments;
  c.statistics = work.statistics;
  c.gamma = args.gamma;
  c.beta = args.beta;
  c.a = work.a;
  c.b = work.b;
  c.epsilon = args.epsilon;
  c.moving_mean = args.moving_mean;
  c.moving_variance = args.moving_variance;
  c.new_moving_mean = args.new_moving_mean;
  c.new_moving_variance = args.new_moving_variance;
  c.update_rate = args.update_rate;
  c.variance_factor = args.unbiased ? values / (values > 1 ? values - 1 : 1) : 1;
  const LaunchConfig config = {"SetCoefficients", dim3(sets.grid()), dim3(sets.threads),
                               SharedBytes<Deviations>(sets.threads), stream};
  NORM_RETURN_IF_ERROR(Launch(config, SetCoefficientsKernel, sets, c));

  const PairAffine affine = {args.moments.hi, args.moments.lo, work.a, work.b};
  return LaunchApply(tiling, args.x, affine, args.y, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
