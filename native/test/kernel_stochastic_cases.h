// Cases of stochastic_norm.h for kernel_check: noise against its definition, drawn noise against
// the same noise given, to the bit, and values against double precision.
#pragma once

#include <cmath>

#include "test/kernel_runner.h"
#include "test/stochastic_cases.h"

namespace tfjs_norm::test {

// The noise of a pair by the library's functions, and whether that is what its definition says.
inline Noise DrawnNoise(Results& results, const StochasticCase& c, const StochasticNoise& noise,
                        int64_t pair) {
  const Noise got = noise.Get(pair, noise.Begin());
  const philox::Stream stream = noise.Begin();
  const auto word = [&](int64_t i) {
    return philox::BlockOf(stream, static_cast<uint64_t>(i) / 4).word[i % 4];
  };
  const auto uniform = [](uint32_t w) { return ((w >> 8) + 1) * 0x1p-24; };
  const bool few = c.form == NoiseForm::kBatch && c.values < 16;
  const int64_t first = pair * (few ? 12 : 2);
  const double radius = std::sqrt(-2 * std::log(uniform(word(first))));
  const double angle = 2 * M_PI * (word(first + 1) >> 8) * 0x1p-24;
  const double z1 = radius * std::cos(angle), z2 = radius * std::sin(angle);
  Noise want = {static_cast<float>(z1), static_cast<float>(z2)};
  if (c.form == NoiseForm::kBatch) {
    const double degrees = c.values - 1;
    const double t = 1 - 2 / (9 * degrees) + z1 * std::sqrt(2 / (9 * degrees));
    double chi2 = degrees * t * t * t;
    if (few) {
      chi2 = c.values - 1 - 2 * std::floor(degrees / 2) > 0 ? z1 * z1 : 0;
      for (int i = 0; i < static_cast<int>(degrees) / 2; ++i) {
        chi2 -= 2 * std::log(uniform(word(first + 2 + i)));
      }
    }
    want.first = static_cast<float>(z2 / std::sqrt(c.values));
    want.second = static_cast<float>(std::sqrt(c.values / std::max(chi2, 1e-3 * degrees)));
  }
  const auto near = [](float a, float b) { return std::fabs(a - b) <= 1e-6 * (1 + std::fabs(b)); };
  results.That(near(got.first, want.first) && near(got.second, want.second),
               "the noise of pair " + std::to_string(pair));
  return got;
}

struct StochasticRun {
  StochasticRun(Device device, const StochasticCase& c, Random& random)
      : device_(device),
        case_(c),
        x(random.Of(c.constant ? Data::kConstant : Data::kNormal, c.view.size())) {
    dy = random.Normal(c.view.size(), 0.1, 1);
    const int64_t channels = c.view.channels;
    const bool learned = c.form == NoiseForm::kLearned;
    parameters[0] = random.Normal(channels, learned ? 0 : 1, learned ? 0.3 : 0.5);
    parameters[2] = random.Normal(channels, 0, 1);
    if (learned) {
      parameters[1] = random.Normal(channels, -1, 0.5);
      parameters[3] = random.Normal(channels, -2, 0.5);
    }
    for (const uint64_t number : {c.seed, c.stream}) {
      for (int i = 0; i < 4; ++i) {
        digits.push_back(static_cast<float>(number >> 16 * i & 0xffff));
      }
    }
  }

  bool Has(int i) const {
    return !parameters[i].empty() && (case_.parameters || case_.form == NoiseForm::kLearned);
  }

  // Noise with pointers into `memory`, or to this struct's own arrays without one.
  StochasticNoise NoiseIn(Memory* memory, const std::vector<Floats>& given) const {
    const auto put = [&](const Floats& values) {
      return memory ? memory->Put(values) : values.data();
    };
    StochasticNoise noise;
    noise.form = case_.form;
    if (case_.form == NoiseForm::kBatch) noise.batch = BatchNoise::Of(case_.values);
    noise.channels = case_.view.channels;
    noise.samples = case_.samples();
    for (int i = 0; i < StochasticNoise::kParameters; ++i) {
      if (Has(i)) noise.parameters[i] = put(parameters[i]);
    }
    if (given.empty()) {
      noise.digits = put(digits);
    } else {
      noise.first = put(given[0]);
      noise.second = put(given[1]);
    }
    return noise;
  }

  std::vector<Floats> Forward(Results& results, const std::vector<Floats>& given) const {
    Memory memory(device_);
    StochasticForward args;
    args.view = case_.view;
    args.noise = NoiseIn(&memory, given);
    args.x = memory.Put(x, case_.shift);
    args.y = memory.Poisoned(case_.view.size(), case_.shift);
    results.Succeeded(RunOn(device_, args, memory));
    return {memory.Get(args.y, case_.view.size())};
  }

