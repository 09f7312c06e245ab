// Cases of switchable_norm.h for kernel_check.
#pragma once

#include "test/kernel_runner.h"
#include "test/switchable_reference.h"

namespace tfjs_norm::test {

struct SwitchableCase {
  View view;
  Data data = Data::kNormal;
  double epsilon = 1e-5;
  bool gamma = true;
  bool beta = true;
  bool training = true;
  bool use_batch = true;
  bool unbiased = false;
  float logit_scale = 1;
  int shift = 0;  // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[240];
    std::snprintf(text, sizeof text,
                  "switchable [%lld, %lld, %lld] channels %s, data %d, gamma %d, beta %d, training "
                  "%d, batch %d, unbiased %d, logits %g, shift %d",
                  static_cast<long long>(view.rows), static_cast<long long>(view.positions),
                  static_cast<long long>(view.channels), view.channels_last ? "last" : "first",
                  static_cast<int>(data), gamma, beta, training, use_batch, unbiased, logit_scale,
                  shift);
    return text;
  }
};

inline void CheckSwitchableNorm(Results& results, Device device, const SwitchableCase& c,
                                Random& random) {
  results.Case(c.Name());
  const View& view = c.view;
  const int64_t channels = view.channels;
  const int64_t pairs = view.pairs();
  const Floats x = random.Of(c.data, view.size());
  const Floats dy = random.Normal(view.size(), 0.1, 1);
  const Floats gamma = random.Normal(channels, 1, 0.5);
  const Floats beta = random.Normal(channels, 0, 0.5);
  const int logits = c.use_batch ? 3 : 2;
  const Floats means = random.Normal(logits, 0, c.logit_scale);
  const Floats variances = random.Normal(logits, 0, c.logit_scale);
  const Floats moving_mean = random.Of(c.data, channels);
  const Floats moving_variance = random.Positive(channels);

  const auto fill = [&](SwitchableNorm& args, Memory& memory) {
    args.view = view;
    args.epsilon = c.epsilon;
    args.training = c.training;
    args.use_batch = c.use_batch;
    args.unbiased_spatial_variance = c.unbiased;
    args.x = memory.Put(x, c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.mean_logits = memory.Put(means);
    args.variance_logits = memory.Put(variances);
    args.moving_mean = memory.PutIf(c.use_batch, moving_mean);
    args.moving_variance = memory.PutIf(c.use_batch, moving_variance);
  };
  const auto run_forward = [&] {
    Memory memory(device);
    SwitchableNormForward args;
    fill(args, memory);
    args.beta = memory.PutIf(c.beta, beta);
    args.y = memory.Poisoned(view.size(), c.shift);
    float* moments = memory.Poisoned(3 * pairs);
    args.moments = Moments::From(moments, pairs);
    args.new_moving_mean = c.use_batch ? memory.Poisoned(channels) : nullptr;
    args.new_moving_variance = c.use_batch ? memory.Poisoned(channels) : nullptr;
    args.update_rate = 0.125;
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, view.size()), memory.Get(moments, 3 * pairs),
                               memory.Get(args.new_moving_mean, channels),
                               memory.Get(args.new_moving_variance, channels)};
  };
  const std::vector<Floats> got = RunTwice(results, "SwitchableNorm", run_forward);

  Memory host(Device::kHost);
  SwitchableNormForward forward;
  fill(forward, host);
  forward.beta = host.PutIf(c.beta, beta);
  forward.update_rate = 0.125;
  const reference::Switchable want = reference::Run(forward);
  results.Close("SwitchableNorm", "y", got[0], want.y);
  if (c.use_batch) {
    results.Close("SwitchableNorm", "moving_mean", got[2], want.moving_mean);
    results.Close("SwitchableNorm", "moving_variance", got[3], want.moving_variance);
  }

  const auto run_backward = [&] {
    Memory memory(device);
    SwitchableNormBackward args;
    fill(args, memory);
    args.moments = Moments::From(memory.Put(got[1]), pairs);
    args.dy = memory.Put(dy, c.shift);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.dgamma = c.gamma ? memory.Poisoned(channels) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(channels) : nullptr;
    args.dmean_logits = memory.Poisoned(logits);
    args.dvariance_logits = memory.Poisoned(logits);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()), memory.Get(args.dgamma, channels),
                               memory.Get(args.dbeta, channels),
                               memory.Get(args.dmean_logits, logits),
                               memory.Get(args.dvariance_logits, logits)};
  };
  const std::vector<Floats> gradients = RunTwice(results, "SwitchableNormGrad", run_backward);
  SwitchableNormBackward backward;
  fill(backward, host);
  backward.dy = dy.data();
  const reference::SwitchableGradients wanted = reference::Run(backward);
  results.Close(
      "SwitchableNormGrad", "dx", gradients[0], wanted.dx,
      wanted.largest_rho * LargestProduct(dy, c.gamma ? gamma.data() : nullptr, channels));
  if (c.gamma) results.Close("SwitchableNormGrad", "dgamma", gradients[1], wanted.dgamma);
  if (c.beta) results.Close("SwitchableNormGrad", "dbeta", gradients[2], wanted.dbeta);
  // Sums over everything, whose terms cancel.
  results.Close("SwitchableNormGrad", "dmean_logits", gradients[3], wanted.dmean_logits,
                wanted.mean_terms);
  results.Close("SwitchableNormGrad", "dvariance_logits", gradients[4], wanted.dvariance_logits,
                wanted.variance_terms);
  if (c.training && view.size() == 1) {
    results.That(got[0][0] == (c.beta ? beta[0] : 0.0f), "SwitchableNorm y exactly beta");
    results.That(gradients[0][0] == 0, "SwitchableNormGrad dx exactly 0");
  }
}

