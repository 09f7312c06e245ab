// Cases of set_norm.h with a gate, EvoNorm-S0, for kernel_check.
#pragma once

#include "test/element_reference.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct GateCase {
  View view;
  int64_t group = 1;  // channels of a set
  Data data = Data::kNormal;
  double epsilon = 1e-5;
  bool gamma = true;
  bool beta = true;
  int shift = 0;  // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[200];
    std::snprintf(text, sizeof text,
                  "gated [%lld, %lld, %lld] channels %s, sets of %lld, data %d, gamma %d, beta %d, "
                  "shift %d",
                  static_cast<long long>(view.rows), static_cast<long long>(view.positions),
                  static_cast<long long>(view.channels), view.channels_last ? "last" : "first",
                  static_cast<long long>(group), static_cast<int>(data), gamma, beta, shift);
    return text;
  }
};

inline void CheckGatedNorm(Results& results, Device device, const GateCase& c, Random& random) {
  results.Case(c.Name());
  const View& view = c.view;
  const int64_t channels = view.channels;
  const int64_t pairs = view.pairs();
  const Floats x = random.Of(c.data, view.size());
  const Floats dy = random.Normal(view.size(), 0.1, 1);
  const Floats gamma = random.Normal(channels, 1, 0.5);
  const Floats beta = random.Normal(channels, 0, 0.5);
  const Floats gate = random.Normal(channels, 1, 0.75);

  const auto fill = [&](auto& args, Memory& memory) {
    args.view = view;
    args.channels_per_set = c.group;
    args.epsilon = c.epsilon;
    args.x = memory.Put(x, c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.gate = memory.Put(gate);
  };
  const auto run_forward = [&] {
    Memory memory(device);
    SetNormForward args;
    fill(args, memory);
    args.beta = memory.PutIf(c.beta, beta);
    args.y = memory.Poisoned(view.size(), c.shift);
    float* moments = memory.Poisoned(3 * pairs);
    args.moments = Moments::From(moments, pairs);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, view.size()), memory.Get(moments, 3 * pairs)};
  };
  const std::vector<Floats> got = RunTwice(results, "GatedNorm", run_forward);
  Memory host(Device::kHost);
  SetNormForward forward;
  fill(forward, host);
  forward.beta = host.PutIf(c.beta, beta);
  results.Close("GatedNorm", "y", got[0], reference::RunGated(forward));

  const auto run_backward = [&] {
    Memory memory(device);
    SetNormBackward args;
    fill(args, memory);
    args.dy = memory.Put(dy, c.shift);
    args.moments = Moments::From(memory.Put(got[1]), pairs);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.dgamma = c.gamma ? memory.Poisoned(channels) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(channels) : nullptr;
    args.dgate = memory.Poisoned(channels);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()), memory.Get(args.dgamma, channels),
                               memory.Get(args.dbeta, channels), memory.Get(args.dgate, channels)};
  };
  const std::vector<Floats> gradients = RunTwice(results, "GatedNormGrad", run_backward);
  SetNormBackward backward;
  fill(backward, host);
  backward.dy = dy.data();
  const reference::GateGradients want = reference::RunGated(backward);
  results.Close("GatedNormGrad", "dx", gradients[0], want.dx,
                want.largest_rho * LargestProduct(dy, backward.gamma, channels));
  if (c.gamma) results.Close("GatedNormGrad", "dgamma", gradients[1], want.dgamma);
  if (c.beta) results.Close("GatedNormGrad", "dbeta", gradients[2], want.dbeta);
  results.Close("GatedNormGrad", "dgate", gradients[3], want.dgate);
}

inline std::vector<GateCase> AwkwardGated(bool quick) {
  std::vector<GateCase> cases;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels, int64_t group,
                       Data data = Data::kNormal) {
    for (const bool last : {true, false}) {
      GateCase c;
      c.view = {rows, positions, channels, last};
      c.group = group;
      c.data = data;
      cases.push_back(c);
    }
  };
  for (const Data data : {Data::kNormal, Data::kOffset, Data::kConstant}) {
    add(4, 35, 12, 4, data);
    add(3, 49, 7, 1, data);
  }
  add(1, 1, 1, 1);  // one value per statistic
  add(5, 1, 6, 1);
  add(6, 1, 9, 3);
  add(1, 30, 6, 6);
  add(33, 4, 127, 127);
  add(70, 9, 1, 1);
  add(0, 7, 20, 5);
  add(2, 0, 20, 5);
  if (quick) return cases;
  add(2, 3, 4096, 128);
  add(1, 16384, 8, 2);
  add(700, 3, 8, 4);
  add(2, 600, 320, 10, Data::kOffset);
  add(3, 5000, 20, 20);
  return cases;
}

inline GateCase RandomGated(Random& random) {
  GateCase c;
  c.group = random.OneOf<int64_t>({1, 2, 3, 4, 10});
  c.view = {random.Int(1, 9), random.OneOf<int64_t>({1, 2, 4, 9, 16, 49, 225, 1001}),
            c.group * random.OneOf<int64_t>({1, 2, 3, 5, 8, 16}), random.Bool()};
  c.data = random.OneOf({Data::kNormal, Data::kNormal, Data::kOffset, Data::kConstant});
  c.epsilon = random.OneOf({1e-3, 1e-5});
  c.gamma = random.Bool();
  c.beta = random.Bool();
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
