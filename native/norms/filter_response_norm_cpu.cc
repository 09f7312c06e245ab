// Host filter response norm: the coefficients of filter_response_norm.h on the host pipeline.
#include "core/host_pipeline.h"
#include "norms/filter_response_norm.h"

namespace tfjs_norm {
namespace host {
namespace {

using filter_response::Gradient;
using filter_response::Output;

Map MapOf(const FilterResponseNorm& args) {
  return args.bounded() ? host::MapOf(args.bounds()) : Map::kAffine;
}

// Calls f(pair of the unit, pair of the view, channel).
template <typename F>
void ForEachPair(const FilterResponseNorm& args, const Unit& unit, F f) {
  for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
    for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
      f(unit.at(r, c), r * args.view.channels + c, c);
    }
  }
}

void Forward(const FilterResponseNormForward& args, const Unit& unit, ForwardStep& step) {
  ForEachPair(args, unit, [&](int64_t pair, int64_t saved, int64_t c) {
    const double mean_square = step.variance[pair] + step.mean[pair] * step.mean[pair];
    const Output output(args.parameters, c, mean_square);
    args.saved.mean_square[saved] = static_cast<float>(mean_square);
    args.saved.a[saved] = static_cast<float>(output.a);
    args.saved.b[saved] = static_cast<float>(output.b);
    step.Set(pair, output.a, output.b);
  });
}

void Backward(const FilterResponseNormBackward& args, const Unit& unit, BackwardStep& step) {
  const double positions = static_cast<double>(args.view.positions);
  ForEachPair(args, unit, [&](int64_t pair, int64_t saved, int64_t c) {
    const Gradient gradient(args.parameters, c, args.saved.mean_square[saved], step.sum_g[pair],
                            step.sum_gx[pair], positions);
    step.Set(pair, gradient.p, gradient.q, gradient.t);
    step.dgamma[c - unit.channel] += gradient.gamma;
    step.dbeta[c - unit.channel] += step.sum_g[pair];
    if (step.sum_outside) step.more[0][c - unit.channel] += step.sum_outside[pair];
    step.more[1][c - unit.channel] += gradient.epsilon;
  });
}

}  // namespace

size_t WorkspaceBytes(const FilterResponseNormForward& args) {
  return ForwardWorkspaceBytes(args.view, {}, MapOf(args));
}

size_t WorkspaceBytes(const FilterResponseNormBackward& args) {
  return BackwardWorkspaceBytes(args.view, {}, MapOf(args));
}

Status Run(const FilterResponseNormForward& args, void* workspace) {
  const Bounds bounds = args.bounds();
  RunForward(
      args.view, {}, args.x, {}, args.y,
      [&args](const Unit& unit, ForwardStep& step) { Forward(args, unit, step); }, workspace,
      args.bounded() ? &bounds : nullptr);
  return Ok();
}

Status Run(const FilterResponseNormBackward& args, void* workspace) {
  const BoundedOutput bounded = {args.bounds(), [&args](const Unit& unit, ForwardStep& step) {
                                   ForEachPair(
                                       args, unit, [&](int64_t pair, int64_t saved, int64_t) {
                                         step.Set(pair, args.saved.a[saved], args.saved.b[saved]);
                                       });
                                 }};
  ParameterGradients gradients = {args.dgamma, args.dbeta};
  gradients.more[0].to = args.dtau;
  gradients.more[1] = {args.dlearned_epsilon, !args.parameters.epsilon_of_channel};
  RunBackward(
      args.view, {}, args.dy, args.x, {}, args.dx, gradients,
      [&args](const Unit& unit, BackwardStep& step) { Backward(args, unit, step); }, workspace,
      args.bounded() ? &bounded : nullptr);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
