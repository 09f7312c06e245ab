// Cases of dynamic_tanh.h for kernel_check.
#pragma once

#include "test/element_reference.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct TanhCase {
  View view;
  Data data = Data::kNormal;
  float alpha = 0.5f;
  bool gamma = true;
  bool beta = true;
  int shift = 0;  // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[200];
    std::snprintf(text, sizeof text,
                  "dynamic tanh [%lld, %lld, %lld] channels %s, data %d, alpha %g, gamma %d, beta "
                  "%d, shift %d",
                  static_cast<long long>(view.rows), static_cast<long long>(view.positions),
                  static_cast<long long>(view.channels), view.channels_last ? "last" : "first",
                  static_cast<int>(data), alpha, gamma, beta, shift);
    return text;
  }
};

inline void CheckDynamicTanh(Results& results, Device device, const TanhCase& c, Random& random) {
  results.Case(c.Name());
  const View& view = c.view;
  const int64_t channels = view.channels;
  const Floats x = random.Of(c.data, view.size());
  const Floats dy = random.Normal(view.size(), 0.1, 1);
  const Floats gamma = random.Normal(channels, 1, 0.5);
  const Floats beta = random.Normal(channels, 0, 0.5);
  const auto run_forward = [&](const Floats& of) {
    Memory memory(device);
    DynamicTanhForward args;
    args.view = view;
    args.x = memory.Put(of, c.shift);
    args.alpha = memory.Put({c.alpha});
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.beta = memory.PutIf(c.beta, beta);
    args.y = memory.Poisoned(view.size(), c.shift);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, view.size())};
  };
  const auto run_backward = [&](const Floats& of) {
    Memory memory(device);
    DynamicTanhBackward args;
    args.view = view;
    args.x = memory.Put(of, c.shift);
    args.dy = memory.Put(dy, c.shift);
    args.alpha = memory.Put({c.alpha});
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.dalpha = memory.Poisoned(1);
    args.dgamma = c.gamma ? memory.Poisoned(channels) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(channels) : nullptr;
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()), memory.Get(args.dalpha, 1),
                               memory.Get(args.dgamma, channels), memory.Get(args.dbeta, channels)};
  };

  DynamicTanhForward forward;
  forward.view = view;
  forward.x = x.data();
  forward.alpha = &c.alpha;
  forward.gamma = c.gamma ? gamma.data() : nullptr;
  forward.beta = c.beta ? beta.data() : nullptr;
  const Floats y = RunTwice(results, "DynamicTanh", [&] { return run_forward(x); })[0];
  results.Close("DynamicTanh", "y", y, reference::Run(forward));

  const std::vector<Floats> got =
      RunTwice(results, "DynamicTanhGrad", [&] { return run_backward(x); });
  DynamicTanhBackward backward;
  backward.view = view;
  backward.dy = dy.data();
  backward.x = x.data();
  backward.alpha = &c.alpha;
  backward.gamma = forward.gamma;
  const reference::TanhGradients want = reference::Run(backward);
  results.Close("DynamicTanhGrad", "dx", got[0], want.dx);
  // A sum over everything, whose terms cancel.
  results.Close("DynamicTanhGrad", "dalpha", got[1], {want.dalpha}, want.alpha_terms);
  if (c.gamma) results.Close("DynamicTanhGrad", "dgamma", got[2], want.dgamma);
  if (c.beta) results.Close("DynamicTanhGrad", "dbeta", got[3], want.dbeta);

  if (view.size() == 0) return;
  // A NaN touches its own value; an infinity saturates (times alpha 0 it is NaN too) and has no
  // gradient.
  Floats broken = x;
  const int64_t nan = random.Int(0, view.size() - 1);
  const int64_t infinite = random.Int(0, view.size() - 1);
  if (c.alpha != 0) broken[infinite] = -INFINITY;
  broken[nan] = NAN;
  const Floats broken_y = run_forward(broken)[0];
  const Floats broken_dx = run_backward(broken)[0];
  bool contained = true;
  for (int64_t i = 0; i < view.size(); ++i) {
    contained &= std::isnan(broken_y[i]) == (i == nan) && std::isnan(broken_dx[i]) == (i == nan);
  }
  results.That(contained, "DynamicTanh a NaN in its own value only");
  if (c.alpha == 0) return;
  broken[nan] = 0;
  const std::vector<Floats> saturated = run_backward(broken);
  results.That(saturated[0][infinite] == 0 || infinite == nan,
               "DynamicTanhGrad no dx of an infinite x");
  results.That(std::isfinite(saturated[1][0]), "DynamicTanhGrad a finite dalpha of an infinite x");
}

inline std::vector<TanhCase> AwkwardTanh(bool quick) {
  std::vector<TanhCase> cases;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels, float alpha = 0.5f,
                       Data data = Data::kNormal) {
    for (const bool last : {true, false}) {
      TanhCase c;
      c.view = {last ? 1 : rows, last ? rows * positions : positions, channels, last};
      c.alpha = alpha;
      c.data = data;
      cases.push_back(c);
    }
  };
  add(4, 35, 12);
  add(3, 49, 7, -1.5f);
  add(2, 30, 24, 0);
  add(2, 30, 24, 1e-20f);
  add(2, 30, 24, 1e30f);
  add(2, 30, 24, 3, Data::kOffset);
  add(2, 30, 24, 1e-4f, Data::kOffset);
  add(2, 30, 24, 1, Data::kConstant);
  add(1, 1, 1);
  add(1, 1, 5);
  add(6, 1, 9);
  add(33, 4, 127);
  add(70, 9, 1);
  add(0, 7, 20);
  add(2, 0, 20);
  if (quick) return cases;
  add(2, 3, 65537);
  add(1, 30000, 4);
  add(1, 16384, 64);
  add(700, 3, 8);
  add(2, 600, 320, 2);
  return cases;
}

inline TanhCase RandomTanh(Random& random) {
  TanhCase c;
  c.view = {random.Int(1, 9), random.OneOf<int64_t>({1, 2, 4, 9, 16, 49, 225, 1001}),
            random.OneOf<int64_t>({1, 2, 3, 7, 8, 16, 31, 64}), random.Bool()};
  c.alpha = random.Normal(1, 0.5, 1)[0];
  c.gamma = random.Bool();
  c.beta = random.Bool();
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
