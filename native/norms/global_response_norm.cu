// Global response norm on CUDA. Forward: moments, coefficients (this file's kernel), apply.
// Backward: gradient sums, coefficients (the other one), dx and the sums over the rows that make
// dgamma and dbeta.
#include "core/apply.cuh"
#include "core/grad_apply.cuh"
#include "core/merge_grad_sums.cuh"
#include "core/merge_moments.cuh"
#include "core/workspace.h"
#include "norms/global_response_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

using global_response::Response;
using global_response::Sample;
using global_response::Slopes;

struct Responses {
  float* of_pair;  // [N, C]
  Sample* samples;
  const float* gamma;
  double epsilon;
  double positions;
  double channels;

  static Responses Make(const GlobalResponseNorm& args, Sample* samples) {
    return {args.responses,
            samples,
            args.gamma,
            args.epsilon,
            static_cast<double>(args.view.positions),
            static_cast<double>(args.view.channels)};
  }
  NORM_DEVICE double Gamma(int64_t channel) const { return gamma ? gamma[channel] : 1.0; }
};

struct ForwardCoefficients {
  MomentChunks chunks;
  Responses responses;
  const float* beta;
  float* a;
  float* b;
};

__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    GlobalResponseCoefficientsKernel(SetTiling tiling, ForwardCoefficients args) {
  SharedArena arena;
  // The two merges take turns, with a barrier between them.
  Deviations* shared = arena.Take<Deviations>(static_cast<int>(blockDim.x));
  const Responses& responses = args.responses;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergeChunks(
        tiling, block, shared,
        [&](Deviations& sum, int64_t pair, int lane, int stride) {
          args.chunks.Add(sum, pair, lane, stride);
        },
        [&](const Deviations& sum, int64_t pair) {
          responses.of_pair[pair] =
              Response(args.chunks.Mean(sum, pair), args.chunks.Variance(sum), responses.positions);
        });
    MergePairs(
        tiling, block, reinterpret_cast<Sums<1>*>(shared),
        [&](Sums<1>& sum, int j, int) { sum.of[0] += responses.of_pair[block.Pair(tiling, j)]; },
        [&](const Sums<1>& sum, int64_t sample, int) {
          responses.samples[sample] =
              Sample::Of(sum.of[0], 0.0, responses.channels, responses.epsilon);
        });
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t pair = block.Pair(tiling, j);
      const int64_t channel = block.Channel(tiling, j);
      const Slopes slopes = Slopes::Of(responses.samples[block.SetOfPair(tiling, j)],
                                       responses.of_pair[pair], responses.Gamma(channel), 0.0);
      args.a[pair] = static_cast<float>(slopes.p);
      args.b[pair] = args.beta ? args.beta[channel] : 0.0f;
    }
    __syncthreads();
  }
}

struct ForwardWorkspace {
  MomentPartials partials;
  Sample* samples;
  float* a;
  float* b;

  ForwardWorkspace(Workspace& space, const GlobalResponseNorm& args, const Tiling& tiling) {
    partials = MomentPartials::Take(space, tiling);
    samples = space.Take<Sample>(args.view.rows);
    a = space.Take<float>(tiling.pairs);
    b = space.Take<float>(tiling.pairs);
  }
};

struct BackwardCoefficients {
  GradChunks chunks;
  Responses responses;
  double* g0;  // [N, C]: G0
  double* g1;  // [N, C]: G1, then what dgamma is the sum of
  float* p;
  float* q;
  float* t;  // 0
};

__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    GlobalResponseGradCoefficientsKernel(SetTiling tiling, BackwardCoefficients args) {
  SharedArena arena;
  Sums<2>* shared = arena.Take<Sums<2>>(static_cast<int>(blockDim.x));
  const Responses& responses = args.responses;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergeChunks(
        tiling, block, shared,
        [&](Sums<2>& sum, int64_t pair, int lane, int stride) {
          args.chunks.Add(sum, pair, lane, stride);
        },
        [&](const Sums<2>& sum, int64_t pair) {
          args.g0[pair] = sum.of[0];
          args.g1[pair] = sum.of[1];
        });
    MergePairs(
        tiling, block, shared,
        [&](Sums<2>& sum, int j, int) {
          const int64_t pair = block.Pair(tiling, j);
          const double response = responses.of_pair[pair];
          sum.of[0] += response;
          sum.of[1] += responses.Gamma(block.Channel(tiling, j)) * args.g1[pair] * response;
        },
        [&](const Sums<2>& sum, int64_t sample, int) {
          responses.samples[sample] =
              Sample::Of(sum.of[0], sum.of[1], responses.channels, responses.epsilon);
        });
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t pair = block.Pair(tiling, j);
      const Sample sample = responses.samples[block.SetOfPair(tiling, j)];
      const double response = responses.of_pair[pair];
      const double g1 = args.g1[pair];
      const Slopes slopes =
          Slopes::Of(sample, response, responses.Gamma(block.Channel(tiling, j)), g1);
      args.g1[pair] = response / sample.scale * g1;
      args.p[pair] = static_cast<float>(slopes.p);
      args.q[pair] = static_cast<float>(slopes.q);
      args.t[pair] = 0.0f;
    }
    __syncthreads();
  }
}

