// Host dynamic tanh (dynamic_tanh.h): maps with coefficients per channel on the host pipeline.
#include <algorithm>

#include "core/host_pipeline.h"
#include "core/workspace.h"
#include "norms/dynamic_tanh.h"

namespace tfjs_norm {
namespace host {
namespace {

// The given array, or one of this value.
const float* ArrayOr(const float* given, float* storage, int64_t channels, float value) {
  if (given) return given;
  std::fill_n(storage, channels, value);
  return storage;
}

struct ForwardArrays {
  float *alpha, *gamma, *beta;
  ForwardArrays(int64_t channels, Workspace* arena)
      : alpha(arena->Take<float>(channels)),
        gamma(arena->Take<float>(channels)),
        beta(arena->Take<float>(channels)) {}
};

struct BackwardArrays {
  double* sums[3];  // of dy, dy * th and dy * x * slope
  float *alpha, *gamma;
  unsigned char* workspace;
  BackwardArrays(const View& view, Workspace* arena) {
    for (double*& sum : sums) sum = arena->Take<double>(view.channels);
    alpha = arena->Take<float>(view.channels);
    gamma = arena->Take<float>(view.channels);
    workspace = arena->Take<unsigned char>(
        static_cast<int64_t>(SumPerChannelWorkspaceBytes(view, Map::kTanh)));
  }
};

}  // namespace

size_t WorkspaceBytes(const DynamicTanhForward& args) {
  Workspace arena;
  ForwardArrays(args.view.channels, &arena);
  return arena.bytes();
}

size_t WorkspaceBytes(const DynamicTanhBackward& args) {
  Workspace arena;
  BackwardArrays(args.view, &arena);
  return arena.bytes();
}

Status Run(const DynamicTanhForward& args, void* workspace) {
  Workspace arena(workspace);
  const int64_t channels = args.view.channels;
  const ForwardArrays arrays(channels, &arena);
  ApplyPerChannel(args.view, args.x,
                  {Map::kTanh,
                   {ArrayOr(nullptr, arrays.alpha, channels, *args.alpha),
                    ArrayOr(args.gamma, arrays.gamma, channels, 1),
                    ArrayOr(args.beta, arrays.beta, channels, 0)}},
                  args.y);
  return Ok();
}

Status Run(const DynamicTanhBackward& args, void* workspace) {
  Workspace arena(workspace);
  const int64_t channels = args.view.channels;
  const BackwardArrays arrays(args.view, &arena);
  const float* gamma = ArrayOr(args.gamma, arrays.gamma, channels, 1);
  SumPerChannel(args.view, args.dy, args.x,
                {Map::kTanh, {ArrayOr(nullptr, arrays.alpha, channels, *args.alpha), gamma}},
                args.dx, arrays.sums, arrays.workspace);
  double dalpha = 0;
  for (int64_t c = 0; c < channels; ++c) {
    dalpha += static_cast<double>(gamma[c]) * arrays.sums[2][c];
    if (args.dbeta) args.dbeta[c] = static_cast<float>(arrays.sums[0][c]);
    if (args.dgamma) args.dgamma[c] = static_cast<float>(arrays.sums[1][c]);
  }
  *args.dalpha = static_cast<float>(dalpha);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
