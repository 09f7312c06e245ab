// Backward of online norm on CUDA: clamped, the output again; gradient sums; with layer scaling the
// gradients of the samples' scales; the control process of each channel with the coefficients; dx
// with the sums that make dgamma and dbeta.
#include "core/grad_apply.cuh"
#include "core/merge_grad_sums.cuh"
#include "core/workspace.h"
#include "norms/online_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

using online::Compensated;
using online::Control;
using online::ControlStep;
using online::LayerScale;
using online::Line;

struct BackwardArrays {
  OnlinePairs pairs;
  GradChunks chunks;
  OnlineState u;
  OnlineState v;
  double rate;  // 0 when not training
  double positions;
  double scaling_epsilon;
  LayerScale* scales;  // [N], or null without layer scaling
  double* g0;          // [N, C]: G0 of dy, then of g
  double* q0;          // [N, C]: G1 of dy, then sum g y_hat
  ControlStep* steps;  // [N, C]
  Control* before;     // [N, C]: the control states before the pair
  float* a;            // [N, C]: the output, clamped
  float* b;
  float* p;
  float* q;
  float* t;

  NORM_DEVICE double Variance(int64_t pair) const { return pairs.moments.variance[pair]; }
  NORM_DEVICE Compensated Gradient(const Line& line, int64_t pair, double of_g0,
                                   double of_g1) const {
    if (scales) {
      return scales[pair / pairs.view.channels].Apply(line, Variance(pair), of_g0, of_g1,
                                                      positions);
    }
    Compensated g;
    g.g0 = of_g0;
    g.g1 = of_g1;
    return g;
  }
};

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1) OnlineOutputKernel(BackwardArrays args) {
  const int64_t count = args.pairs.view.rows * args.pairs.view.channels;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t pair = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; pair < count;
       pair += stride) {
    const Line line = args.pairs.LineOf(pair, pair % args.pairs.view.channels);
    args.a[pair] = static_cast<float>(line.a);
    args.b[pair] = static_cast<float>(line.b);
  }
}

NORM_DEVICE void Merge(const SetTiling& tiling, const SetBlock& block, const BackwardArrays& args,
                       Sums<2>* shared) {
  MergeChunks(
      tiling, block, shared,
      [&](Sums<2>& sum, int64_t pair, int lane, int stride) {
        args.chunks.Add(sum, pair, lane, stride);
      },
      [&](const Sums<2>& sum, int64_t pair) {
        args.g0[pair] = sum.of[0];
        args.q0[pair] = sum.of[1];
      });
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    OnlineGradScaleKernel(SetTiling tiling, BackwardArrays args) {
  SharedArena arena;
  Sums<2>* shared = arena.Take<Sums<2>>(static_cast<int>(blockDim.x));
  const double channels = static_cast<double>(args.pairs.view.channels);
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    Merge(tiling, block, args, shared);
    MergePairs(
        tiling, block, shared,
        [&](Sums<2>& sum, int j, int) {
          const int64_t pair = block.Pair(tiling, j);
          const Line line = args.pairs.LineOf(pair, block.Channel(tiling, j));
          sum.of[0] += line.Square(args.Variance(pair));
          sum.of[1] += line.Product(args.g0[pair], args.q0[pair]);
        },
        [&](const Sums<2>& sum, int64_t sample, int) {
          args.scales[sample] =
              LayerScale(sum.of[0], sum.of[1], channels, args.positions, args.scaling_epsilon);
        });
  }
}

// The control states before every pair of the channel, and after all.
NORM_DEVICE void Scan(const BackwardArrays& args, int64_t channel) {
  const int64_t channels = args.pairs.view.channels;
  const int64_t rows = args.pairs.view.rows;
  const bool training = args.pairs.training;
  Control control = {0.0, 0.0};
  if (training) {
    control = {online::Read(args.u, channels, channel), online::Read(args.v, channels, channel)};
  }
  for (int64_t first = 0; first < rows; first += kScanGroup) {
    ControlStep steps[kScanGroup];
    NORM_UNROLL
    for (int u = 0; u < kScanGroup; ++u) {
      const int64_t n = first + u < rows ? first + u : first;
      steps[u] = args.steps[n * channels + channel];
    }
    NORM_UNROLL
    for (int u = 0; u < kScanGroup; ++u) {
      if (first + u < rows) {
        args.before[(first + u) * channels + channel] = control;
        if (training) control.Follow(steps[u], args.rate);
      }
    }
  }
  online::Write(args.u, channels, channel, control.u, training);
  online::Write(args.v, channels, channel, control.v, training);
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    OnlineBackwardKernel(SetTiling tiling, BackwardArrays args) {
  SharedArena arena;
  Sums<2>* shared = arena.Take<Sums<2>>(static_cast<int>(blockDim.x));
  const OnlinePairs& pairs = args.pairs;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    if (!args.scales) Merge(tiling, block, args, shared);
    __syncthreads();
    ForEachPair(tiling, block, [&](int64_t pair, int64_t channel) {
      const Line line = pairs.LineOf(pair, channel);
      const Compensated g = args.Gradient(line, pair, args.g0[pair], args.q0[pair]);
      const ControlStep step(line, g, args.Variance(pair), pairs.Gamma(channel),
                             1.0 / args.positions, args.rate);
      args.g0[pair] = g.g0;
      args.q0[pair] = step.g_hat;
      args.steps[pair] = step;
    });
    ForEachChannel(block, [&](int64_t channel) { Scan(args, channel); });
    ForEachPair(tiling, block, [&](int64_t pair, int64_t channel) {
      const Line line = pairs.LineOf(pair, channel);
      const online::Slopes slopes(line, args.Gradient(line, pair, 0.0, 0.0), args.before[pair],
                                  pairs.Gamma(channel), args.rate);
      args.p[pair] = static_cast<float>(slopes.p);
      args.q[pair] = static_cast<float>(slopes.q);
      args.t[pair] = static_cast<float>(slopes.t);
    });
    __syncthreads();
  }
}