  // dx and the four gradients; those that there are not are empty.
  std::vector<Floats> Backward(Results& results, const std::vector<Floats>& given,
                               bool gradients = true) const {
    Memory memory(device_);
    StochasticBackward args;
    args.view = case_.view;
    args.noise = NoiseIn(&memory, given);
    args.noise.parameters[2] = nullptr;
    args.dy = memory.Put(dy, case_.shift);
    args.x = memory.Put(x, case_.shift);
    args.dx = memory.Poisoned(case_.view.size(), case_.shift);
    const auto count = [&](int i) {
      if (!gradients) return int64_t{0};
      if (!args.noise.OfPair(i)) return Has(i) ? case_.view.channels : 0;
      return given.empty() ? 0 : case_.pairs();
    };
    for (int i = 0; i < StochasticNoise::kParameters; ++i) {
      if (count(i) > 0) args.gradients[i] = memory.Poisoned(count(i));
    }
    results.Succeeded(RunOn(device_, args, memory));
    std::vector<Floats> outputs = {memory.Get(args.dx, case_.view.size())};
    for (int i = 0; i < StochasticNoise::kParameters; ++i) {
      outputs.push_back(memory.Get(args.gradients[i], args.gradients[i] ? count(i) : 0));
    }
    return outputs;
  }

  StochasticArrays Arrays(const std::vector<Floats>& noise) const {
    StochasticArrays arrays = {x.data(), dy.data(), {}, noise[0].data(), noise[1].data()};
    for (int i = 0; i < StochasticNoise::kParameters; ++i) {
      if (Has(i)) arrays.parameters[i] = parameters[i].data();
    }
    return arrays;
  }

  Device device_;
  const StochasticCase& case_;
  Floats x, dy, digits;
  Floats parameters[StochasticNoise::kParameters];
};

inline void CheckStochastic(Results& results, Device device, const StochasticCase& c,
                            Random& random) {
  results.Case(c.Name());
  const StochasticRun run(device, c, random);
  std::vector<Floats> noise(2, Floats(static_cast<size_t>(c.pairs())));
  const StochasticNoise here = run.NoiseIn(nullptr, {});
  for (int64_t pair = 0; pair < c.pairs(); ++pair) {
    const Noise one = DrawnNoise(results, c, here, pair);
    noise[0][pair] = one.first;
    noise[1][pair] = one.second;
  }
  const std::string op = c.form == NoiseForm::kBatch ? "StochasticAffine" : "BayesianAffine";
  const Floats drawn = RunTwice(results, op, [&] { return run.Forward(results, {}); })[0];
  const auto gradients = RunTwice(results, op + "Grad", [&] { return run.Backward(results, {}); });
  const Floats given = run.Forward(results, noise)[0];
  const std::vector<Floats> by_given = run.Backward(results, noise);
  results.That(SameBits(drawn, given), op + ": the noise that is drawn, to the bit");
  results.That(SameBits(gradients[0], by_given[0]), op + ": the same noise in dx");
  results.That(SameBits(run.Backward(results, {}, false)[0], gradients[0]),
               op + ": dx alone has the same bits");
  const StochasticReference want = Reference(c, run.Arrays(noise));
  results.Close(op, "y", given, want.y);
  results.Close(op + "Grad", "dx", by_given[0], want.dx);
  const char* names[] = {"dgamma or dlog_scale", "du or drho_scale", "dbeta or dbias",
                         "dv or drho_bias"};
  for (int i = 0; i < StochasticNoise::kParameters; ++i) {
    if (by_given[1 + i].empty()) continue;
    results.Close(op + "Grad", names[i], by_given[1 + i], want.gradients[i], want.terms);
    if (gradients[1 + i].empty()) continue;
    results.That(SameBits(gradients[1 + i], by_given[1 + i]), op + ": the same noise in gradients");
  }
}

inline StochasticCase RandomStochastic(Random& random) {
  StochasticCase c;
  c.view.rows = random.Int(1, 20);
  c.view.positions = random.OneOf<int64_t>({1, 2, 4, 9, 49, 64, 225});
  c.view.channels = random.OneOf<int64_t>({1, 2, 3, 5, 8, 16, 31, 64});
  c.view.channels_last = random.Bool();
  c.form = random.OneOf({NoiseForm::kBatch, NoiseForm::kLearned});
  c.per_sample = random.Bool();
  c.values = random.OneOf({4.0, 5.0, 8.0, 15.0, 16.0, 32.0, 100.5});
  c.seed = static_cast<uint64_t>(random.Int(0, INT64_MAX)) * 2 + 1;
  c.stream = static_cast<uint64_t>(random.Int(0, INT64_MAX));
  c.parameters = random.Bool();
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
