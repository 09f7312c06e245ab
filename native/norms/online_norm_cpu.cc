// Host online norm: the steps of online_steps.h on the host pipeline, sample by sample.
#include "core/host_pipeline.h"
#include "core/workspace.h"
#include "norms/online_norm.h"
#include "norms/online_steps.h"

namespace tfjs_norm {
namespace host {
namespace {

using online::Compensated;
using online::Control;
using online::ControlStep;
using online::LayerScale;
using online::Line;
using online::Running;
using online::Slopes;

double At(const float* values, int64_t index, double otherwise) {
  return values ? static_cast<double>(values[index]) : otherwise;
}

// The recurrences join all samples, and layer scaling all channels.
Coupling CouplingOf(const OnlineNorm& args) {
  return {args.training ? args.view.rows : 1, args.layer_scaling() ? args.view.channels : 1};
}

Line LineOf(const OnlineNorm& args, int64_t saved, int64_t channel) {
  return Line(args.offset[saved], args.deviation[saved], At(args.gamma, channel, 1),
              At(args.beta, channel, 0));
}

struct ForwardExtra {
  Running* running;  // [C]
  float* given[4];   // [C] each: a, b, lower, upper

  ForwardExtra(Workspace& space, const OnlineNorm& args) {
    running = space.Take<Running>(args.view.channels);
    for (float*& array : given) array = space.Take<float>(args.view.channels);
  }
};

void Forward(const OnlineNormForward& args, Running* running, const Unit& unit, ForwardStep& step) {
  const int64_t channels = args.view.channels;
  const int64_t end = unit.channel + unit.channels;
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
    double squares = 0;
    for (int64_t c = unit.channel; c < end; ++c) {
      const int64_t pair = unit.at(n, c);
      const int64_t saved = n * channels + c;
      args.offset[saved] = static_cast<float>(step.mean[pair] - running[c].mean);
      args.deviation[saved] = static_cast<float>(std::sqrt(running[c].variance + args.epsilon));
      if (args.training) running[c].Follow(step.mean[pair], step.variance[pair], args.rate);
      const Line line = LineOf(args, saved, c);
      if (args.layer_scaling()) {
        squares += line.Square(args.moments.variance[saved]);
      } else {
        step.Set(pair, line.a, line.b);
      }
    }
    if (!args.layer_scaling()) continue;
    const double zeta = online::Zeta(squares, static_cast<double>(channels), args.scaling_epsilon);
    for (int64_t c = unit.channel; c < end; ++c) {
      const Line line = LineOf(args, n * channels + c, c);
      step.Set(unit.at(n, c), line.a / zeta, line.b / zeta);
    }
  }
}

// The given mean stands for that of every pair, so that x is read once.
void RunGiven(const OnlineNormForward& args, const ForwardExtra& extra) {
  const int64_t channels = args.view.channels;
  for (int64_t c = 0; c < channels; ++c) {
    const float high = args.mean.from[c];
    const double low = extra.running[c].mean - high;
    const float deviation = static_cast<float>(std::sqrt(extra.running[c].variance + args.epsilon));
    for (int64_t pair = c; pair < args.view.pairs(); pair += channels) {
      args.moments.hi[pair] = high;
      args.moments.lo[pair] = static_cast<float>(low);
      args.moments.variance[pair] = 0;
      args.offset[pair] = 0;
      args.deviation[pair] = deviation;
    }
    const Line line = LineOf(args, c, c);
    extra.given[0][c] = static_cast<float>(line.a);
    extra.given[1][c] = static_cast<float>(line.b - line.a * low);
    extra.given[2][c] = args.bounds().least;
    extra.given[3][c] = args.bounds().most;
  }
  const float* const* k = extra.given;
  ApplyPerChannel(
      args.view, args.x,
      {args.clamps() ? Map::kBounded : Map::kAffine, {args.mean.from, k[0], k[1], k[2], k[3]}},
      args.y);
}

// y before the clamp.
void Output(const OnlineNorm& args, const Unit& unit, ForwardStep& step) {
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
    for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
      const Line line = LineOf(args, n * args.view.channels + c, c);
      step.Set(unit.at(n, c), line.a, line.b);
    }
  }
}

struct BackwardExtra {
  Control* control;  // [C]

  BackwardExtra(Workspace& space, const OnlineNorm& args) {
    control = space.Take<Control>(args.view.channels);
  }
};