BackwardArrays TakeArrays(Workspace& space, const OnlineNormBackward& args, const Tiling& tiling) {
  const int64_t pairs = tiling.pairs;
  BackwardArrays a = {};
  a.pairs = OnlinePairs::Make(args);
  a.chunks = GradChunks::Make(GradPartials::Take(space, tiling, args.clamps()), tiling);
  a.u = args.u;
  a.v = args.v;
  a.rate = args.training ? args.rate : 0;
  a.positions = static_cast<double>(args.view.positions);
  a.scaling_epsilon = args.scaling_epsilon;
  a.scales = args.layer_scaling() ? space.Take<LayerScale>(args.view.rows) : nullptr;
  a.g0 = space.Take<double>(pairs);
  a.q0 = space.Take<double>(pairs);
  a.steps = space.Take<ControlStep>(pairs);
  a.before = space.Take<Control>(pairs);
  a.a = space.Take<float>(args.clamps() ? pairs : 0);
  a.b = space.Take<float>(args.clamps() ? pairs : 0);
  a.p = space.Take<float>(pairs);
  a.q = space.Take<float>(pairs);
  a.t = space.Take<float>(pairs);
  return a;
}

}  // namespace

size_t WorkspaceBytes(const OnlineNormBackward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    TakeArrays(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const OnlineNormBackward& args, void* workspace, void* stream) {
  const Tiling tiling =
      TilingFor(args.view, args.dy, args.x, args.dx, args.moments.hi, args.moments.lo);
  Workspace space(workspace);
  const BackwardArrays work = TakeArrays(space, args, tiling);
  const PairAffine output = {args.moments.hi, args.moments.lo, work.a, work.b};
  const ChannelBounds bounds = {args.bounds(), args.view.channels};
  const auto config = [&](const char* name, const SetTiling& sets) {
    return LaunchConfig{name, dim3(sets.grid()), dim3(sets.threads),
                        SharedBytes<Sums<2>>(sets.threads), stream};
  };
  if (args.clamps()) {
    const int64_t blocks = CeilDivide(tiling.pairs, kThreads);
    const LaunchConfig of_pairs = {"OnlineOutput",
                                   dim3(static_cast<unsigned>(blocks < 1024 ? blocks : 1024)),
                                   dim3(kThreads), 0, stream};
    NORM_RETURN_IF_ERROR(Launch(of_pairs, OnlineOutputKernel, work));
    NORM_RETURN_IF_ERROR(
        LaunchGradSums(tiling, args.dy, args.x, output, bounds, work.chunks.partials, stream));
  } else {
    NORM_RETURN_IF_ERROR(LaunchGradSums(tiling, args.dy, args.x,
                                        PairCenter{args.moments.hi, args.moments.lo},
                                        work.chunks.partials, stream));
  }
  if (args.layer_scaling()) {
    const SetTiling samples = SetTiling::OfRows(args.view, tiling.chunks).Narrow();
    NORM_RETURN_IF_ERROR(
        Launch(config("OnlineGradScale", samples), OnlineGradScaleKernel, samples, work));
  }
  const SetTiling channels =
      SetTiling::OfChannels(args.view, args.layer_scaling() ? 1 : tiling.chunks).Narrow();
  NORM_RETURN_IF_ERROR(
      Launch(config("OnlineBackward", channels), OnlineBackwardKernel, channels, work));

  const GradCoefficients coefficients = {args.moments.hi, args.moments.lo, work.p, work.q, work.t};
  const ColumnTiling columns = ColumnTiling::Make(args.view.rows, args.view.channels);
  ParameterSums parameters;
  parameters.Add(work.q0, columns, args.dgamma);
  parameters.Add(work.g0, columns, args.dbeta);
  if (!args.clamps()) {
    return LaunchGradApply(tiling, args.dy, args.x, coefficients, args.dx, parameters, stream);
  }
  return LaunchGradApply(tiling, args.dy, args.x, coefficients, output, bounds, args.dx, parameters,
                         stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