struct BackwardWorkspace {
  GradPartials partials;
  Sample* samples;
  double* g0;
  double* g1;
  float* p;
  float* q;
  float* t;

  BackwardWorkspace(Workspace& space, const GlobalResponseNorm& args, const Tiling& tiling) {
    partials = GradPartials::Take(space, tiling);
    samples = space.Take<Sample>(args.view.rows);
    g0 = space.Take<double>(tiling.pairs);
    g1 = space.Take<double>(tiling.pairs);
    p = space.Take<float>(tiling.pairs);
    q = space.Take<float>(tiling.pairs);
    t = space.Take<float>(tiling.pairs);
  }
};

template <class Of>
size_t BytesOf(const GlobalResponseNorm& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    Of(space, args, tiling);
    return space.bytes();
  });
}

// Sets of pairs that are samples.
SetTiling SamplesOf(const View& view, const Tiling& tiling) {
  return SetTiling::Make(view.rows, view.channels, 1, view.channels, tiling.chunks, false);
}

}  // namespace

size_t WorkspaceBytes(const GlobalResponseNormForward& args) {
  return BytesOf<ForwardWorkspace>(args);
}

size_t WorkspaceBytes(const GlobalResponseNormBackward& args) {
  return BytesOf<BackwardWorkspace>(args);
}

Status Run(const GlobalResponseNormForward& args, void* workspace, void* stream) {
  const Tiling tiling = TilingFor(args.view, args.x, args.y);
  Workspace space(workspace);
  const ForwardWorkspace work(space, args, tiling);
  NORM_RETURN_IF_ERROR(LaunchMoments(tiling, args.x, work.partials, stream));

  const SetTiling samples = SamplesOf(args.view, tiling);
  const ForwardCoefficients c = {MomentChunks::Make(work.partials, tiling),
                                 Responses::Make(args, work.samples), args.beta, work.a, work.b};
  const LaunchConfig config = {"GlobalResponseCoefficients", dim3(samples.grid()),
                               dim3(samples.threads), SharedBytes<Deviations>(samples.threads),
                               stream};
  NORM_RETURN_IF_ERROR(Launch(config, GlobalResponseCoefficientsKernel, samples, c));
  return LaunchApply(tiling, args.x, PairAffine{nullptr, nullptr, work.a, work.b}, args.y, stream);
}

Status Run(const GlobalResponseNormBackward& args, void* workspace, void* stream) {
  const Tiling tiling = TilingFor(args.view, args.dy, args.x, args.dx);
  Workspace space(workspace);
  const BackwardWorkspace work(space, args, tiling);
  NORM_RETURN_IF_ERROR(
      LaunchGradSums(tiling, args.dy, args.x, PairCenter{}, work.partials, stream));

  const SetTiling samples = SamplesOf(args.view, tiling);
  const BackwardCoefficients c = {GradChunks::Make(work.partials, tiling),
                                  Responses::Make(args, work.samples),
                                  work.g0,
                                  work.g1,
                                  work.p,
                                  work.q,
                                  work.t};
  const LaunchConfig config = {"GlobalResponseGradCoefficients", dim3(samples.grid()),
                               dim3(samples.threads), SharedBytes<Sums<2>>(samples.threads),
                               stream};
  NORM_RETURN_IF_ERROR(Launch(config, GlobalResponseGradCoefficientsKernel, samples, c));

  const ColumnTiling columns = ColumnTiling::Make(args.view.rows, args.view.channels);
  ParameterSums parameters;
  parameters.Add(work.g1, columns, args.dgamma);
  parameters.Add(work.g0, columns, args.dbeta);
  const GradCoefficients coefficients = {nullptr, nullptr, work.p, work.q, work.t};
  return LaunchGradApply(tiling, args.dy, args.x, coefficients, args.dx, parameters, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
