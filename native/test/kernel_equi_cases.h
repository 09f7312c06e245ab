// Cases of equi_norm.h for kernel_check.
#pragma once

#include "core/thread_pool.h"
#include "test/equi_reference.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

inline void CheckEquiNorm(Results& results, Device device, const EquiCase& c, Random& random) {
  results.Case(c.Name());
  const EquiArrays arrays(c, static_cast<uint64_t>(random.Int(0, 1 << 30)));
  const auto norm = [&] {
    Memory memory(device);
    const auto put = [&](const Floats& values, int shift) { return memory.Put(values, shift); };
    const EquiNorm args = arrays.Norm(c, put, memory.Poisoned(c.entries));
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.new_factors, c.entries)};
  };
  const auto scale = [&] {
    Memory memory(device);
    const auto put = [&](const Floats& values, int shift) { return memory.Put(values, shift); };
    std::vector<float*> y;
    for (const EquiWeight& weight : arrays.weights) {
      y.push_back(memory.Poisoned(weight.size(), c.shift));
    }
    const EquiScale args = arrays.Scale(c, put, y);
    results.Succeeded(RunOn(device, args, memory));
    std::vector<Floats> outputs;
    for (size_t i = 0; i < y.size(); ++i) {
      outputs.push_back(memory.Get(y[i], arrays.weights[i].size()));
    }
    return outputs;
  };
  const std::vector<Floats> factors = RunTwice(results, "EquiNorm", norm);
  const std::vector<Floats> scaled = RunTwice(results, "EquiNormScale", scale);
  if (device == Device::kHost) {
    host::LimitThreads(1);
    results.That(SameBits(norm()[0], factors[0]), "EquiNorm the same on one thread");
    const std::vector<Floats> alone = scale();
    for (size_t i = 0; i < alone.size(); ++i) {
      results.That(SameBits(alone[i], scaled[i]), "EquiNormScale the same on one thread");
    }
    host::LimitThreads(0);
  }
  const auto in_place = [](const Floats& values, int) { return values.data(); };
  results.Close("EquiNorm", "new_factors", factors[0],
                reference::Run(arrays.Norm(c, in_place, nullptr)));
  for (size_t e = 0; e < arrays.factors.size(); ++e) {
    results.That(arrays.exponents[e] != 0 || factors[0][e] == arrays.factors[e],
                 "EquiNorm leaves an entry of exponent 0");
  }
  const EquiScale wanted = arrays.Scale(c, in_place, {});
  for (size_t i = 0; i < scaled.size(); ++i) {
    results.Close("EquiNormScale", "y", scaled[i], reference::Run(wanted, i));
    results.That(c.power != 0 || SameBits(scaled[i], arrays.x[i]), "EquiNormScale by 1 keeps x");
  }
}

inline EquiCase RandomEqui(Random& random) {
  EquiCase c;
  const int64_t count = random.Int(1, 6);
  for (int64_t i = 0; i < count; ++i) {
    c.extents.push_back(
        {random.OneOf<int64_t>({1, 1, 1, 3, 9}), random.Int(1, 90), random.Int(1, 150)});
  }
  c.entries = random.OneOf<int64_t>({1, 5, 30, 200});
  c.p = random.OneOf({2.0, 2.0, 1.0, 1.5});
  c.power = static_cast<int>(random.OneOf<int64_t>({1, 1, -1, -2}));
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
