// Host online norm: the steps of online_steps.h on the host pipeline, sample by sample.
#include <algorithm>

#include "core/host_grid.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "norms/merge_statistics.h"
#include "norms/online_norm.h"
#include "norms/online_norm_simd.h"
#include "norms/online_steps.h"

namespace tfjs_norm {
namespace host {
namespace {

using online::LayerScale;
using online::Line;

double At(const float* values, int64_t index, double otherwise) {
  return values ? static_cast<double>(values[index]) : otherwise;
}

Map MapOf(const OnlineNorm& args) {
  return args.clamps() ? host::MapOf(args.bounds()) : Map::kAffine;
}

// The recurrences join all samples, and layer scaling all channels.
Coupling CouplingOf(const OnlineNorm& args) {
  return {args.training ? args.view.rows : 1, args.layer_scaling() ? args.view.channels : 1};
}

template <typename F>
void ForEachRow(const Unit& unit, F f) {
  ParallelFor(unit.rows, unit.pairs() * kPairWork, [&](int64_t r, int) { f(unit.row + r); });
}

// gamma and beta of every channel.
struct Affines {
  double* gamma;  // [C]
  double* beta;

  Affines(Workspace& space, const OnlineNorm& args) {
    gamma = space.Take<double>(args.view.channels);
    beta = space.Take<double>(args.view.channels);
  }
  void Set(const OnlineNorm& args) const {
    for (int64_t c = 0; c < args.view.channels; ++c) {
      gamma[c] = At(args.gamma, c, 1);
      beta[c] = At(args.beta, c, 0);
    }
  }
  Line LineAt(const OnlineNorm& args, int64_t saved, int64_t c) const {
    return Line(args.offset[saved], args.deviation[saved], gamma[c], beta[c]);
  }
};

// y of one sample before a clamp, over zeta.
void Output(const OnlineNorm& args, const Affines& affines, const Unit& unit, int64_t n,
            double zeta, ForwardStep& step) {
  const int64_t c = unit.channel;
  const int64_t pair = unit.at(n, c);
  const int64_t saved = n * args.view.channels + c;
  Simd().online_output({unit.channels, affines.gamma + c, affines.beta + c, step.low + pair,
                        args.offset + saved, args.deviation + saved, zeta, step.a_ + pair,
                        step.b_ + pair});
}

struct ForwardExtra {
  Affines affines;
  double* mean;  // [C]: running
  double* variance;
  float* given[2];  // [C] each: a, b

  ForwardExtra(Workspace& space, const OnlineNorm& args) : affines(space, args) {
    mean = space.Take<double>(args.view.channels);
    variance = space.Take<double>(args.view.channels);
    for (float*& array : given) array = space.Take<float>(args.view.channels);
  }
};

void Forward(const OnlineNormForward& args, const ForwardExtra& extra, const Unit& unit,
             ForwardStep& step) {
  const Affines& affines = extra.affines;
  ForEachChannelBlock(unit, [&](int64_t, int64_t c, int64_t count) {
    for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
      const int64_t pair = unit.at(n, c);
      const int64_t saved = n * args.view.channels + c;
      Simd().online_forward({count, args.training, args.rate, args.epsilon, affines.gamma + c,
                             affines.beta + c, step.mean + pair, step.variance + pair,
                             step.low + pair, extra.mean + c, extra.variance + c,
                             args.offset + saved, args.deviation + saved, step.a_ + pair,
                             step.b_ + pair});
    }
  });
  if (!args.layer_scaling()) return;
  ForEachRow(unit, [&](int64_t n) {
    double squares = 0;
    for (int64_t c = 0; c < unit.channels; ++c) {
      const int64_t saved = n * args.view.channels + c;
      squares += affines.LineAt(args, saved, c).Square(args.moments.variance[saved]);
    }
    const double channels = static_cast<double>(unit.channels);
    Output(args, affines, unit, n, online::Zeta(squares, channels, args.scaling_epsilon), step);
  });
}

// The given mean stands for that of every pair, so that x is read once.
void RunGiven(const OnlineNormForward& args, const ForwardExtra& extra) {
  const int64_t channels = args.view.channels;
  for (int64_t c = 0; c < channels; ++c) {
    const float high = args.mean.from[c];
    const double low = extra.mean[c] - high;
    const float deviation = static_cast<float>(std::sqrt(extra.variance[c] + args.epsilon));
    for (int64_t pair = c; pair < args.view.pairs(); pair += channels) {
      args.moments.hi[pair] = high;
      args.moments.lo[pair] = static_cast<float>(low);
      args.moments.variance[pair] = 0;
      args.offset[pair] = 0;
      args.deviation[pair] = deviation;
    }
    const Line line = extra.affines.LineAt(args, c, c);
    extra.given[0][c] = static_cast<float>(line.a);
    extra.given[1][c] = static_cast<float>(line.b - line.a * low);
  }
  const Bounds bounds = args.bounds();
  ApplyPerChannel(
      args.view, args.x,
      {MapOf(args), {args.mean.from, extra.given[0], extra.given[1]}, bounds.least, bounds.most},
      args.y);
}

struct BackwardExtra {
  Affines affines;
  double* u;  // [C]
  double* v;
  LayerScale* scales;  // [N], null without layer scaling

