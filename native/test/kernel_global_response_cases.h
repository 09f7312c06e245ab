// Cases of global_response_norm.h for kernel_check.
#pragma once

#include "test/global_response_reference.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct GlobalResponseCase {
  View view;
  Data data = Data::kNormal;
  double epsilon = 1e-6;
  bool gamma = true;
  bool beta = true;
  bool zero_plane = false;  // the first channel of the first sample is 0
  bool new_layer = false;   // gamma and beta are 0
  int shift = 0;            // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[200];
    std::snprintf(
        text, sizeof text,
        "global response [%lld, %lld, %lld] channels %s, data %d, gamma %d, beta %d, zero "
        "plane %d, new layer %d, shift %d",
        static_cast<long long>(view.rows), static_cast<long long>(view.positions),
        static_cast<long long>(view.channels), view.channels_last ? "last" : "first",
        static_cast<int>(data), gamma, beta, zero_plane, new_layer, shift);
    return text;
  }
};

inline void CheckGlobalResponseNorm(Results& results, Device device, const GlobalResponseCase& c,
                                    Random& random) {
  results.Case(c.Name());
  const View& view = c.view;
  const int64_t channels = view.channels;
  const int64_t pairs = view.pairs();
  Floats x = random.Of(c.data, view.size());
  for (int64_t s = 0; c.zero_plane && s < view.positions; ++s) {
    x[reference::Offset(view, 0, s, 0)] = 0;
  }
  const Floats dy = random.Normal(view.size(), 0.1, 1);
  const double spread = c.new_layer ? 0 : 0.5;
  const Floats gamma = random.Normal(channels, 0, spread);
  const Floats beta = random.Normal(channels, 0, spread);

  const auto fill = [&](GlobalResponseNorm& args, Memory& memory) {
    args.view = view;
    args.epsilon = c.epsilon;
    args.x = memory.Put(x, c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
  };
  const auto run_forward = [&] {
    Memory memory(device);
    GlobalResponseNormForward args;
    fill(args, memory);
    args.beta = memory.PutIf(c.beta, beta);
    args.y = memory.Poisoned(view.size(), c.shift);
    args.responses = memory.Poisoned(pairs);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, view.size()), memory.Get(args.responses, pairs)};
  };
  const std::vector<Floats> got = RunTwice(results, "GlobalResponseNorm", run_forward);

  Memory host(Device::kHost);
  GlobalResponseNormForward forward;
  fill(forward, host);
  forward.beta = host.PutIf(c.beta, beta);
  results.Close("GlobalResponseNorm", "y", got[0], reference::Run(forward));
  reference::Values responses;
  for (int64_t r = 0; r < view.rows; ++r) {
    const reference::Responses of(forward, r);
    responses.insert(responses.end(), of.of.begin(), of.of.end());
  }
  results.Close("GlobalResponseNorm", "responses", got[1], responses);

  const auto run_backward = [&] {
    Memory memory(device);
    GlobalResponseNormBackward args;
    fill(args, memory);
    args.responses = memory.Put(got[1]);
    args.dy = memory.Put(dy, c.shift);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.dgamma = c.gamma ? memory.Poisoned(channels) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(channels) : nullptr;
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()), memory.Get(args.dgamma, channels),
                               memory.Get(args.dbeta, channels)};
  };
  const std::vector<Floats> gradients = RunTwice(results, "GlobalResponseNormGrad", run_backward);
  GlobalResponseNormBackward backward;
  fill(backward, host);
  backward.dy = dy.data();
  const reference::Backward wanted = reference::Run(backward);
  results.Close("GlobalResponseNormGrad", "dx", gradients[0], wanted.dx);
  if (c.gamma) results.Close("GlobalResponseNormGrad", "dgamma", gradients[1], wanted.dgamma);
  if (c.beta) results.Close("GlobalResponseNormGrad", "dbeta", gradients[2], wanted.dbeta);
  if (c.new_layer && c.gamma) {
    results.That(SameBits(got[0], x), "GlobalResponseNorm y exactly x");
    results.That(SameBits(gradients[0], dy), "GlobalResponseNormGrad dx exactly dy");
  }
}

inline std::vector<GlobalResponseCase> AwkwardGlobalResponse(bool quick) {
  std::vector<GlobalResponseCase> cases;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels,
                       Data data = Data::kNormal) {
    for (const bool last : {true, false}) {
      GlobalResponseCase c;
      c.view = {rows, positions, channels, last};
      c.data = data;
      cases.push_back(c);
      c.zero_plane = true;
      cases.push_back(c);
    }
  };
  for (const Data data : {Data::kNormal, Data::kOffset, Data::kConstant}) {
    add(4, 35, 12, data);
    add(3, 49, 7, data);
  }
  add(1, 1, 1);
  add(1, 1, 5);
  add(6, 1, 9);
  add(1, 30, 6);
  add(33, 4, 127);
  add(70, 9, 1);
  GlobalResponseCase fresh = cases[0];
  fresh.new_layer = true;
  cases.push_back(fresh);
  fresh.data = Data::kOffset;
  cases.push_back(fresh);
  if (quick) return cases;
  add(2, 3, 4097);
  add(1, 16384, 8);
  add(700, 3, 8);
  add(2, 600, 320, Data::kOffset);
  add(3, 5000, 20);
  return cases;
}

inline GlobalResponseCase RandomGlobalResponse(Random& random) {
  GlobalResponseCase c;
  c.view = {random.Int(1, 9), random.OneOf<int64_t>({1, 2, 4, 9, 16, 49, 225, 1001}),
            random.OneOf<int64_t>({1, 2, 3, 7, 8, 16, 31, 64}), random.Bool()};
  c.data = random.OneOf({Data::kNormal, Data::kNormal, Data::kOffset, Data::kConstant});
  c.epsilon = random.OneOf({1e-6, 0.5});
  c.gamma = random.Bool();
  c.beta = random.Bool();
  c.zero_plane = random.Bool();
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
