// Backward of switchable norm on CUDA: gradient sums; statistics of the samples; statistics of the
// channels with the pairs' gradients and their means over the channels; means over the samples with
// the coefficients; the logits; dx with the sums that make dgamma and dbeta.
#include "core/grad_apply.cuh"
#include "core/merge_grad_sums.cuh"
#include "core/workspace.h"
#include "norms/switchable_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

using switchable::PairGradient;
using switchable::SetGradient;
using switchable::Triple;

struct LogitSums {
  Triple mean;
  Triple variance;

  NORM_DEVICE void Merge(const LogitSums& other) {
    mean.Merge(other.mean);
    variance.Merge(other.variance);
  }
};

// Over the pairs of a sample.
struct SampleSums {
  SumPair gradients;  // dmu, dV
  LogitSums logits;

  NORM_DEVICE void Merge(const SampleSums& other) {
    gradients.Merge(other.gradients);
    logits.Merge(other.logits);
  }
};

struct BackwardArrays {
  SwitchablePairs pairs;
  GradChunks chunks;
  double positions;
  double samples;
  bool one_value;
  double* g0;               // [N, C]: G0
  double* q0;               // [N, C]: G1, then Q
  SetGradient* of_pair;     // [N, C]: dmu, dV
  SetGradient* of_channel;  // [C]
  SetGradient* of_sample;   // [N]
  LogitSums* logits;        // [N]
  float* p;
  float* q;
  float* t;
};

__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    SwitchableGradSamplesKernel(SetTiling tiling, BackwardArrays args) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(static_cast<int>(blockDim.x));
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergeChunks(
        tiling, block, reinterpret_cast<Sums<2>*>(shared),
        [&](Sums<2>& sum, int64_t pair, int lane, int stride) {
          args.chunks.Add(sum, pair, lane, stride);
        },
        [&](const Sums<2>& sum, int64_t pair) {
          args.g0[pair] = sum.of[0];
          args.q0[pair] = sum.of[1];
        });
    MergeStatistics(tiling, block, args.pairs, shared, args.pairs.layer);
  }
}

__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    SwitchableGradChannelsKernel(SetTiling tiling, BackwardArrays args) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(static_cast<int>(blockDim.x));
  const Weights weights = args.pairs.WeightsOf();
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    BatchStatistics(tiling, block, args.pairs, shared);
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t pair = block.Pair(tiling, j);
      const PairGradient gradient(args.pairs.At(weights, pair),
                                  args.pairs.Gamma(block.Channel(tiling, j)), args.g0[pair],
                                  args.q0[pair]);
      args.q0[pair] = gradient.q;
      args.of_pair[pair] = {gradient.mu, gradient.v};
    }
    MergePairs(
        tiling, block, reinterpret_cast<SumPair*>(shared),
        [&](SumPair& sum, int j, int) {
          const SetGradient gradient = args.of_pair[block.Pair(tiling, j)];
          sum.first += gradient.mu;
          sum.second += gradient.v;
        },
        [&](const SumPair& sum, int64_t channel, int) {
          // Given statistics are constants.
          const double scale = args.pairs.batch_of_x ? 1.0 / args.samples : 0.0;
          args.of_channel[channel] = {sum.first * scale, sum.second * scale};
        });
  }
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    SwitchableGradCoefficientsKernel(SetTiling tiling, BackwardArrays args) {
  SharedArena arena;
  SampleSums* shared = arena.Take<SampleSums>(static_cast<int>(blockDim.x));
  const Weights weights = args.pairs.WeightsOf();
  const double channels = static_cast<double>(args.pairs.channels);
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergePairs(
        tiling, block, shared,
        [&](SampleSums& sum, int j, int) {
          const int64_t at = block.Pair(tiling, j);
          const SetGradient own = args.of_pair[at];
          const switchable::Pair pair = args.pairs.At(weights, at);
          sum.Merge({{own.mu, own.v},
                     {{0.0, -own.mu * pair.below.layer, -own.mu * pair.below.batch},
                      {own.v * pair.variance.instance, own.v * pair.variance.layer,
                       own.v * pair.variance.batch}}});
        },
        [&](const SampleSums& sum, int64_t sample, int) {
          args.of_sample[sample] = {sum.gradients.first / channels,
                                    sum.gradients.second / channels};
          args.logits[sample] = sum.logits;
        });
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t at = block.Pair(tiling, j);
      const int64_t channel = block.Channel(tiling, j);
      const switchable::Pair pair = args.pairs.At(weights, at);
      const switchable::Slopes slopes(
          weights, pair.below, args.of_pair[at], args.of_sample[at / args.pairs.channels],
          args.of_channel[channel], args.pairs.Gamma(channel) * pair.rho, args.pairs.factor,
          args.positions);
      args.p[at] = static_cast<float>(slopes.p);
      args.q[at] = static_cast<float>(slopes.q);
      args.t[at] = args.one_value ? 0.0f : static_cast<float>(slopes.t);
    }
    __syncthreads();
  }
}

