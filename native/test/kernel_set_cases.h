// Cases of set_norm.h for kernel_check.
#pragma once

#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct SetCase {
  View view;
  int64_t rows_per_set = 1;
  int64_t channels_per_set = 1;
  Data data = Data::kNormal;
  double epsilon = 1e-3;
  bool gamma = true;
  bool beta = true;
  bool moving = false;
  bool unbiased = false;
  bool renorm = false;  // of sets that are whole channels
  bool clipped = true;
  bool mean_only = false;
  int shift = 0;  // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[240];
    std::snprintf(text, sizeof text,
                  "[%lld, %lld, %lld] channels %s, sets %lld x %lld, data %d, gamma %d, beta %d, "
                  "moving %d, renorm %d, clipped %d, mean only %d, shift %d",
                  static_cast<long long>(view.rows), static_cast<long long>(view.positions),
                  static_cast<long long>(view.channels), view.channels_last ? "last" : "first",
                  static_cast<long long>(rows_per_set), static_cast<long long>(channels_per_set),
                  static_cast<int>(data), gamma, beta, moving, renorm, clipped, mean_only, shift);
    return text;
  }
};

inline void CheckSetNorm(Results& results, Device device, const SetCase& c, Random& random) {
  results.Case(c.Name());
  const View& view = c.view;
  const Floats x = random.Of(c.data, view.size());
  const Floats dy = random.Normal(view.size(), 0.1, 1);
  const Floats gamma = random.Normal(view.channels, 1, 0.5);
  const Floats beta = random.Normal(view.channels, 0, 0.5);
  const Floats mean = random.Normal(view.channels, c.data == Data::kNormal ? 0 : 1e4, 1);
  const Floats variance = random.Positive(view.channels);
  const Floats renorm_mean = random.Normal(view.channels, c.data == Data::kNormal ? 0 : 1e4, 1);
  Floats renorm_stddev = random.Positive(view.channels);
  renorm_stddev[0] = 0;
  const Floats clipping = c.clipped ? Floats{1.5f, 0.75f, 0.5f} : Floats{INFINITY, 0, INFINITY};
  const std::string op = c.renorm ? "BatchRenorm" : "SetNorm";

  SetNormForward forward;
  forward.view = view;
  forward.rows_per_set = c.rows_per_set;
  forward.channels_per_set = c.channels_per_set;
  forward.epsilon = c.epsilon;
  forward.unbiased = c.unbiased;
  forward.mean_only = c.mean_only;
  SetNormBackward backward;
  backward.view = view;
  backward.rows_per_set = c.rows_per_set;
  backward.channels_per_set = c.channels_per_set;
  backward.epsilon = c.epsilon;
  backward.mean_only = c.mean_only;

  const auto run_forward = [&] {
    Memory memory(device);
    SetNormForward args = forward;
    args.x = memory.Put(x, c.shift);
    args.y = memory.Poisoned(view.size(), c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.beta = memory.PutIf(c.beta, beta);
    float* moments = memory.Poisoned(3 * view.pairs());
    args.moments = Moments::From(moments, view.pairs());
    const auto running = [&](const Floats& mean_of, const Floats& spread_of, double rate) {
      return Running{memory.Put(mean_of), memory.Put(spread_of), memory.Poisoned(view.channels),
                     memory.Poisoned(view.channels), rate};
    };
    if (c.moving) args.moving = running(mean, variance, 0.125);
    if (c.renorm) {
      args.renorm = {running(renorm_mean, renorm_stddev, 0.25), memory.Put(clipping),
                     memory.Poisoned(2 * view.channels)};
    }
    results.Succeeded(RunOn(device, args, memory));
    std::vector<Floats> outputs = {memory.Get(args.y, view.size()),
                                   memory.Get(moments, 3 * view.pairs())};
    for (const Running& running_of : {args.moving, args.renorm.running}) {
      outputs.push_back(memory.Get(running_of.new_mean, view.channels));
      outputs.push_back(memory.Get(running_of.new_spread, view.channels));
    }
    outputs.push_back(memory.Get(args.renorm.corrections, 2 * view.channels));
    return outputs;
  };
  const std::vector<Floats> got = RunTwice(results, op, run_forward);
  forward.x = x.data();
  forward.gamma = c.gamma ? gamma.data() : nullptr;
  forward.beta = c.beta ? beta.data() : nullptr;
  Floats ignored(view.channels);
  if (c.moving) {
    forward.moving = {mean.data(), variance.data(), ignored.data(), ignored.data(), 0.125};
  }
  if (c.renorm) {
    forward.renorm = {
        {renorm_mean.data(), renorm_stddev.data(), ignored.data(), ignored.data(), 0.25},
        clipping.data(),
        ignored.data()};
  }
  const reference::SetForward want = reference::Run(forward);
  const int64_t pairs = view.pairs();
  results.Close(op, "y", got[0], want.y);
  Floats pair_mean_error(pairs);
  for (int64_t i = 0; i < pairs; ++i) {
    // In standard deviations: the pair hi + lo is what keeps y exact at a large mean.
    const double saved = static_cast<double>(got[1][i]) + got[1][pairs + i];
    pair_mean_error[i] =
        static_cast<float>((saved - want.mean[i]) / std::sqrt(want.variance[i] + c.epsilon));
  }
  results.Close(op, "mean", pair_mean_error, reference::Values(pairs, 0.0));
  results.Close(op, "variance", Floats(got[1].begin() + 2 * pairs, got[1].end()), want.variance);
  if (c.moving) {
    results.Close(op, "moving_mean", got[2], want.moving_mean);
    results.Close(op, "moving_spread", got[3], want.moving_spread);
  }
  if (c.renorm) {
    results.Close(op, "renorm_mean", got[4], want.renorm_mean);
    results.Close(op, "renorm_stddev", got[5], want.renorm_spread);
    results.Close(op, "corrections", got[6], want.corrections);
  }
  const int64_t values = view.positions * c.rows_per_set * c.channels_per_set;
  if (view.size() && !c.renorm && (values == 1 || c.data == Data::kConstant)) {
    bool exact = true;
    for (int64_t r = 0; r < view.rows; ++r) {
      for (int64_t s = 0; s < view.positions; ++s) {
        for (int64_t i = 0; i < view.channels; ++i) {
          exact &= got[0][reference::Offset(view, r, s, i)] == (c.beta ? beta[i] : 0.0f);
        }
      }
    }
    results.That(exact, op + " y exactly beta");
  }

  const auto run_backward = [&] {
    Memory memory(device);
    SetNormBackward args = backward;
    args.x = memory.Put(x, c.shift);
    args.dy = memory.Put(dy, c.shift);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.moments = Moments::From(memory.Put(got[1]), pairs);
    args.dgamma = c.gamma ? memory.Poisoned(view.channels) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(view.channels) : nullptr;
    args.corrections = memory.PutIf(c.renorm, got[6]);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()),
                               memory.Get(args.dgamma, view.channels),
                               memory.Get(args.dbeta, view.channels)};
  };
  const std::vector<Floats> gradients = RunTwice(results, op + "Grad", run_backward);
  backward.x = x.data();
  backward.corrections = c.renorm ? got[6].data() : nullptr;
  backward.dy = dy.data();
  backward.gamma = forward.gamma;
  const reference::Backward want_gradients = reference::Run(backward);
  double rho = 0;
  reference::ForEachSet(backward, [&](const reference::Statistic& set, int64_t, int64_t) {
    rho = std::max(rho, c.mean_only ? 1 : 1 / std::sqrt(set.variance + c.epsilon));
  });
  results.Close(
      op + "Grad", "dx", gradients[0], want_gradients.dx,
      rho * (c.renorm ? *std::max_element(got[6].begin(), got[6].begin() + view.channels) : 1) *
          LargestProduct(dy, backward.gamma, view.channels));
  if (c.gamma) results.Close(op + "Grad", "dgamma", gradients[1], want_gradients.dgamma);
  if (c.beta) results.Close(op + "Grad", "dbeta", gradients[2], want_gradients.dbeta);
  if (values == 1) {
    const bool zero =
        std::all_of(gradients[0].begin(), gradients[0].end(), [](float v) { return v == 0; });
    results.That(zero, op + "Grad dx exactly 0");
  }

  if (view.size() == 0 || c.shift) return;
  // A NaN reaches the statistic it is in, and no other.
  Floats broken = x;
  const int64_t row = random.Int(0, view.rows - 1);
  const int64_t channel = random.Int(0, view.channels - 1);
  broken[reference::Offset(view, row, view.positions / 2, channel)] = NAN;
  Memory memory(device);
  SetNormForward args = forward;
  args.moving = {};
  args.renorm = {};
  args.x = memory.Put(broken);
  args.y = memory.Poisoned(view.size());
  args.gamma = memory.PutIf(c.gamma, gamma);
  args.beta = memory.PutIf(c.beta, beta);
  args.moments = Moments::From(memory.Poisoned(3 * pairs), pairs);
  results.Succeeded(RunOn(device, args, memory));
  const Floats y = memory.Get(args.y, view.size());
  bool contained = true;
  for (int64_t r = 0; r < view.rows; ++r) {
    for (int64_t i = 0; i < view.channels; ++i) {
      const bool same_set = r / c.rows_per_set == row / c.rows_per_set &&
                            i / c.channels_per_set == channel / c.channels_per_set;
      if (same_set && values == 1) continue;
      for (int64_t s = 0; s < view.positions; ++s) {
        contained &= std::isnan(y[reference::Offset(view, r, s, i)]) == same_set;
      }
    }
  }
  results.That(contained, "SetNorm a NaN in exactly its own statistic");
}

