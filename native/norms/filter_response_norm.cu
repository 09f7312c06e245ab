// Forward of filter response norm on CUDA: moments, coefficients (this file's kernel), apply.
#include "core/apply.cuh"
#include "core/merge_moments.cuh"
#include "core/workspace.h"
#include "norms/filter_response_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

using filter_response::Output;

struct ForwardCoefficients {
  MomentChunks chunks;
  filter_response::Parameters parameters;
  int64_t channels;
  FilterResponses saved;
};

__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    FilterResponseCoefficientsKernel(SetTiling tiling, ForwardCoefficients args) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(static_cast<int>(blockDim.x));
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    MergeChunks(
        tiling, SetBlock(tiling, index), shared,
        [&](Deviations& sum, int64_t pair, int lane, int stride) {
          args.chunks.Add(sum, pair, lane, stride);
        },
        [&](const Deviations& sum, int64_t pair) {
          const double mean = args.chunks.Mean(sum, pair);
          const double mean_square = fma(mean, mean, args.chunks.Variance(sum));
          const Output output(args.parameters, pair % args.channels, mean_square);
          args.saved.mean_square[pair] = static_cast<float>(mean_square);
          args.saved.a[pair] = static_cast<float>(output.a);
          args.saved.b[pair] = static_cast<float>(output.b);
        });
  }
}

}  // namespace

size_t WorkspaceBytes(const FilterResponseNormForward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    MomentPartials::Take(space, tiling);
    return space.bytes();
  });
}

Status Run(const FilterResponseNormForward& args, void* workspace, void* stream) {
  const Tiling tiling = TilingFor(args.view, args.x, args.y, args.saved.a, args.saved.b);
  Workspace space(workspace);
  const MomentPartials partials = MomentPartials::Take(space, tiling);
  NORM_RETURN_IF_ERROR(LaunchMoments(tiling, args.x, partials, stream));

  const SetTiling pairs =
      SetTiling::Make(args.view.rows, args.view.channels, 1, 1, tiling.chunks, false);
  const ForwardCoefficients c = {MomentChunks::Make(partials, tiling), args.parameters,
                                 args.view.channels, args.saved};
  const LaunchConfig config = {"FilterResponseCoefficients", dim3(pairs.grid()),
                               dim3(pairs.threads), SharedBytes<Deviations>(pairs.threads), stream};
  NORM_RETURN_IF_ERROR(Launch(config, FilterResponseCoefficientsKernel, pairs, c));

  const PairAffine output = {nullptr, nullptr, args.saved.a, args.saved.b};
  if (!args.bounded()) return LaunchApply(tiling, args.x, output, args.y, stream);
  const ChannelBounds bounds = {args.bounds(), args.view.channels};
  return LaunchApply(tiling, args.x, output, bounds, args.y, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
