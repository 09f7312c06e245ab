// Forward of switchable norm on CUDA: moments, statistics of the samples, statistics of the
// channels with the coefficients, apply.
#include "core/apply.cuh"
#include "core/workspace.h"
#include "norms/switchable_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    SwitchableSamplesKernel(SetTiling tiling, SwitchablePairs pairs, MomentChunks chunks) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(static_cast<int>(blockDim.x));
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergeChunks(
        tiling, block, shared,
        [&](Deviations& sum, int64_t pair, int lane, int stride) {
          chunks.Add(sum, pair, lane, stride);
        },
        [&](const Deviations& sum, int64_t pair) { chunks.Write(sum, pair, pairs.moments); });
    MergeStatistics(tiling, block, pairs, shared, pairs.layer);
  }
}

struct ForwardCoefficients {
  SwitchablePairs pairs;
  const float* beta;
  float* a;
  float* b;
  float* new_moving_mean;
  float* new_moving_variance;
  double update_rate;  // 0 when not training
  bool one_value;
};

__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    SwitchableCoefficientsKernel(SetTiling tiling, ForwardCoefficients args) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(static_cast<int>(blockDim.x));
  const Weights weights = args.pairs.WeightsOf();
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    BatchStatistics(tiling, block, args.pairs, shared);
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t at = block.Pair(tiling, j);
      const int64_t channel = block.Channel(tiling, j);
      const switchable::Pair pair = args.pairs.At(weights, at);
      const double a = args.one_value ? 0.0 : args.pairs.Gamma(channel) * pair.rho;
      args.a[at] = static_cast<float>(a);
      args.b[at] = static_cast<float>(fma(a, pair.d, args.beta ? args.beta[channel] : 0.0));
    }
    if (args.new_moving_mean) {
      for (int j = static_cast<int>(threadIdx.x); j < block.columns;
           j += static_cast<int>(blockDim.x)) {
        const int64_t c = block.first_column + j;
        const Statistic now = args.pairs.batch[c];
        const double mean = args.pairs.moving_mean[c];
        const double variance = args.pairs.moving_variance[c];
        args.new_moving_mean[c] = static_cast<float>(mean + args.update_rate * (now.mean - mean));
        args.new_moving_variance[c] =
            static_cast<float>(variance + args.update_rate * (now.variance - variance));
      }
    }
    __syncthreads();
  }
}

struct ForwardWorkspace {
  MomentPartials partials;
  float* a;
  float* b;
  Statistic* layer;
  Statistic* batch;

  ForwardWorkspace(Workspace& space, const SwitchableNormForward& args, const Tiling& tiling) {
    partials = MomentPartials::Take(space, tiling);
    a = space.Take<float>(tiling.pairs);
    b = space.Take<float>(tiling.pairs);
    layer = space.Take<Statistic>(args.view.rows);
    batch = space.Take<Statistic>(args.view.channels);
  }
};

}  // namespace

size_t WorkspaceBytes(const SwitchableNormForward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    ForwardWorkspace(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const SwitchableNormForward& args, void* workspace, void* stream) {
  const Tiling tiling = TilingFor(args.view, args.x, args.y, args.moments.hi, args.moments.lo);
  Workspace space(workspace);
  const ForwardWorkspace work(space, args, tiling);
  NORM_RETURN_IF_ERROR(LaunchMoments(tiling, args.x, work.partials, stream));

  const SwitchablePairs pairs = SwitchablePairs::Make(args, work.layer, work.batch);
  const SetTiling samples = SetTiling::OfRows(args.view, tiling.chunks);
  const LaunchConfig of_samples = {"SwitchableSamples", dim3(samples.grid()), dim3(samples.threads),
                                   SharedBytes<Deviations>(samples.threads), stream};
  NORM_RETURN_IF_ERROR(Launch(of_samples, SwitchableSamplesKernel, samples, pairs,
                              MomentChunks::Make(work.partials, tiling)));

  const SetTiling channels = SetTiling::OfChannels(args.view, 1);
  ForwardCoefficients c = {};
  c.pairs = pairs;
  c.beta = args.beta;
  c.a = work.a;
  c.b = work.b;
  c.new_moving_mean = args.new_moving_mean;
  c.new_moving_variance = args.new_moving_variance;
  c.update_rate = args.training ? args.update_rate : 0;
  c.one_value = args.one_value();
  const LaunchConfig of_channels = {"SwitchableCoefficients", dim3(channels.grid()),
                                    dim3(channels.threads),
                                    SharedBytes<Deviations>(channels.threads), stream};
  NORM_RETURN_IF_ERROR(Launch(of_channels, SwitchableCoefficientsKernel, channels, c));

  const PairAffine affine = {args.moments.hi, args.moments.lo, work.a, work.b};
  return LaunchApply(tiling, args.x, affine, args.y, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