inline void CheckChannelAffine(Results& results, Device device, const SetCase& c, Random& random) {
  results.Case("inference " + c.Name());
  const View& view = c.view;
  const int64_t channels = view.channels;
  const Floats x = random.Of(c.data, view.size());
  const Floats dy = random.Normal(view.size(), 0.1, 1);
  const Floats gamma = random.Normal(channels, 1, 0.5);
  const Floats beta = random.Normal(channels, 0, 0.5);
  const Floats mean = random.Of(c.data, channels);
  const Floats variance = random.Positive(channels);
  ChannelAffineForward forward;
  forward.view = view;
  forward.epsilon = c.epsilon;
  ChannelAffineBackward backward;
  backward.view = view;
  backward.epsilon = c.epsilon;
  const bool parameters = c.gamma || c.beta;

  const auto run_forward = [&] {
    Memory memory(device);
    ChannelAffineForward args = forward;
    args.x = memory.Put(x, c.shift);
    args.y = memory.Poisoned(view.size(), c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.beta = memory.PutIf(c.beta, beta);
    args.mean = memory.Put(mean);
    args.variance = memory.Put(variance);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, view.size())};
  };
  const auto run_backward = [&] {
    Memory memory(device);
    ChannelAffineBackward args = backward;
    args.x = memory.Put(x, c.shift);
    args.dy = memory.Put(dy, c.shift);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.mean = memory.Put(mean);
    args.variance = memory.Put(variance);
    if (parameters) {
      args.dgamma = c.gamma ? memory.Poisoned(channels) : nullptr;
      args.dbeta = c.beta ? memory.Poisoned(channels) : nullptr;
      args.dmean = memory.Poisoned(channels);
      args.dvariance = memory.Poisoned(channels);
    }
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()), memory.Get(args.dgamma, channels),
                               memory.Get(args.dbeta, channels), memory.Get(args.dmean, channels),
                               memory.Get(args.dvariance, channels)};
  };
  forward.x = backward.x = x.data();
  backward.dy = dy.data();
  forward.gamma = backward.gamma = c.gamma ? gamma.data() : nullptr;
  forward.beta = c.beta ? beta.data() : nullptr;
  forward.mean = backward.mean = mean.data();
  forward.variance = backward.variance = variance.data();
  const auto got = RunTwice(results, "ChannelAffine", run_forward);
  results.Close("ChannelAffine", "y", got[0], reference::Run(forward));
  const auto gradients = RunTwice(results, "ChannelAffineGrad", run_backward);
  const reference::Backward want = reference::Run(backward);
  results.Close("ChannelAffineGrad", "dx", gradients[0], want.dx);
  if (!parameters) return;
  if (c.gamma) results.Close("ChannelAffineGrad", "dgamma", gradients[1], want.dgamma);
  if (c.beta) results.Close("ChannelAffineGrad", "dbeta", gradients[2], want.dbeta);
  results.Close("ChannelAffineGrad", "dmean", gradients[3], want.dmean);
  results.Close("ChannelAffineGrad", "dvariance", gradients[4], want.dvariance);
}

}  // namespace tfjs_norm::test
