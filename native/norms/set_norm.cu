// Forward of the set normalizers on CUDA: moments, coefficients (this file's kernel), apply.
#include "core/apply.cuh"
#include "core/fill.cuh"
#include "core/merge_moments.cuh"
#include "core/workspace.h"
#include "norms/set_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

// y = gamma * (scale * (x - mean) + offset) + beta: scale is rho and offset 0 but with renorm.
struct SetStatistics {
  double mean;
  double spread;  // what the running statistics follow
  double scale;
  double offset;
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
  bool mean_only;
  double variance_factor;
  Running moving;
  Renorm renorm;
  bool gated;  // the numerator is not centered

  NORM_DEVICE SetStatistics Of(double mean, double variance, int64_t channel,
                               int64_t channels) const {
    const double stddev = mean_only ? 1.0 : sqrt(variance + epsilon);
    const Correction correction = renorm.Correct(channel, channels, mean, stddev, epsilon);
    return {mean, renorm.clipping ? stddev : variance * variance_factor, correction.r / stddev,
            correction.d};
  }
};

NORM_DEVICE void UpdateRunning(const SetTiling& tiling, const SetBlock& block,
                               const ForwardCoefficients& args) {
  const int bands = tiling.block_rows / tiling.rows_per_set;
  for (int j = static_cast<int>(threadIdx.x); j < block.columns;
       j += static_cast<int>(blockDim.x)) {
    const int64_t channel = block.first_column + j;
    RunningChannel moving(args.moving, channel);
    RunningChannel renorm(args.renorm.running, channel);
    for (int band = 0; band < bands; ++band) {
      const SetStatistics set = args.statistics[block.Set(tiling, band, j)];
      moving.Follow(set.mean, set.spread);
      renorm.Follow(set.mean, set.spread);
    }
    moving.Write();
    renorm.Write();
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
          const double origin = MeanOf(args.moments, block.Pair(tiling, reference));
          args.statistics[set] = args.Of(origin + sum.first / items, sum.Variance(items),
                                         block.Channel(tiling, reference), tiling.channels);
        });
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t pair = block.Pair(tiling, j);
      const int64_t channel = block.Channel(tiling, j);
      const SetStatistics set = args.statistics[block.SetOfPair(tiling, j)];
      const double gamma = args.gamma ? args.gamma[channel] : 1.0;
      const double a = gamma * set.scale;
      const double b = fma(gamma, set.offset, args.beta ? args.beta[channel] : 0.0);
      args.a[pair] = static_cast<float>(a);
      const double shift = args.gated ? 0.0 : MeanOf(args.moments, pair) - set.mean;
      args.b[pair] = static_cast<float>(fma(a, shift, b));
    }
    if (args.moving.wanted() || args.renorm.running.wanted()) UpdateRunning(tiling, block, args);
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
  const int64_t channels = args.view.channels;
  const int64_t pairs = args.view.pairs();
  const auto kept = [channels](const float* old, float* now) {
    return Fill{now, old, now ? channels : 0};
  };
  return LaunchFill({{kept(args.moving.mean, args.moving.new_mean),
                      kept(args.moving.spread, args.moving.new_spread),
                      kept(args.renorm.running.mean, args.renorm.running.new_mean),
                      kept(args.renorm.running.spread, args.renorm.running.new_spread),
                      {args.renorm.corrections, nullptr, 2 * channels},
                      {args.moments.hi, nullptr, pairs},
                      {args.moments.lo, nullptr, pairs},
                      {args.moments.variance, nullptr, pairs}}},
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

  const SetTiling sets = SetTiling::Make(args.view.rows, args.view.channels, args.rows_per_set,
                                         args.channels_per_set, tiling.chunks, args.tracks());
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
  c.mean_only = args.mean_only;
  c.variance_factor = args.unbiased ? values / (values > 1 ? values - 1 : 1) : 1;
  c.moving = args.moving;
  c.renorm = args.renorm;
  c.gated = args.gate != nullptr;
  const LaunchConfig config = {"SetCoefficients", dim3(sets.grid()), dim3(sets.threads),
                               SharedBytes<Deviations>(sets.threads), stream};
  NORM_RETURN_IF_ERROR(Launch(config, SetCoefficientsKernel, sets, c));

  if (args.gate) {
    const PairGate map = {{args.view.channels, args.gate}, work.a, work.b};
    return LaunchApply(tiling, args.x, map, args.y, stream);
  }
  const PairAffine affine = {args.moments.hi, args.moments.lo, work.a, work.b};
  return LaunchApply(tiling, args.x, affine, args.y, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
