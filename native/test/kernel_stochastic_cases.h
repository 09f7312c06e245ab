// Cases of stochastic_norm.h for kernel_check: noise against its definition, drawn noise against
// the same noise given, to the bit, and values against double precision.
#pragma once

#include <cmath>

#include "norms/stochastic_norm.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct StochasticCase {
  View view;
  NoiseForm form = NoiseForm::kBatch;
  bool per_sample = false;
  double values = 32;
  uint64_t seed = 42;
  uint64_t stream = 0;
  bool parameters = true;  // batch: gamma and beta
  Data data = Data::kNormal;
  int shift = 0;  // of x, y, dy and dx from a 256-byte boundary, in floats

  int64_t samples() const { return per_sample ? view.rows : 1; }
  int64_t pairs() const { return samples() * view.channels; }
  std::string Name() const {
    return std::string(form == NoiseForm::kBatch ? "batch [" : "learned [") +
           std::to_string(view.rows) + "," + std::to_string(view.positions) + "," +
           std::to_string(view.channels) + (view.channels_last ? "] last" : "] first") +
           (per_sample ? " per sample" : "") + ", n " + std::to_string(values) + ", seed " +
           std::to_string(seed) + ", shift " + std::to_string(shift);
  }
};

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
      : device_(device), case_(c), x(random.Of(c.data, c.view.size())) {
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

  Device device_;
  const StochasticCase& case_;
  Floats x, dy, digits;
  Floats parameters[StochasticNoise::kParameters];
};

struct StochasticReference {
  reference::Values y, dx, gradients[StochasticNoise::kParameters];
  double terms = 1;  // the largest sum of |terms| of a gradient
};

inline StochasticReference Reference(const StochasticRun& run, const std::vector<Floats>& noise) {
  const StochasticCase& c = run.case_;
  const View& view = c.view;
  const bool batch = c.form == NoiseForm::kBatch;
  StochasticReference want;
  want.y.resize(view.size());
  want.dx.resize(view.size());
  for (int i = 0; i < StochasticNoise::kParameters; ++i) {
    want.gradients[i].resize(batch && i % 2 == 1 ? c.pairs() : view.channels);
  }
  std::vector<double> sizes(view.channels);
  const auto parameter = [&](int i, int64_t channel, double fallback) {
    return run.Has(i) ? double{run.parameters[i][channel]} : fallback;
  };
  for (int64_t i = 0; i < view.size(); ++i) {
    const int64_t channel =
        view.channels_last ? i % view.channels : i / view.positions % view.channels;
    const int64_t row = i / (view.positions * view.channels);
    const int64_t pair = (c.per_sample ? row : 0) * view.channels + channel;
    const double first = noise[0][pair], second = noise[1][pair];
    const double x = run.x[i], dy = run.dy[i];
    double terms[StochasticNoise::kParameters];
    if (batch) {
      const double gamma = parameter(0, channel, 1);
      want.y[i] = gamma * second * (x - first) + parameter(2, channel, 0);
      want.dx[i] = gamma * second * dy;
      terms[0] = second * (x - first) * dy;
      terms[1] = -gamma * second * dy;
      terms[2] = dy;
      terms[3] = gamma * (x - first) * dy;
    } else {
      const double deviation = std::exp(parameter(1, channel, 0));
      const double offset = std::exp(parameter(3, channel, 0)) * second;
      const double scale = std::exp(parameter(0, channel, 0) + deviation * first);
      want.y[i] = scale * x + parameter(2, channel, 0) + offset;
      want.dx[i] = scale * dy;
      terms[0] = scale * x * dy;
      terms[1] = terms[0] * deviation * first;
      terms[2] = dy;
      terms[3] = dy * offset;
    }
    for (int k = 0; k < StochasticNoise::kParameters; ++k) {
      want.gradients[k][batch && k % 2 == 1 ? pair : channel] += terms[k];
      sizes[channel] += std::fabs(terms[k]);
    }
  }
  for (const double size : sizes) want.terms = std::max(want.terms, size);
  return want;
}

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
  const StochasticReference want = Reference(run, noise);
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

inline std::vector<StochasticCase> AwkwardStochastic(bool quick) {
  std::vector<StochasticCase> cases;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels,
                       Data data = Data::kNormal) {
    for (const NoiseForm form : {NoiseForm::kBatch, NoiseForm::kLearned}) {
      for (const bool per_sample : {false, true}) {
        for (const bool last : {true, false}) {
          StochasticCase c;
          c.view.rows = rows;
          c.view.positions = positions;
          c.view.channels = channels;
          c.view.channels_last = last;
          c.form = form;
          c.per_sample = per_sample;
          const double values[] = {32, 4, 16, 7, 1e6};
          c.values = values[cases.size() / 3 % 5];
          c.seed = 0x1234567890abcdef + cases.size();
          c.stream = 7 * cases.size();
          c.parameters = cases.size() % 3 != 1;
          c.data = data;
          c.shift = cases.size() % 5 == 4 ? 1 : 0;
          cases.push_back(c);
        }
      }
    }
  };
  add(1, 1, 1);
  add(3, 1, 5);
  add(9, 1, 64);
  add(4, 9, 6);
  add(2, 300, 8);
  add(5, 49, 31);
  add(3, 16, 12, Data::kConstant);
  if (quick) return cases;
  add(700, 3, 8);
  add(2, 7000, 16);
  add(300, 1, 257);
  add(2, 2, 3001);
  add(3, 40000, 3);
  return cases;
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
