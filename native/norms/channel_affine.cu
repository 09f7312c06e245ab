// Batch norm at inference on CUDA. One launch forward; backward one over the tensor and one over
// the channels.
#include "core/apply.cuh"
#include "core/column_sums.cuh"
#include "core/fill.cuh"
#include "core/grad_sums.cuh"
#include "core/workspace.h"
#include "norms/set_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

struct ChannelGradients {
  const float* gamma;
  const float* variance;
  double epsilon;
  float* dgamma;
  float* dbeta;
  float* dmean;
  float* dvariance;
};

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    ChannelGradientsKernel(ColumnTiling columns, GradPartials partials, ChannelGradients args) {
  SharedArena arena;
  const float* const arrays[] = {partials.g0, partials.g1};
  SumColumns(columns, static_cast<int>(blockIdx.x), arrays, arena.Take<Sums<2>>(kThreads),
             [&](int64_t channel, const Sums<2>& sums) {
               const double gamma = args.gamma ? args.gamma[channel] : 1.0;
               const double variance = args.variance ? args.variance[channel] + args.epsilon : 1.0;
               const double rho = 1.0 / sqrt(variance);
               const double dgamma = rho * sums.of[1];
               if (args.dgamma) args.dgamma[channel] = static_cast<float>(dgamma);
               if (args.dbeta) args.dbeta[channel] = static_cast<float>(sums.of[0]);
               if (args.dmean) args.dmean[channel] = static_cast<float>(-gamma * rho * sums.of[0]);
               if (args.dvariance) {
                 args.dvariance[channel] = static_cast<float>(-0.5 * rho * rho * gamma * dgamma);
               }
             });
}

bool WantsParameters(const ChannelAffineBackward& args) {
  return args.dgamma || args.dbeta || args.dmean || args.dvariance;
}

}  // namespace

size_t WorkspaceBytes(const ChannelAffineForward&) { return 0; }

Status Run(const ChannelAffineForward& args, void*, void* stream) {
  if (args.view.size() == 0) return Ok();
  const View view = Joined(args.view);
  const ChannelAffine affine = {view.channels, static_cast<float>(args.epsilon),
                                args.mean,     args.variance,
                                args.gamma,    args.beta};
  return LaunchApply(TilingFor(view, args.x, args.y), args.x, affine, args.y, stream);
}

size_t WorkspaceBytes(const ChannelAffineBackward& args) {
  // Sized for every combination of wanted gradients, so that it is a function of the shape.
  return MaxOverVectors(Joined(args.view), [&](const Tiling& tiling) {
    Workspace space;
    space.Take<float>(tiling.partials());
    space.Take<float>(tiling.partials());
    return space.bytes();
  });
}

Status Run(const ChannelAffineBackward& args, void* workspace, void* stream) {
  const View view = Joined(args.view);
  if (view.size() == 0) {
    return LaunchFill({{{args.dgamma, nullptr, view.channels},
                        {args.dbeta, nullptr, view.channels},
                        {args.dmean, nullptr, view.channels},
                        {args.dvariance, nullptr, view.channels}}},
                      stream);
  }
  const Tiling tiling = TilingFor(view, args.dy, args.x, args.dx);
  ChannelAffine affine = {view.channels, static_cast<float>(args.epsilon),
                          args.mean,     args.variance,
                          args.gamma,    nullptr};
  if (!WantsParameters(args)) {
    affine.mean = nullptr;  // dx = a * dy: x is not needed
    return LaunchApply(tiling, args.dy, affine, args.dx, stream);
  }
  Workspace space(workspace);
  GradPartials partials;
  partials.g0 = space.Take<float>(tiling.partials());
  partials.g1 = space.Take<float>(tiling.partials());
  NORM_RETURN_IF_ERROR(LaunchGradSums(tiling, args.dy, args.x, affine, partials, args.dx, stream));
  // [chunks, rows, channels]
  const ColumnTiling columns = ColumnTiling::Make(tiling.chunks * view.rows, view.channels);
  const ChannelGradients gradients = {args.gamma, args.variance, args.epsilon,  args.dgamma,
                                      args.dbeta, args.dmean,    args.dvariance};
  const LaunchConfig config = {"ChannelGradients", dim3(columns.tiles), dim3(kThreads),
                               SharedBytes<Sums<2>>(kThreads), stream};
  return Launch(config, ChannelGradientsKernel, columns, partials, gradients);
}

}  // namespace cuda
}  // namespace tfjs_norm