  BackwardExtra(Workspace& space, const OnlineNorm& args) : affines(space, args) {
    u = space.Take<double>(args.view.channels);
    v = space.Take<double>(args.view.channels);
    scales = args.layer_scaling() ? space.Take<LayerScale>(args.view.rows) : nullptr;
  }
};

void Backward(const OnlineNormBackward& args, const BackwardExtra& extra, const Unit& unit,
              BackwardStep& step) {
  const Affines& affines = extra.affines;
  const double positions = static_cast<double>(args.view.positions);
  if (extra.scales) {
    ForEachRow(unit, [&](int64_t n) {
      double squares = 0;
      double products = 0;
      for (int64_t c = 0; c < unit.channels; ++c) {
        const int64_t pair = unit.at(n, c);
        const int64_t saved = n * args.view.channels + c;
        const Line line = affines.LineAt(args, saved, c);
        squares += line.Square(args.moments.variance[saved]);
        products += line.Product(step.sum_g[pair], step.sum_gx[pair]);
      }
      extra.scales[n] = LayerScale(squares, products, static_cast<double>(unit.channels), positions,
                                   args.scaling_epsilon);
    });
  }
  ForEachChannelBlock(unit, [&](int64_t, int64_t c, int64_t count) {
    for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
      const int64_t pair = unit.at(n, c);
      const int64_t saved = n * args.view.channels + c;
      const int64_t of_unit = c - unit.channel;
      Simd().online_backward({count,
                              args.training,
                              args.rate,
                              positions,
                              extra.scales ? extra.scales + n : nullptr,
                              affines.gamma + c,
                              affines.beta + c,
                              step.low + pair,
                              step.sum_g + pair,
                              step.sum_gx + pair,
                              args.moments.variance + saved,
                              args.offset + saved,
                              args.deviation + saved,
                              extra.u + c,
                              extra.v + c,
                              step.dgamma + of_unit,
                              step.dbeta + of_unit,
                              step.p_ + pair,
                              step.q_ + pair,
                              step.t_ + pair});
    }
  });
}

}  // namespace

size_t WorkspaceBytes(const OnlineNormForward& args) {
  Workspace space;
  ForwardExtra(space, args);
  if (!args.moments_of_x()) return space.bytes();
  return space.bytes() + ForwardWorkspaceBytes(args.view, CouplingOf(args), MapOf(args));
}

size_t WorkspaceBytes(const OnlineNormBackward& args) {
  Workspace space;
  BackwardExtra(space, args);
  return space.bytes() + BackwardWorkspaceBytes(args.view, CouplingOf(args), MapOf(args));
}

Status Run(const OnlineNormForward& args, void* workspace) {
  const int64_t channels = args.view.channels;
  Workspace space(workspace);
  const ForwardExtra extra(space, args);
  extra.affines.Set(args);
  for (int64_t c = 0; c < channels; ++c) {
    extra.mean[c] = online::Read(args.mean, channels, c);
    extra.variance[c] = online::Read(args.variance, channels, c);
  }
  if (args.moments_of_x()) {
    const Bounds bounds = args.bounds();
    RunForward(
        args.view, CouplingOf(args), args.x, args.moments, args.y,
        [&](const Unit& unit, ForwardStep& step) { Forward(args, extra, unit, step); },
        space.Take<char>(0), args.clamps() ? &bounds : nullptr);
  } else {
    RunGiven(args, extra);
  }
  for (int64_t c = 0; c < channels; ++c) {
    online::Write(args.mean, channels, c, extra.mean[c], args.training);
    online::Write(args.variance, channels, c, extra.variance[c], args.training);
  }
  return Ok();
}

Status Run(const OnlineNormBackward& args, void* workspace) {
  const int64_t channels = args.view.channels;
  Workspace space(workspace);
  const BackwardExtra extra(space, args);
  extra.affines.Set(args);
  for (int64_t c = 0; c < channels; ++c) {
    extra.u[c] = args.training ? online::Read(args.u, channels, c) : 0;
    extra.v[c] = args.training ? online::Read(args.v, channels, c) : 0;
  }
  const auto output = [&](const Unit& unit, ForwardStep& step) {
    ForEachRow(unit, [&](int64_t n) { Output(args, extra.affines, unit, n, 1, step); });
  };
  const BoundedOutput bounded = {args.bounds(), output};
  RunBackward(
      args.view, CouplingOf(args), args.dy, args.x, args.moments, args.dx,
      {args.dgamma, args.dbeta},
      [&](const Unit& unit, BackwardStep& step) { Backward(args, extra, unit, step); },
      space.Take<char>(0), args.clamps() ? &bounded : nullptr);
  for (int64_t c = 0; c < channels; ++c) {
    online::Write(args.u, channels, c, extra.u[c], args.training);
    online::Write(args.v, channels, c, extra.v[c], args.training);
  }
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
