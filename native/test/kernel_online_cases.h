// Cases of online_norm.h for kernel_check.
#pragma once

#include "test/kernel_runner.h"
#include "test/online_reference.h"

namespace tfjs_norm::test {

struct OnlineCase {
  View view;
  Data data = Data::kNormal;
  ErrorCompensation compensation = ErrorCompensation::kClamp;
  double clamp_value = 5;
  double epsilon = 1e-5;
  double forward_rate = 0.001;
  double backward_rate = 0.01;
  bool gamma = true;
  bool beta = true;
  bool training = true;
  bool low_parts = false;
  bool fresh = false;  // mean 0, variance 1, control 0
  int shift = 0;       // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[240];
    std::snprintf(text, sizeof text,
                  "online [%lld, %lld, %lld] channels %s, data %d, compensation %d (%g), rates %g "
                  "and %g, gamma %d, beta %d, training %d, low parts %d, fresh %d, shift %d",
                  static_cast<long long>(view.rows), static_cast<long long>(view.positions),
                  static_cast<long long>(view.channels), view.channels_last ? "last" : "first",
                  static_cast<int>(data), static_cast<int>(compensation), clamp_value, forward_rate,
                  backward_rate, gamma, beta, training, low_parts, fresh, shift);
    return text;
  }
};

// The states of a case: [C], or [2, C] with low parts of a plausible size.
inline Floats StateOf(const OnlineCase& c, Floats high, Random& random, float fresh) {
  if (c.fresh) std::fill(high.begin(), high.end(), fresh);
  if (!c.low_parts) return high;
  const Floats low = random.Normal(static_cast<int64_t>(high.size()), 0, 1e-8);
  Floats both = high;
  for (size_t i = 0; i < high.size(); ++i) both.push_back(c.fresh ? 0 : low[i] * high[i]);
  return both;
}

inline void CheckState(Results& results, const std::string& op, const std::string& output,
                       const OnlineCase& c, const Floats& got, const reference::Values& want,
                       double term = 0) {
  const Floats high(got.begin(), got.begin() + std::min(got.size(), want.size()));
  results.Close(op, output, high, want, term);
  if (!c.low_parts) return;
  results.That(got.size() == 2 * want.size(), op + " " + output + " with low parts");
  double worst = 0;
  for (size_t i = 0; i < want.size() && i + want.size() < got.size(); ++i) {
    const double sum = double{got[i]} + double{got[want.size() + i]};
    worst = std::fmax(worst, std::fabs(sum - want[i]) / std::fmax(1, std::fabs(want[i])));
    results.That(static_cast<float>(sum) == got[i], op + " " + output + " a high part, rounded");
  }
  // Where the statistics of a sample are exact to 1e-7 of its deviation, and enter by a rate.
  const double allowed = c.data == Data::kNormal ? 1e-6 : 1e-9;
  if (output == "new_mean") {
    results.That(worst <= allowed, op + " " + output + " exact beyond float32, off by " +
                                       std::to_string(worst / allowed) + " of what is allowed");
  }
}

inline void CheckOnlineNorm(Results& results, Device device, const OnlineCase& c, Random& random) {
  results.Case(c.Name());
  const View& view = c.view;
  const int64_t channels = view.channels;
  const int64_t pairs = view.pairs();
  const Floats x = random.Of(c.data, view.size());
  Floats dy = random.Normal(view.size(), 0.1, 1);
  const Floats gamma = random.Normal(channels, 1, 0.5);
  const Floats beta = random.Normal(channels, 0, 0.5);
  const Floats mean = StateOf(c, random.Of(c.data, channels), random, 0);
  const Floats variance = StateOf(c, random.Positive(channels), random, 1);
  const Floats u = StateOf(c, random.Normal(channels, 0, 0.5), random, 0);
  const Floats v = StateOf(c, random.Normal(channels, 0, 0.5), random, 0);
  const int64_t state_size = static_cast<int64_t>(mean.size());

  const auto fill = [&](OnlineNorm& args, Memory& memory) {
    args.view = view;
    args.training = c.training;
    args.compensation = c.compensation;
    args.clamp_value = c.clamp_value;
    args.scaling_epsilon = 1e-5;
    args.x = memory.Put(x, c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.beta = memory.PutIf(c.beta, beta);
  };
  const auto fill_forward = [&](OnlineNormForward& args, Memory& memory) {
    fill(args, memory);
    args.epsilon = c.epsilon;
    args.rate = c.forward_rate;
    args.mean = {memory.Put(mean), memory.Poisoned(state_size), c.low_parts};
    args.variance = {memory.Put(variance), memory.Poisoned(state_size), c.low_parts};
  };
  const auto run_forward = [&] {
    Memory memory(device);
    OnlineNormForward args;
    fill_forward(args, memory);
    args.y = memory.Poisoned(view.size(), c.shift);
    float* saved = memory.Poisoned(5 * pairs);
    args.SetSaved(saved);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, view.size()), memory.Get(saved, 5 * pairs),
                               memory.Get(args.mean.to, state_size),
                               memory.Get(args.variance.to, state_size)};
  };
  const std::vector<Floats> got = RunTwice(results, "OnlineNorm", run_forward);

  Memory host(Device::kHost);
  OnlineNormForward forward;
  fill_forward(forward, host);
  const reference::Online want = reference::Run(forward);
  // With error compensation off, a sample far from the running mean is as large as it is far.
  results.Close("OnlineNorm", "y", got[0], want.y);
  if (c.training) {
    CheckState(results, "OnlineNorm", "new_mean", c, got[2], want.mean);
    CheckState(results, "OnlineNorm", "new_variance", c, got[3], want.variance);
  } else {
    results.That(SameBits(got[2], mean) && SameBits(got[3], variance),
                 "OnlineNorm states unchanged at inference");
  }

  // At a bound, float32 may find itself on the other side.
  for (size_t i = 0; c.compensation == ErrorCompensation::kClamp && i < dy.size(); ++i) {
    const double size = std::fabs(want.out[i]);
    if (std::fabs(size - c.clamp_value) < 1e-4 * std::fmax(1, size)) dy[i] = 0;
  }
  const auto run_backward = [&] {
    Memory memory(device);
    OnlineNormBackward args;
    fill(args, memory);
    args.SetSaved(memory.Put(got[1]));
    args.rate = c.backward_rate;
    if (c.training) {
      args.u = {memory.Put(u), memory.Poisoned(state_size), c.low_parts};
      args.v = {memory.Put(v), memory.Poisoned(state_size), c.low_parts};
    }
    args.dy = memory.Put(dy, c.shift);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.dgamma = c.gamma ? memory.Poisoned(channels) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(channels) : nullptr;
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()), memory.Get(args.dgamma, channels),
                               memory.Get(args.dbeta, channels), memory.Get(args.u.to, state_size),
                               memory.Get(args.v.to, state_size)};
  };
  const std::vector<Floats> gradients = RunTwice(results, "OnlineNormGrad", run_backward);
  OnlineNormBackward backward;
  fill(backward, host);
  backward.rate = c.backward_rate;
  backward.dy = dy.data();
  if (c.training) {
    backward.u = {u.data(), nullptr, c.low_parts};
    backward.v = {v.data(), nullptr, c.low_parts};
  }
  const reference::OnlineGradients wanted = reference::Run(backward, want);
  const std::string op = "OnlineNormGrad";
  results.Close(op, "dx", gradients[0], wanted.dx, wanted.largest_term);
  if (c.gamma) results.Close(op, "dgamma", gradients[1], wanted.dgamma);
  if (c.beta) results.Close(op, "dbeta", gradients[2], wanted.dbeta);
  if (!c.training) return;
  CheckState(results, op, "new_u", c, gradients[3], wanted.u, wanted.largest_term);
  CheckState(results, op, "new_v", c, gradients[4], wanted.v);
}

