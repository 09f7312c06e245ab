// Host switchable norm: the coefficients of switchable_norm.h on the host pipeline.
#include "core/host_pipeline.h"
#include "core/workspace.h"
#include "norms/merge_statistics.h"
#include "norms/switchable_mix.h"
#include "norms/switchable_norm.h"

namespace tfjs_norm {
namespace host {
namespace {

using switchable::Pair;
using switchable::PairGradient;
using switchable::SetGradient;
using switchable::Slopes;
using switchable::Triple;
using switchable::Weights;

double At(const float* values, int64_t index, double otherwise) {
  return values ? static_cast<double>(values[index]) : otherwise;
}

// Batch statistics join all samples; without them samples are on their own.
Coupling CouplingOf(const SwitchableNorm& args) {
  return {args.batch_of_x() ? args.view.rows : 1, args.view.channels};
}

Weights WeightsOf(const SwitchableNorm& args) {
  return switchable::WeightsOf(args.mean_logits, args.variance_logits, args.use_batch);
}

void GivenChannels(const SwitchableNorm& args, Statistic* batch) {
  for (int64_t c = 0; c < args.view.channels; ++c) {
    batch[c] = {At(args.moving_mean, c, 0), At(args.moving_variance, c, 0)};
  }
}

struct ForwardExtra {
  Statistic* batch;  // [C]

  ForwardExtra(Workspace& space, const SwitchableNorm& args) {
    batch = space.Take<Statistic>(args.view.channels);
  }
};

void Forward(const SwitchableNormForward& args, const Weights& weights, Statistic* batch,
             const Unit& unit, ForwardStep& step) {
  const double factor = args.variance_factor();
  const bool one_value = args.one_value();
  const auto own = [&](int64_t n, int64_t c) {
    const int64_t pair = unit.at(n, c);
    return Statistic{step.mean[pair], factor * step.variance[pair]};
  };
  if (args.batch_of_x()) MergeChannels(args.view.rows, 0, unit.channels, own, batch);
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
    const Statistic layer = MergeStatistics(unit.channels, [&](int64_t c) { return own(n, c); });
    for (int64_t c = 0; c < unit.channels; ++c) {
      const Pair pair(weights, own(n, c), layer, batch[c], args.use_batch, args.epsilon);
      const double a = one_value ? 0 : At(args.gamma, c, 1) * pair.rho;
      step.Set(unit.at(n, c), a, At(args.beta, c, 0) + a * pair.d);
    }
  }
}

// Sums over the channels that the logits' gradients are made of, of one sample.
struct LogitSums {
  Triple mean;
  Triple variance;
};

struct BackwardExtra {
  Statistic* batch;         // [C]
  SetGradient* of_channel;  // [C]
  LogitSums* logits;        // [N]

