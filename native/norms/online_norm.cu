// Forward of online norm on CUDA: moments; the recurrence of each channel with the coefficients;
// with layer scaling the scales of the samples; apply.
#include "core/apply.cuh"
#include "core/column_sums.cuh"
#include "core/workspace.h"
#include "norms/online_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

struct ForwardArrays {
  OnlinePairs pairs;
  MomentChunks chunks;
  bool moments_of_x;
  OnlineState mean;
  OnlineState variance;
  double epsilon;
  double rate;
  double scaling_epsilon;
  double* before;  // [N, C]: the running variance before the pair
  float* a;
  float* b;
};

// D and the running variance of every pair of the channel, and the states after it.
NORM_DEVICE void Scan(const ForwardArrays& args, int64_t channel) {
  const OnlinePairs& pairs = args.pairs;
  const int64_t channels = pairs.view.channels;
  online::Running running = {online::Read(args.mean, channels, channel),
                             online::Read(args.variance, channels, channel)};
  for (int64_t first = 0; first < pairs.view.rows; first += kScanGroup) {
    double mean[kScanGroup];
    float variance[kScanGroup];
    NORM_UNROLL
    for (int u = 0; u < kScanGroup; ++u) {
      const bool in = first + u < pairs.view.rows;
      const int64_t pair = (in ? first + u : first) * channels + channel;
      mean[u] = MeanOf(pairs.moments, pair);
      variance[u] = pairs.moments.variance[pair];
    }
    NORM_UNROLL
    for (int u = 0; u < kScanGroup; ++u) {
      if (first + u < pairs.view.rows) {
        const int64_t pair = (first + u) * channels + channel;
        pairs.offset[pair] = static_cast<float>(mean[u] - running.mean);
        args.before[pair] = running.variance;
        if (pairs.training) running.Follow(mean[u], variance[u], args.rate);
      }
    }
  }
  online::Write(args.mean, channels, channel, running.mean, pairs.training);
  online::Write(args.variance, channels, channel, running.variance, pairs.training);
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    OnlineForwardKernel(SetTiling tiling, ForwardArrays args) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(static_cast<int>(blockDim.x));
  const OnlinePairs& pairs = args.pairs;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    if (args.moments_of_x) {
      MergeChunks(
          tiling, block, shared,
          [&](Deviations& sum, int64_t pair, int lane, int stride) {
            args.chunks.Add(sum, pair, lane, stride);
          },
          [&](const Deviations& sum, int64_t pair) {
            args.chunks.Write(sum, pair, pairs.moments);
          });
    } else {
      ForEachPair(tiling, block, [&](int64_t pair, int64_t channel) {
        const bool low = args.mean.low_parts;
        pairs.moments.hi[pair] = args.mean.from[channel];
        pairs.moments.lo[pair] = low ? args.mean.from[pairs.view.channels + channel] : 0.0f;
        pairs.moments.variance[pair] = 0.0f;
      });
    }
    ForEachChannel(block, [&](int64_t channel) { Scan(args, channel); });
    ForEachPair(tiling, block, [&](int64_t pair, int64_t channel) {
      pairs.deviation[pair] = static_cast<float>(sqrt(args.before[pair] + args.epsilon));
      const online::Line line = pairs.LineOf(pair, channel);
      args.a[pair] = static_cast<float>(line.a);
      args.b[pair] = static_cast<float>(line.b);
    });
    __syncthreads();
  }
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    OnlineScaleKernel(SetTiling tiling, ForwardArrays args, double* zeta) {
  SharedArena arena;
  Sums<1>* shared = arena.Take<Sums<1>>(static_cast<int>(blockDim.x));
  const OnlinePairs& pairs = args.pairs;
  const double channels = static_cast<double>(pairs.view.channels);
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergePairs(
        tiling, block, shared,
        [&](Sums<1>& sum, int j, int) {
          const int64_t pair = block.Pair(tiling, j);
          const online::Line line = pairs.LineOf(pair, block.Channel(tiling, j));
          sum.of[0] += line.Square(pairs.moments.variance[pair]);
        },
        [&](const Sums<1>& sum, int64_t sample, int) {
          zeta[sample] = online::Zeta(sum.of[0], channels, args.scaling_epsilon);
        });
    ForEachPair(tiling, block, [&](int64_t pair, int64_t channel) {
      const online::Line line = pairs.LineOf(pair, channel);
      const double scale = zeta[pair / pairs.view.channels];
      args.a[pair] = static_cast<float>(line.a / scale);
      args.b[pair] = static_cast<float>(line.b / scale);
    });
    __syncthreads();
  }
}

struct ForwardWorkspace {
  MomentPartials partials;
  double* before;
  double* zeta;
  float* a;
  float* b;

  ForwardWorkspace(Workspace& space, const OnlineNormForward& args, const Tiling& tiling) {
    if (args.moments_of_x()) partials = MomentPartials::Take(space, tiling);
    before = space.Take<double>(tiling.pairs);
    zeta = space.Take<double>(args.layer_scaling() ? args.view.rows : 0);
    a = space.Take<float>(tiling.pairs);
    b = space.Take<float>(tiling.pairs);
  }
};

}  // namespace

size_t WorkspaceBytes(const OnlineNormForward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    ForwardWorkspace(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const OnlineNormForward& args, void* workspace, void* stream) {
  const Tiling tiling = TilingFor(args.view, args.x, args.y, args.moments.hi, args.moments.lo);
  Workspace space(workspace);
  const ForwardWorkspace work(space, args, tiling);
  if (args.moments_of_x()) {
    NORM_RETURN_IF_ERROR(LaunchMoments(tiling, args.x, work.partials, stream));
  }

  ForwardArrays c = {};
  c.pairs = OnlinePairs::Make(args);
  c.chunks = MomentChunks::Make(work.partials, tiling);
  c.moments_of_x = args.moments_of_x();
  c.mean = args.mean;
  c.variance = args.variance;
  c.epsilon = args.epsilon;
  c.rate = args.rate;
  c.scaling_epsilon = args.scaling_epsilon;
  c.before = work.before;
  c.a = work.a;
  c.b = work.b;
  const SetTiling channels =
      SetTiling::OfChannels(args.view, args.moments_of_x() ? tiling.chunks : 1).Narrow();
  const LaunchConfig of_channels = {"OnlineForward", dim3(channels.grid()), dim3(channels.threads),
                                    SharedBytes<Deviations>(channels.threads), stream};
  NORM_RETURN_IF_ERROR(Launch(of_channels, OnlineForwardKernel, channels, c));
  if (args.layer_scaling()) {
    const SetTiling samples = SetTiling::OfRows(args.view, 1).Narrow();
    const LaunchConfig of_samples = {"OnlineScale", dim3(samples.grid()), dim3(samples.threads),
                                     SharedBytes<Sums<1>>(samples.threads), stream};
    NORM_RETURN_IF_ERROR(Launch(of_samples, OnlineScaleKernel, samples, c, work.zeta));
  }

  const PairAffine affine = {args.moments.hi, args.moments.lo, work.a, work.b};
  if (!args.clamps()) return LaunchApply(tiling, args.x, affine, args.y, stream);
  const ChannelBounds bounds = {args.bounds(), args.view.channels};
  return LaunchApply(tiling, args.x, affine, bounds, args.y, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
