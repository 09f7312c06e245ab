// The passes of stochastic_norm.h on CUDA: the numbers of the pairs first, then those of given
// statistics per channel, for which every pair is a channel where samples have noise of their own.
#include "core/apply.cuh"
#include "core/column_sums.cuh"
#include "core/fill.cuh"
#include "core/grad_sums.cuh"
#include "core/workspace.h"
#include "norms/stochastic_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

constexpr int kGradients = StochasticNoise::kParameters;

struct PairArrays {
  float* u;
  float* a;
  float* b;

  PairArrays(int64_t pairs, Workspace* space)
      : u(space->Take<float>(pairs)), a(space->Take<float>(pairs)), b(space->Take<float>(pairs)) {}

  ChannelAffine Affine(int64_t pairs) const { return {pairs, 0, u, nullptr, a, b}; }
};

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    StochasticNumbersKernel(StochasticNoise noise, PairArrays to) {
  const philox::Stream stream = noise.Begin();
  const int64_t pairs = noise.pairs();
  int64_t pair = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  for (; pair < pairs; pair += static_cast<int64_t>(gridDim.x) * kThreads) {
    const RandomAffine affine = noise.Affine(pair % noise.channels, noise.Get(pair, stream));
    to.u[pair] = affine.u;
    to.a[pair] = affine.a;
    to.b[pair] = affine.b;
  }
}

Status LaunchNumbers(const StochasticNoise& noise, const PairArrays& to, void* stream) {
  constexpr int64_t kMostBlocks = 1 << 16;
  const int64_t blocks = CeilDivide(noise.pairs(), kThreads);
  const LaunchConfig config = {
      "StochasticNumbers", dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks)),
      dim3(kThreads), 0, stream};
  return Launch(config, StochasticNumbersKernel, noise, to);
}

struct Gradients {
  float* to[kGradients];
};
// [samples, channels] each, where samples have noise of their own.
struct TermArrays {
  double* of[kGradients];

  TermArrays(const StochasticNoise& noise, Workspace* space) {
    for (double*& terms : of) {
      terms = noise.samples == 1 ? nullptr : space->Take<double>(noise.pairs());
    }
  }
};

// From the sums of a pair to gradients, or to what is added to them.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    StochasticTermsKernel(ColumnTiling columns, GradPartials partials, StochasticNoise noise,
                          Gradients gradients, TermArrays terms) {
  SharedArena arena;
  const float* const arrays[] = {partials.g0, partials.g1};
  const philox::Stream stream = noise.Begin();
  SumColumns(columns, static_cast<int>(blockIdx.x), arrays, arena.Take<Sums<2>>(kThreads),
             [&](int64_t pair, const Sums<2>& sums) {
               const auto mine = noise.TermsOf(pair % noise.channels, noise.Get(pair, stream),
                                               sums.of[0], sums.of[1]);
               NORM_UNROLL
               for (int i = 0; i < kGradients; ++i) {
                 if (!gradients.to[i]) continue;
                 if (terms.of[i] && !noise.OfPair(i)) {
                   terms.of[i][pair] = mine.of[i];
                 } else {
                   gradients.to[i][pair] = static_cast<float>(mine.of[i]);
                 }
               }
             });
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1) StochasticSumsKernel(ParameterSums sums) {
  SharedArena arena;
  sums.Run(static_cast<int>(blockIdx.x), arena.Take<Sums<1>>(kThreads));
}

View ViewOf(const View& view, const StochasticNoise& noise) {
  return noise.samples == 1 ? Joined(view) : view;
}

}  // namespace

size_t WorkspaceBytes(const StochasticForward& args) {
  Workspace space;
  PairArrays(args.noise.pairs(), &space);
  return space.bytes();
}

Status Run(const StochasticForward& args, void* workspace, void* stream) {
  if (args.view.size() == 0) return Ok();
  Workspace space(workspace);
  const int64_t pairs = args.noise.pairs();
  const PairArrays arrays(pairs, &space);
  NORM_RETURN_IF_ERROR(LaunchNumbers(args.noise, arrays, stream));
  const Tiling tiling = TilingFor(ViewOf(args.view, args.noise), args.x, args.y);
  return LaunchApply(tiling, args.x, arrays.Affine(pairs), args.y, stream);
}

size_t WorkspaceBytes(const StochasticBackward& args) {
  return MaxOverVectors(ViewOf(args.view, args.noise), [&](const Tiling& tiling) {
    Workspace space;
    PairArrays(args.noise.pairs(), &space);
    GradPartials::Take(space, tiling);
    TermArrays(args.noise, &space);
    return space.bytes();
  });
}

Status Run(const StochasticBackward& args, void* workspace, void* stream) {
  const View view = ViewOf(args.view, args.noise);
  const StochasticNoise& noise = args.noise;
  if (view.size() == 0) {
    Fills fills;
    for (int i = 0; i < kGradients; ++i) {
      fills.fill[i] = {args.gradients[i], nullptr, noise.OfPair(i) ? noise.pairs() : view.channels};
    }
    return LaunchFill(fills, stream);
  }
  Workspace space(workspace);
  const PairArrays arrays(noise.pairs(), &space);
  NORM_RETURN_IF_ERROR(LaunchNumbers(noise, arrays, stream));
  const Tiling tiling = TilingFor(view, args.dy, args.x, args.dx);
  ChannelAffine affine = arrays.Affine(noise.pairs());
  affine.beta = nullptr;
  Gradients gradients;
  bool wanted = false;
  for (int i = 0; i < kGradients; ++i) {
    gradients.to[i] = args.gradients[i];
    wanted = wanted || args.gradients[i];
  }
  if (!wanted) {
    affine.mean = nullptr;  // dx = a * dy: x is not needed
    return LaunchApply(tiling, args.dy, affine, args.dx, stream);
  }
  const GradPartials partials = GradPartials::Take(space, tiling);
  NORM_RETURN_IF_ERROR(LaunchGradSums(tiling, args.dy, args.x, affine, partials, args.dx, stream));
  // [chunks, rows, pairs]
  const ColumnTiling columns = ColumnTiling::Make(tiling.partials() / noise.pairs(), noise.pairs());
  const TermArrays terms(noise, &space);
  const LaunchConfig config = {"StochasticTerms", dim3(columns.tiles), dim3(kThreads),
                               SharedBytes<Sums<2>>(kThreads), stream};
  NORM_RETURN_IF_ERROR(
      Launch(config, StochasticTermsKernel, columns, partials, noise, gradients, terms));
  if (noise.samples == 1) return Ok();
  ParameterSums sums;
  const ColumnTiling over_samples = ColumnTiling::Make(noise.samples, noise.channels);
  for (int i = 0; i < kGradients; ++i) {
    if (!noise.OfPair(i)) sums.Add(terms.of[i], over_samples, args.gradients[i]);
  }
  if (sums.tiles == 0) return Ok();
  const LaunchConfig last = {"StochasticSums", dim3(sums.tiles), dim3(kThreads),
                             SharedBytes<Sums<1>>(kThreads), stream};
  return Launch(last, StochasticSumsKernel, sums);
}

}  // namespace cuda
}  // namespace tfjs_norm
