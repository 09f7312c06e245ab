// generalized_hamming.h in kernel_check.
#pragma once

#include "test/hamming_cases.h"
#include "test/hamming_reference.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

inline void CheckHamming(Results& results, Device device, const HammingCase& c, Random& random) {
  results.Case(c.Name());
  const int64_t size = c.shape.size();
  const Floats acc = random.Normal(size, 0.2, 3);
  const Floats dy = random.Normal(size, 0.1, 1);
  const Floats r = random.Positive(c.shape.channels);
  Floats taps = random.Positive(c.taps());
  for (float& value : taps) value = std::ceil(8 * value);

  const auto fill = [&](auto& args, Memory& memory) {
    args.shape = c.shape;
    args.map = c.map;
    args.threshold = c.threshold;
    args.acc = memory.Put(acc, c.shift);
    args.taps = memory.Put(taps);
    args.r = memory.PutIf(c.has_r(), r);
  };
  const auto forward = [&] {
    Memory memory(device);
    HammingForward args;
    fill(args, memory);
    args.y = memory.Poisoned(size, c.shift);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, size)};
  };
  const bool soft = c.threshold == HammingThreshold::kSoft;
  const auto backward = [&] {
    Memory memory(device);
    HammingBackward args;
    fill(args, memory);
    args.dy = memory.Put(dy, c.shift);
    args.dacc = memory.Poisoned(size, c.shift);
    args.dr = soft ? memory.Poisoned(c.shape.channels) : nullptr;
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dacc, size), memory.Get(args.dr, c.shape.channels)};
  };
  const std::string name = soft ? "HammingSoft" : "Hamming";
  const Floats y = RunTwice(results, name, forward)[0];
  const std::vector<Floats> got = RunTwice(results, name + "Grad", backward);

  Memory host(Device::kHost);
  HammingForward of;
  fill(of, host);
  results.Close(name, "y", y, reference::Run(of));
  HammingBackward back;
  fill(back, host);
  back.dy = dy.data();
  const reference::HammingGradients want = reference::Run(back);
  results.Close(name + "Grad", "dacc", got[0], want.dacc);
  // Without elements the op fills dr itself.
  if (soft && size > 0) results.Close(name + "Grad", "dr", got[1], want.dr, want.dr_terms);
}

inline HammingCase RandomHamming(Random& random) {
  HammingCase c;
  c.shape.samples = random.Int(1, 9);
  c.shape.places = random.OneOf<int64_t>({1, 2, 9, 49, 225});
  c.shape.channels = random.OneOf<int64_t>({1, 2, 3, 8, 10, 31, 64});
  c.shape.taps_by_place = random.Bool();
  c.threshold = kHammingThresholds[random.Int(0, 3)];
  c.map.output = static_cast<HammingOutput>(random.Int(0, 3));
  c.map.alpha = random.OneOf({0.5f, 3.0f, 8.0f});
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