// One block.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    SwitchableGradLogitsKernel(Lanes lanes, BackwardArrays args, float* dmean, float* dvariance) {
  SharedArena arena;
  LogitSums* shared = arena.Take<LogitSums>(static_cast<int>(blockDim.x));
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t samples = static_cast<int64_t>(args.samples);
  LogitSums sum = {};
  for (int64_t n = thread; n < samples; n += static_cast<int>(blockDim.x)) {
    sum.Merge(args.logits[n]);
  }
  MergeLanes(lanes, sum, shared);
  if (thread == 0) {
    const Weights weights = args.pairs.WeightsOf();
    SoftmaxGradient(weights.mean, sum.mean, args.pairs.use_batch, dmean);
    SoftmaxGradient(weights.variance, sum.variance, args.pairs.use_batch, dvariance);
  }
}

BackwardArrays TakeArrays(Workspace& space, const SwitchableNormBackward& args,
                          const Tiling& tiling) {
  BackwardArrays a = {};
  a.chunks = GradChunks::Make(GradPartials::Take(space, tiling), tiling);
  Statistic* layer = space.Take<Statistic>(args.view.rows);
  Statistic* batch = space.Take<Statistic>(args.view.channels);
  a.pairs = SwitchablePairs::Make(args, layer, batch);
  a.positions = static_cast<double>(args.view.positions);
  a.samples = static_cast<double>(args.view.rows);
  a.one_value = args.one_value();
  a.g0 = space.Take<double>(tiling.pairs);
  a.q0 = space.Take<double>(tiling.pairs);
  a.of_pair = space.Take<SetGradient>(tiling.pairs);
  a.of_channel = space.Take<SetGradient>(args.view.channels);
  a.of_sample = space.Take<SetGradient>(args.view.rows);
  a.logits = space.Take<LogitSums>(args.view.rows);
  a.p = space.Take<float>(tiling.pairs);
  a.q = space.Take<float>(tiling.pairs);
  a.t = space.Take<float>(tiling.pairs);
  return a;
}

}  // namespace

size_t WorkspaceBytes(const SwitchableNormBackward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    TakeArrays(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const SwitchableNormBackward& args, void* workspace, void* stream) {
  const Tiling tiling =
      TilingFor(args.view, args.dy, args.x, args.dx, args.moments.hi, args.moments.lo);
  Workspace space(workspace);
  const BackwardArrays work = TakeArrays(space, args, tiling);
  NORM_RETURN_IF_ERROR(LaunchGradSums(tiling, args.dy, args.x,
                                      PairCenter{args.moments.hi, args.moments.lo},
                                      work.chunks.partials, stream));

  const auto config = [&](const char* name, const SetTiling& sets, size_t shared) {
    return LaunchConfig{name, dim3(sets.grid()), dim3(sets.threads), shared, stream};
  };
  const SetTiling merging = SetTiling::OfRows(args.view, tiling.chunks);
  NORM_RETURN_IF_ERROR(
      Launch(config("SwitchableGradSamples", merging, SharedBytes<Deviations>(merging.threads)),
             SwitchableGradSamplesKernel, merging, work));
  const SetTiling channels = SetTiling::OfChannels(args.view, 1);
  NORM_RETURN_IF_ERROR(
      Launch(config("SwitchableGradChannels", channels, SharedBytes<Deviations>(channels.threads)),
             SwitchableGradChannelsKernel, channels, work));
  const SetTiling samples = SetTiling::OfRows(args.view, 1).Narrow();
  NORM_RETURN_IF_ERROR(Launch(
      config("SwitchableGradCoefficients", samples, SharedBytes<SampleSums>(samples.threads)),
      SwitchableGradCoefficientsKernel, samples, work));
  const LaunchConfig one_block = {"SwitchableGradLogits", dim3(1), dim3(kThreads),
                                  SharedBytes<LogitSums>(kThreads), stream};
  NORM_RETURN_IF_ERROR(Launch(one_block, SwitchableGradLogitsKernel, Lanes::Make(1, kThreads, true),
                              work, args.dmean_logits, args.dvariance_logits));

  const GradCoefficients coefficients = {args.moments.hi, args.moments.lo, work.p, work.q, work.t};
  const ColumnTiling columns = ColumnTiling::Make(args.view.rows, args.view.channels);
  ParameterSums parameters;
  parameters.Add(work.q0, columns, args.dgamma);
  parameters.Add(work.g0, columns, args.dbeta);
  return LaunchGradApply(tiling, args.dy, args.x, coefficients, args.dx, parameters, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