inline std::vector<SwitchableCase> AwkwardSwitchable(bool quick) {
  std::vector<SwitchableCase> cases;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels, Data data = Data::kNormal,
                       float logit_scale = 1) {
    for (const bool last : {true, false}) {
      for (int mode = 0; mode < 3; ++mode) {  // training, inference, without batch
        SwitchableCase c;
        c.view = {rows, positions, channels, last};
        c.data = data;
        c.training = mode != 1;
        c.use_batch = mode != 2;
        c.unbiased = cases.size() % 4 < 2;
        c.logit_scale = logit_scale;
        cases.push_back(c);
      }
    }
  };
  for (const Data data : {Data::kNormal, Data::kOffset, Data::kConstant}) {
    add(4, 35, 12, data);
    add(3, 49, 7, data);
  }
  add(3, 20, 8, Data::kNormal, 1e4f);
  add(1, 1, 1);
  add(1, 1, 5);
  add(6, 1, 9);
  add(1, 30, 6);
  add(33, 4, 127);
  add(70, 9, 1);
  if (quick) return cases;
  add(2, 3, 4097);
  add(1, 16384, 8);
  add(700, 3, 8);
  add(2, 600, 320, Data::kOffset);
  add(3, 5000, 20);
  return cases;
}

inline SwitchableCase RandomSwitchable(Random& random) {
  SwitchableCase c;
  c.view = {random.Int(1, 9), random.OneOf<int64_t>({1, 2, 4, 9, 16, 49, 225, 1001}),
            random.OneOf<int64_t>({1, 2, 3, 7, 8, 16, 31, 64}), random.Bool()};
  c.data = random.OneOf({Data::kNormal, Data::kNormal, Data::kOffset, Data::kConstant});
  c.epsilon = random.OneOf({1e-3, 1e-5});
  c.gamma = random.Bool();
  c.beta = random.Bool();
  c.training = random.Bool();
  c.use_batch = random.Int(0, 2) > 0;
  c.unbiased = random.Bool();
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
