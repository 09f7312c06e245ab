// Backward of filter response norm on CUDA: gradient sums, coefficients (this file's kernel), dx
// with the sums that make the parameters' gradients.
#include "core/grad_apply.cuh"
#include "core/merge_grad_sums.cuh"
#include "core/sets.cuh"
#include "core/workspace.h"
#include "norms/filter_response_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

using filter_response::Gradient;

struct BackwardArrays {
  GradChunks chunks;
  // [N, C]: what a pair adds to the gradients of gamma, beta, tau and epsilon.
  double* of_gamma;
  double* of_beta;
  double* of_tau;
  double* of_epsilon;
  float* p;
  float* q;
  float* t;
};

struct BackwardCoefficients {
  BackwardArrays arrays;
  filter_response::Parameters parameters;
  const float* mean_square;
  int64_t channels;
  double positions;
};

// N = 3: with a threshold.
template <int N>
__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    FilterResponseGradCoefficientsKernel(SetTiling tiling, BackwardCoefficients args) {
  SharedArena arena;
  Sums<N>* shared = arena.Take<Sums<N>>(static_cast<int>(blockDim.x));
  const BackwardArrays& to = args.arrays;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    MergeChunks(
        tiling, SetBlock(tiling, index), shared,
        [&](Sums<N>& sum, int64_t pair, int lane, int stride) {
          to.chunks.Add(sum, pair, lane, stride);
        },
        [&](const Sums<N>& sum, int64_t pair) {
          const Gradient gradient(args.parameters, pair % args.channels, args.mean_square[pair],
                                  sum.of[0], sum.of[1], args.positions);
          to.of_gamma[pair] = gradient.gamma;
          to.of_beta[pair] = sum.of[0];
          if constexpr (N == 3) to.of_tau[pair] = sum.of[2];
          to.of_epsilon[pair] = gradient.epsilon;
          to.p[pair] = static_cast<float>(gradient.p);
          to.q[pair] = static_cast<float>(gradient.q);
          to.t[pair] = static_cast<float>(gradient.t);
        });
  }
}

BackwardArrays TakeArrays(Workspace& space, const FilterResponseNormBackward& args,
                          const Tiling& tiling) {
  BackwardArrays a = {};
  a.chunks = GradChunks::Make(GradPartials::Take(space, tiling, args.bounded()), tiling);
  for (double** array : {&a.of_gamma, &a.of_beta, &a.of_tau, &a.of_epsilon}) {
    *array = space.Take<double>(tiling.pairs);
  }
  for (float** array : {&a.p, &a.q, &a.t}) *array = space.Take<float>(tiling.pairs);
  return a;
}

template <int N>
Status LaunchCoefficients(const SetTiling& pairs, const BackwardCoefficients& args, void* stream) {
  const LaunchConfig config = {"FilterResponseGradCoefficients", dim3(pairs.grid()),
                               dim3(pairs.threads), SharedBytes<Sums<N>>(pairs.threads), stream};
  return Launch(config, FilterResponseGradCoefficientsKernel<N>, pairs, args);
}

}  // namespace

size_t WorkspaceBytes(const FilterResponseNormBackward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    TakeArrays(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const FilterResponseNormBackward& args, void* workspace, void* stream) {
  const View& view = args.view;
  const Tiling tiling = TilingFor(view, args.dy, args.x, args.dx, args.saved.a, args.saved.b);
  Workspace space(workspace);
  const BackwardArrays work = TakeArrays(space, args, tiling);
  const PairAffine output = {nullptr, nullptr, args.saved.a, args.saved.b};
  const ChannelBounds bounds = {args.bounds(), view.channels};
  const SetTiling pairs = SetTiling::Make(view.rows, view.channels, 1, 1, tiling.chunks, false);
  const BackwardCoefficients c = {work, args.parameters, args.saved.mean_square, view.channels,
                                  static_cast<double>(view.positions)};
  if (args.bounded()) {
    NORM_RETURN_IF_ERROR(
        LaunchGradSums(tiling, args.dy, args.x, output, bounds, work.chunks.partials, stream));
    NORM_RETURN_IF_ERROR(LaunchCoefficients<3>(pairs, c, stream));
  } else {
    NORM_RETURN_IF_ERROR(
        LaunchGradSums(tiling, args.dy, args.x, PairCenter(), work.chunks.partials, stream));
    NORM_RETURN_IF_ERROR(LaunchCoefficients<2>(pairs, c, stream));
  }

  const ColumnTiling columns = ColumnTiling::Make(view.rows, view.channels);
  ParameterSums parameters;
  parameters.Add(work.of_gamma, columns, args.dgamma);
  parameters.Add(work.of_beta, columns, args.dbeta);
  parameters.Add(work.of_tau, columns, args.dtau);
  parameters.Add(work.of_epsilon,
                 args.parameters.epsilon_of_channel ? columns : ColumnTiling::Make(view.pairs(), 1),
                 args.dlearned_epsilon);
  const GradCoefficients coefficients = {nullptr, nullptr, work.p, work.q, work.t};
  if (!args.bounded()) {
    return LaunchGradApply(tiling, args.dy, args.x, coefficients, args.dx, parameters, stream);
  }
  return LaunchGradApply(tiling, args.dy, args.x, coefficients, output, bounds, args.dx, parameters,
                         stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
