// Host batch norm at inference (set_norm.h): coefficients per channel on the host pipeline.
#include <algorithm>
#include <cmath>

#include "core/host_pipeline.h"
#include "core/workspace.h"
#include "norms/set_norm.h"

namespace tfjs_norm {
namespace host {
namespace {

template <typename Args>
double Rho(const Args& args, int64_t c) {
  return args.variance ? 1 / std::sqrt(static_cast<double>(args.variance[c]) + args.epsilon) : 1;
}

template <typename Args>
double Gamma(const Args& args, int64_t c) {
  return args.gamma ? static_cast<double>(args.gamma[c]) : 1;
}

struct ForwardArrays {
  float* a;
  float* b;
  float* zero;
  ForwardArrays(int64_t channels, Workspace* workspace)
      : a(workspace->Take<float>(channels)),
        b(workspace->Take<float>(channels)),
        zero(workspace->Take<float>(channels)) {}
};

struct BackwardArrays {
  double* sums[2];  // of dy and of dy * (x - mean)
  float* p;
  float* zero;
  unsigned char* workspace;
  BackwardArrays(const View& view, Workspace* arena)
      : sums{arena->Take<double>(view.channels), arena->Take<double>(view.channels)},
        p(arena->Take<float>(view.channels)),
        zero(arena->Take<float>(view.channels)),
        workspace(arena->Take<unsigned char>(
            static_cast<int64_t>(SumPerChannelWorkspaceBytes(view, Map::kAffine)))) {}
};

}  // namespace

size_t WorkspaceBytes(const ChannelAffineForward& args) {
  Workspace workspace;
  ForwardArrays(args.view.channels, &workspace);
  return workspace.bytes();
}

size_t WorkspaceBytes(const ChannelAffineBackward& args) {
  Workspace workspace;
  BackwardArrays(args.view, &workspace);
  return workspace.bytes();
}

Status Run(const ChannelAffineForward& args, void* workspace) {
  Workspace arena(workspace);
  const ForwardArrays arrays(args.view.channels, &arena);
  for (int64_t c = 0; c < args.view.channels; ++c) {
    arrays.a[c] = static_cast<float>(Gamma(args, c) * Rho(args, c));
    arrays.b[c] = args.beta ? args.beta[c] : 0;
    arrays.zero[c] = 0;
  }
  const float* mean = args.mean ? args.mean : arrays.zero;
  ApplyPerChannel(args.view, args.x, {Map::kAffine, {mean, arrays.a, arrays.b}}, args.y);
  return Ok();
}

Status Run(const ChannelAffineBackward& args, void* workspace) {
  Workspace arena(workspace);
  const BackwardArrays arrays(args.view, &arena);
  for (int64_t c = 0; c < args.view.channels; ++c) {
    arrays.p[c] = static_cast<float>(Gamma(args, c) * Rho(args, c));
    arrays.zero[c] = 0;
  }
  if (!args.dgamma && !args.dbeta && !args.dmean && !args.dvariance) {
    const Coefficients to_dx = {Map::kAffine, {arrays.zero, arrays.p, arrays.zero}};
    ApplyPerChannel(args.view, args.dy, to_dx, args.dx);
    return Ok();
  }
  const float* mean = args.mean ? args.mean : arrays.zero;
  SumPerChannel(args.view, args.dy, args.x, {Map::kAffine, {mean, arrays.p}}, args.dx, arrays.sums,
                arrays.workspace);
  for (int64_t c = 0; c < args.view.channels; ++c) {
    const double rho = Rho(args, c);
    const double gamma = Gamma(args, c);
    const double dgamma = rho * arrays.sums[1][c];
    const double dbeta = arrays.sums[0][c];
    if (args.dgamma) args.dgamma[c] = static_cast<float>(dgamma);
    if (args.dbeta) args.dbeta[c] = static_cast<float>(dbeta);
    if (args.dmean) args.dmean[c] = static_cast<float>(-gamma * rho * dbeta);
    if (args.dvariance) {
      args.dvariance[c] = static_cast<float>(-0.5 * rho * rho * gamma * dgamma);
    }
  }
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