inline std::vector<OnlineCase> AwkwardOnline(bool quick) {
  std::vector<OnlineCase> cases;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels, Data data = Data::kNormal,
                       double forward_rate = 0.001, double backward_rate = 0.01) {
    for (const bool last : {true, false}) {
      for (const ErrorCompensation compensation :
           {ErrorCompensation::kNone, ErrorCompensation::kClamp,
            ErrorCompensation::kLayerScaling}) {
        OnlineCase c;
        c.view = {rows, positions, channels, last};
        c.data = data;
        c.compensation = compensation;
        c.clamp_value = cases.size() % 4 < 2 ? 1.5 : 5;
        c.forward_rate = forward_rate;
        c.backward_rate = backward_rate;
        c.low_parts = cases.size() % 3 == 1;
        cases.push_back(c);
        c.training = false;
        cases.push_back(c);
      }
    }
  };
  for (const Data data : {Data::kNormal, Data::kOffset, Data::kConstant}) {
    add(4, 35, 12, data);
    add(3, 49, 7, data, 0.25, 0.1);
  }
  add(1, 1, 1);
  add(1, 1, 5);
  add(1, 30, 6);
  add(9, 1, 33, Data::kNormal, 1.0 / 1024, 1.0 / 128);
  add(70, 2, 3, Data::kNormal, 0.03, 0.1);
  add(33, 4, 127, Data::kNormal, 0.1, 0.2);
  // Fresh states that know nothing of the data yet.
  for (const Data data : {Data::kNormal, Data::kOffset}) {
    OnlineCase c;
    c.view = {3, 20, 6, true};
    c.data = data;
    c.fresh = true;
    c.compensation = ErrorCompensation::kNone;
    cases.push_back(c);
  }
  if (quick) return cases;
  add(2, 3, 4097);
  add(1, 16384, 8);
  add(700, 3, 8, Data::kNormal, 0.01, 0.05);
  add(2, 600, 320, Data::kOffset);
  add(3, 5000, 20);
  return cases;
}

inline OnlineCase RandomOnline(Random& random) {
  OnlineCase c;
  c.view = {random.Int(1, 40), random.OneOf<int64_t>({1, 2, 4, 9, 16, 49, 225}),
            random.OneOf<int64_t>({1, 2, 3, 7, 8, 16, 31, 64}), random.Bool()};
  c.data = random.OneOf({Data::kNormal, Data::kNormal, Data::kOffset, Data::kConstant});
  c.compensation = random.OneOf(
      {ErrorCompensation::kNone, ErrorCompensation::kClamp, ErrorCompensation::kLayerScaling});
  c.clamp_value = random.OneOf({0.5, 1.5, 5.0});
  c.epsilon = random.OneOf({1e-3, 1e-5});
  c.forward_rate = random.OneOf({0.001, 0.02, 0.3});
  c.backward_rate = random.OneOf({0.01, 0.05});
  c.gamma = random.Bool();
  c.beta = random.Bool();
  c.training = random.Int(0, 3) > 0;
  c.low_parts = random.Bool();
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
