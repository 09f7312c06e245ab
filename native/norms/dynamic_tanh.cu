// Dynamic tanh on CUDA: maps with numbers per channel. Backward, one pass over the tensor, then the
// sums over rows and chunks, then dalpha.
#include "core/apply.cuh"
#include "core/column_sums.cuh"
#include "core/fill.cuh"
#include "core/grad_sums.cuh"
#include "core/workspace.h"
#include "norms/dynamic_tanh.h"

namespace tfjs_norm {
namespace cuda {
namespace {

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    TanhGradientsKernel(ColumnTiling columns, GradPartials partials, const float* gamma,
                        float* dgamma, float* dbeta, double* alpha_terms) {
  SharedArena arena;
  const float* const arrays[] = {partials.g0, partials.g1, partials.g2};
  SumColumns(columns, static_cast<int>(blockIdx.x), arrays, arena.Take<Sums<3>>(kThreads),
             [&](int64_t channel, const Sums<3>& sums) {
               if (dbeta) dbeta[channel] = static_cast<float>(sums.of[0]);
               if (dgamma) dgamma[channel] = static_cast<float>(sums.of[1]);
               alpha_terms[channel] = (gamma ? gamma[channel] : 1.0) * sums.of[2];
             });
}

// One block: the channels are the items of a single column.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    TanhAlphaKernel(ColumnTiling channels, const double* alpha_terms, float* dalpha) {
  SharedArena arena;
  const double* const arrays[] = {alpha_terms};
  SumColumns(channels, 0, arrays, arena.Take<Sums<1>>(kThreads),
             [&](int64_t, const Sums<1>& sums) { *dalpha = static_cast<float>(sums.of[0]); });
}

struct BackwardWorkspace {
  GradPartials partials;
  double* alpha_terms;

  BackwardWorkspace(Workspace& space, const View& view, const Tiling& tiling)
      : partials(GradPartials::Take(space, tiling, true)),
        alpha_terms(space.Take<double>(view.channels)) {}
};

}  // namespace

size_t WorkspaceBytes(const DynamicTanhForward&) { return 0; }

Status Run(const DynamicTanhForward& args, void*, void* stream) {
  if (args.view.size() == 0) return Ok();
  const View view = Joined(args.view);
  const ChannelTanh map = {view.channels, args.alpha, args.gamma, args.beta};
  return LaunchApply(TilingFor(view, args.x, args.y), args.x, map, args.y, stream);
}

size_t WorkspaceBytes(const DynamicTanhBackward& args) {
  const View view = Joined(args.view);
  return MaxOverVectors(view, [&](const Tiling& tiling) {
    Workspace space;
    BackwardWorkspace(space, view, tiling);
    return space.bytes();
  });
}

Status Run(const DynamicTanhBackward& args, void* workspace, void* stream) {
  const View view = Joined(args.view);
  if (view.size() == 0) {
    return LaunchFill({{{args.dalpha, nullptr, 1},
                        {args.dgamma, nullptr, view.channels},
                        {args.dbeta, nullptr, view.channels}}},
                      stream);
  }
  const Tiling tiling = TilingFor(view, args.dy, args.x, args.dx);
  Workspace space(workspace);
  const BackwardWorkspace work(space, view, tiling);
  const ChannelTanh map = {view.channels, args.alpha, args.gamma, nullptr};
  NORM_RETURN_IF_ERROR(
      LaunchGradSums(tiling, args.dy, args.x, map, work.partials, args.dx, stream));
  // [chunks, rows, channels]
  const ColumnTiling columns = ColumnTiling::Make(tiling.chunks * view.rows, view.channels);
  const LaunchConfig gradients = {"TanhGradients", dim3(columns.tiles), dim3(kThreads),
                                  SharedBytes<Sums<3>>(kThreads), stream};
  NORM_RETURN_IF_ERROR(Launch(gradients, TanhGradientsKernel, columns, work.partials, args.gamma,
                              args.dgamma, args.dbeta, work.alpha_terms));
  const LaunchConfig alpha = {"TanhAlpha", dim3(1), dim3(kThreads), SharedBytes<Sums<1>>(kThreads),
                              stream};
  return Launch(alpha, TanhAlphaKernel, ColumnTiling::Make(view.channels, 1),
                static_cast<const double*>(work.alpha_terms), args.dalpha);
}

}  // namespace cuda
}  // namespace tfjs_norm