void Backward(const OnlineNormBackward& args, Control* control, const Unit& unit,
              BackwardStep& step) {
  const int64_t channels = args.view.channels;
  const double positions = static_cast<double>(args.view.positions);
  const double rate = args.training ? args.rate : 0;
  const int64_t end = unit.channel + unit.channels;
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
    double squares = 0;
    double products = 0;
    for (int64_t c = unit.channel; args.layer_scaling() && c < end; ++c) {
      const int64_t pair = unit.at(n, c);
      const Line line = LineOf(args, n * channels + c, c);
      squares += line.Square(args.moments.variance[n * channels + c]);
      products += line.Product(step.sum_g[pair], step.sum_gx[pair]);
    }
    const LayerScale scale(squares, products, static_cast<double>(channels), positions,
                           args.scaling_epsilon);
    for (int64_t c = unit.channel; c < end; ++c) {
      const int64_t pair = unit.at(n, c);
      const int64_t saved = n * channels + c;
      const double gamma = At(args.gamma, c, 1);
      const double variance = args.moments.variance[saved];
      const Line line = LineOf(args, saved, c);
      Compensated g;
      g.g0 = step.sum_g[pair];
      g.g1 = step.sum_gx[pair];
      if (args.layer_scaling()) g = scale.Apply(line, variance, g.g0, g.g1, positions);
      const Slopes slopes(line, g, control[c], gamma, rate);
      step.Set(pair, slopes.p, slopes.q, slopes.t);
      const ControlStep now(line, g, variance, gamma, 1 / positions, rate);
      if (args.training) control[c].Follow(now, rate);
      step.dgamma[c - unit.channel] += now.g_hat;
      step.dbeta[c - unit.channel] += g.g0;
    }
  }
}

}  // namespace

size_t WorkspaceBytes(const OnlineNormForward& args) {
  Workspace space;
  ForwardExtra(space, args);
  if (!args.moments_of_x()) return space.bytes();
  return space.bytes() + ForwardWorkspaceBytes(args.view, CouplingOf(args), args.clamps());
}

size_t WorkspaceBytes(const OnlineNormBackward& args) {
  Workspace space;
  BackwardExtra(space, args);
  return space.bytes() + BackwardWorkspaceBytes(args.view, CouplingOf(args), args.clamps());
}

Status Run(const OnlineNormForward& args, void* workspace) {
  const int64_t channels = args.view.channels;
  Workspace space(workspace);
  const ForwardExtra extra(space, args);
  for (int64_t c = 0; c < channels; ++c) {
    extra.running[c] = {online::Read(args.mean, channels, c),
                        online::Read(args.variance, channels, c)};
  }
  if (args.moments_of_x()) {
    const Bounds bounds = args.bounds();
    RunForward(
        args.view, CouplingOf(args), args.x, args.moments, args.y,
        [&](const Unit& unit, ForwardStep& step) { Forward(args, extra.running, unit, step); },
        space.Take<char>(0), args.clamps() ? &bounds : nullptr);
  } else {
    RunGiven(args, extra);
  }
  for (int64_t c = 0; c < channels; ++c) {
    online::Write(args.mean, channels, c, extra.running[c].mean, args.training);
    online::Write(args.variance, channels, c, extra.running[c].variance, args.training);
  }
  return Ok();
}

Status Run(const OnlineNormBackward& args, void* workspace) {
  const int64_t channels = args.view.channels;
  Workspace space(workspace);
  const BackwardExtra extra(space, args);
  for (int64_t c = 0; c < channels; ++c) {
    extra.control[c] = {0, 0};
    if (!args.training) continue;
    extra.control[c] = {online::Read(args.u, channels, c), online::Read(args.v, channels, c)};
  }
  const BoundedOutput bounded = {
      args.bounds(), [&](const Unit& unit, ForwardStep& step) { Output(args, unit, step); }};
  RunBackward(
      args.view, CouplingOf(args), args.dy, args.x, args.moments, args.dx,
      {args.dgamma, args.dbeta},
      [&](const Unit& unit, BackwardStep& step) { Backward(args, extra.control, unit, step); },
      space.Take<char>(0), args.clamps() ? &bounded : nullptr);
  for (int64_t c = 0; c < channels; ++c) {
    online::Write(args.u, channels, c, extra.control[c].u, args.training);
    online::Write(args.v, channels, c, extra.control[c].v, args.training);
  }
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