  BackwardExtra(Workspace& space, const SwitchableNorm& args) {
    batch = space.Take<Statistic>(args.view.channels);
    of_channel = space.Take<SetGradient>(args.view.channels);
    logits = space.Take<LogitSums>(args.view.rows);
  }
};

void Backward(const SwitchableNormBackward& args, const Weights& weights,
              const BackwardExtra& extra, const Unit& unit, BackwardStep& step) {
  const int64_t channels = args.view.channels;
  const double factor = args.variance_factor();
  const double positions = static_cast<double>(args.view.positions);
  const bool one_value = args.one_value();
  const auto own = [&](int64_t n, int64_t c) {
    const int64_t i = n * channels + c;
    return Statistic{static_cast<double>(args.moments.hi[i]) + args.moments.lo[i],
                     factor * args.moments.variance[i]};
  };
  const auto layer_of = [&](int64_t n) {
    return MergeStatistics(channels, [&](int64_t c) { return own(n, c); });
  };
  const auto pair_of = [&](int64_t n, int64_t c, const Statistic& layer) {
    return Pair(weights, own(n, c), layer, extra.batch[c], args.use_batch, args.epsilon);
  };
  const auto gradient_of = [&](int64_t n, int64_t c, const Pair& pair) {
    const int64_t i = unit.at(n, c);
    return PairGradient(pair, At(args.gamma, c, 1), step.sum_g[i], step.sum_gx[i]);
  };

  if (args.batch_of_x()) {
    MergeChannels(args.view.rows, 0, channels, own, extra.batch);
    for (int64_t c = 0; c < channels; ++c) extra.of_channel[c] = {0, 0};
    for (int64_t n = 0; n < args.view.rows; ++n) {
      const Statistic layer = layer_of(n);
      for (int64_t c = 0; c < channels; ++c) {
        const PairGradient gradient = gradient_of(n, c, pair_of(n, c, layer));
        extra.of_channel[c].mu += gradient.mu / static_cast<double>(args.view.rows);
        extra.of_channel[c].v += gradient.v / static_cast<double>(args.view.rows);
      }
    }
  }
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
    const Statistic layer = layer_of(n);
    SetGradient of_row = {0, 0};
    LogitSums sums = {};
    for (int64_t c = 0; c < channels; ++c) {
      const Pair pair = pair_of(n, c, layer);
      const PairGradient gradient = gradient_of(n, c, pair);
      of_row.mu += gradient.mu / static_cast<double>(channels);
      of_row.v += gradient.v / static_cast<double>(channels);
      sums.mean.Merge({0, -gradient.mu * pair.below.layer, -gradient.mu * pair.below.batch});
      sums.variance.Merge({gradient.v * pair.variance.instance, gradient.v * pair.variance.layer,
                           gradient.v * pair.variance.batch});
      step.dgamma[c] += gradient.q;
      step.dbeta[c] += step.sum_g[unit.at(n, c)];
    }
    extra.logits[n] = sums;
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t i = unit.at(n, c);
      const Pair pair = pair_of(n, c, layer);
      const PairGradient gradient = gradient_of(n, c, pair);
      const Slopes slopes(weights, pair, {gradient.mu, gradient.v}, of_row, extra.of_channel[c],
                          At(args.gamma, c, 1), factor, positions, step.sum_g[i]);
      step.Set(i, slopes.p, slopes.q, one_value ? 0 : slopes.t);
    }
  }
}

void UpdateMoving(const SwitchableNormForward& args, const Statistic* batch) {
  for (int64_t c = 0; c < args.view.channels; ++c) {
    double mean = args.moving_mean[c];
    double variance = args.moving_variance[c];
    if (args.training) {
      mean += args.update_rate * (batch[c].mean - mean);
      variance += args.update_rate * (batch[c].variance - variance);
    }
    args.new_moving_mean[c] = static_cast<float>(mean);
    args.new_moving_variance[c] = static_cast<float>(variance);
  }
}

}  // namespace

size_t WorkspaceBytes(const SwitchableNormForward& args) {
  Workspace space;
  ForwardExtra(space, args);
  return space.bytes() + ForwardWorkspaceBytes(args.view, CouplingOf(args));
}

size_t WorkspaceBytes(const SwitchableNormBackward& args) {
  Workspace space;
  BackwardExtra(space, args);
  return space.bytes() + BackwardWorkspaceBytes(args.view, CouplingOf(args));
}

Status Run(const SwitchableNormForward& args, void* workspace) {
  Workspace space(workspace);
  const ForwardExtra extra(space, args);
  const Weights weights = WeightsOf(args);
  if (!args.batch_of_x()) GivenChannels(args, extra.batch);
  RunForward(
      args.view, CouplingOf(args), args.x, args.moments, args.y,
      [&](const Unit& unit, ForwardStep& step) { Forward(args, weights, extra.batch, unit, step); },
      space.Take<char>(0));
  if (args.new_moving_mean) UpdateMoving(args, extra.batch);
  return Ok();
}

Status Run(const SwitchableNormBackward& args, void* workspace) {
  Workspace space(workspace);
  const BackwardExtra extra(space, args);
  const Weights weights = WeightsOf(args);
  if (!args.batch_of_x()) {
    GivenChannels(args, extra.batch);
    for (int64_t c = 0; c < args.view.channels; ++c) extra.of_channel[c] = {0, 0};
  }
  RunBackward(
      args.view, CouplingOf(args), args.dy, args.x, args.moments, args.dx,
      {args.dgamma, args.dbeta},
      [&](const Unit& unit, BackwardStep& step) { Backward(args, weights, extra, unit, step); },
      space.Take<char>(0));
  LogitSums sums = extra.logits[0];
  for (int64_t n = 1; n < args.view.rows; ++n) {
    sums.mean.Merge(extra.logits[n].mean);
    sums.variance.Merge(extra.logits[n].variance);
  }
  SoftmaxGradient(weights.mean, sums.mean, args.use_batch, args.dmean_logits);
  SoftmaxGradient(weights.variance, sums.variance, args.use_batch, args.dvariance_logits);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
