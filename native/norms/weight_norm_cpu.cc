// Host weight normalization: weight_norm.h on the host pipeline.
#include <algorithm>
#include <cmath>

#include "core/host_pipeline.h"
#include "core/workspace.h"
#include "norms/weight_list_cpu.h"
#include "norms/weight_scale.h"

namespace tfjs_norm {
namespace host {
namespace {

// A statistic joins the rows of its channel.
Coupling CouplingOf(const View& view) { return {view.rows, 1}; }

Moments From(const Moments& moments, int64_t column) {
  return {moments.hi + column, moments.lo + column, moments.variance + column};
}

// What the pipeline centers with: statistics of the (row, channel) pairs, which are the columns'
// own where there is one row, and none about zero.
Moments PairMoments(const View& view, bool center, const Moments& columns, Workspace* space) {
  if (!center) return {};
  if (view.rows == 1) return columns;
  return Moments::From(space->Take<float>(3 * view.pairs()), view.pairs());
}

struct Column {
  double center = 0;
  double square = 0;  // the mean of (x - center)^2
};

Column Merge(const Unit& unit, int64_t channel, const ForwardStep& step, bool center) {
  const double scale = 1.0 / static_cast<double>(unit.rows);
  const int64_t end = unit.row + unit.rows;
  Column column;
  if (center) {
    const double first = step.mean[unit.at(unit.row, channel)];
    double rest = 0;
    for (int64_t r = unit.row; r < end; ++r) rest += step.mean[unit.at(r, channel)] - first;
    column.center = first + rest * scale;
  }
  for (int64_t r = unit.row; r < end; ++r) {
    const int64_t pair = unit.at(r, channel);
    const double d = step.mean[pair] - column.center;
    column.square += (step.variance[pair] + d * d) * scale;
  }
  return column;
}

size_t WorkspaceBytes(const WeightNormForward::Weight& weight, bool center) {
  const View view = ViewOf(weight.view);
  Workspace space;
  PairMoments(view, center, {}, &space);
  return space.bytes() + ForwardWorkspaceBytes(view, CouplingOf(view));
}

void RunOne(const WeightNormForward& args, const WeightNormForward::Weight& weight,
            const Moments& saved, void* workspace) {
  const WeightNormSettings& settings = args.settings;
  const View view = ViewOf(weight.view);
  if (view.size() == 0) {
    for (float* array : {saved.hi, saved.lo, saved.variance}) {
      std::fill_n(array, view.channels, 0.0f);
    }
    return;
  }
  Workspace space(workspace);
  const Moments pairs = PairMoments(view, settings.center, saved, &space);
  const double fan = static_cast<double>(weight.view.fan());
  const auto method = [&](const Unit& unit, ForwardStep& step) {
    for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
      const Column of = Merge(unit, c, step, settings.center);
      saved.hi[c] = static_cast<float>(of.center);
      saved.lo[c] = static_cast<float>(of.center - static_cast<double>(saved.hi[c]));
      saved.variance[c] = static_cast<float>(of.square);
      const double gain = weight.gamma ? static_cast<double>(weight.gamma[c]) : 1.0;
      const double a = gain * ScaleOf(settings, of.square * fan, fan).s;
      for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
        const int64_t pair = unit.at(r, c);
        step.Set(pair, a, settings.center ? a * (step.mean[pair] - of.center) : 0.0);
      }
    }
  };
  RunForward(view, CouplingOf(view), weight.x, pairs, weight.y, method,
             static_cast<unsigned char*>(workspace) + space.bytes());
}

size_t WorkspaceBytes(const WeightNormBackward::Weight& weight, bool center) {
  const View view = ViewOf(weight.view);
  Workspace space;
  PairMoments(view, center, {}, &space);
  return space.bytes() + BackwardWorkspaceBytes(view, CouplingOf(view));
}

void RunOne(const WeightNormBackward& args, const WeightNormBackward::Weight& weight,
            const Moments& saved, void* workspace) {
  const WeightNormSettings& settings = args.settings;
  const View view = ViewOf(weight.view);
  Workspace space(workspace);
  const Moments pairs = PairMoments(view, settings.center, saved, &space);
  for (int64_t r = 0; settings.center && view.rows > 1 && r < view.rows; ++r) {
    std::copy_n(saved.hi, view.channels, pairs.hi + r * view.channels);
    std::copy_n(saved.lo, view.channels, pairs.lo + r * view.channels);
  }
  const double fan = static_cast<double>(weight.view.fan());
  const auto method = [&](const Unit& unit, BackwardStep& step) {
    for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
      double g0 = 0;
      double g1 = 0;
      for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
        g0 += step.sum_g[unit.at(r, c)];
        g1 += step.sum_gx[unit.at(r, c)];
      }
      const double gain = weight.gamma ? static_cast<double>(weight.gamma[c]) : 1.0;
      const double square = static_cast<double>(saved.variance[c]) * fan;
      const WeightGradient gradient = GradientOf(settings, square, fan, gain, g0, g1);
      step.dgamma[c - unit.channel] += gradient.dgamma;
      for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
        step.Set(unit.at(r, c), gradient.p, gradient.q, gradient.t);
      }
    }
  };
  RunBackward(view, CouplingOf(view), weight.dy, weight.x, pairs, weight.dx, {weight.dgamma},
              method, static_cast<unsigned char*>(workspace) + space.bytes());
}

template <class Args>
ListRoom RoomOf(const Args& args) {
  return ListRoom(args.weights,
                  [&](const auto& weight) { return WorkspaceBytes(weight, args.settings.center); });
}

template <class Args>
Status RunAll(const Args& args, void* workspace) {
  ForWeights(args.weights, RoomOf(args), workspace,
             [&](const auto& weight, int64_t column, void* space) {
               RunOne(args, weight, From(args.moments, column), space);
             });
  return Ok();
}

}  // namespace

size_t WorkspaceBytes(const WeightNormForward& args) { return RoomOf(args).bytes(); }

size_t WorkspaceBytes(const WeightNormBackward& args) { return RoomOf(args).bytes(); }

Status Run(const WeightNormForward& args, void* workspace) { return RunAll(args, workspace); }

Status Run(const WeightNormBackward& args, void* workspace) { return RunAll(args, workspace); }

}  // namespace host
}  // namespace tfjs_norm
