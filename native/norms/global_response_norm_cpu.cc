// Host global response norm: the coefficients of global_response_norm.h on the host pipeline.
#include "core/host_pipeline.h"
#include "norms/global_response_norm.h"

namespace tfjs_norm {
namespace host {
namespace {

using global_response::Response;
using global_response::Sample;
using global_response::Slopes;

double Gamma(const GlobalResponseNorm& args, int64_t channel) {
  return args.gamma ? args.gamma[channel] : 1.0;
}

// A sample's statistics join its channels.
Coupling CouplingOf(const GlobalResponseNorm& args) { return {1, args.view.channels}; }

void Forward(const GlobalResponseNormForward& args, const Unit& unit, ForwardStep& step) {
  const double positions = static_cast<double>(args.view.positions);
  const double channels = static_cast<double>(unit.channels);
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
    float* responses = args.responses + n * unit.channels;
    double sum = 0;
    for (int64_t c = 0; c < unit.channels; ++c) {
      const int64_t pair = unit.at(n, c);
      responses[c] = Response(step.mean[pair], step.variance[pair], positions);
      sum += responses[c];
    }
    const Sample sample = Sample::Of(sum, 0, channels, args.epsilon);
    for (int64_t c = 0; c < unit.channels; ++c) {
      const Slopes slopes = Slopes::Of(sample, responses[c], Gamma(args, c), 0);
      step.Set(unit.at(n, c), slopes.p, args.beta ? args.beta[c] : 0.0);
    }
  }
}

void Backward(const GlobalResponseNormBackward& args, const Unit& unit, BackwardStep& step) {
  const double channels = static_cast<double>(unit.channels);
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
    const float* responses = args.responses + n * unit.channels;
    double sum_g = 0;
    double sum_tg = 0;
    for (int64_t c = 0; c < unit.channels; ++c) {
      sum_g += responses[c];
      sum_tg += Gamma(args, c) * step.sum_gx[unit.at(n, c)] * responses[c];
    }
    const Sample sample = Sample::Of(sum_g, sum_tg, channels, args.epsilon);
    for (int64_t c = 0; c < unit.channels; ++c) {
      const int64_t pair = unit.at(n, c);
      const double g1 = step.sum_gx[pair];
      const Slopes slopes = Slopes::Of(sample, responses[c], Gamma(args, c), g1);
      step.Set(pair, slopes.p, slopes.q, 0);
      step.dgamma[c] += responses[c] / sample.scale * g1;
      step.dbeta[c] += step.sum_g[pair];
    }
  }
}

}  // namespace

size_t WorkspaceBytes(const GlobalResponseNormForward& args) {
  return ForwardWorkspaceBytes(args.view, CouplingOf(args));
}

size_t WorkspaceBytes(const GlobalResponseNormBackward& args) {
  return BackwardWorkspaceBytes(args.view, CouplingOf(args));
}

Status Run(const GlobalResponseNormForward& args, void* workspace) {
  RunForward(
      args.view, CouplingOf(args), args.x, {}, args.y,
      [&args](const Unit& unit, ForwardStep& step) { Forward(args, unit, step); }, workspace);
  return Ok();
}

Status Run(const GlobalResponseNormBackward& args, void* workspace) {
  RunBackward(
      args.view, CouplingOf(args), args.dy, args.x, {}, args.dx, {args.dgamma, args.dbeta},
      [&args](const Unit& unit, BackwardStep& step) { Backward(args, unit, step); }, workspace);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
