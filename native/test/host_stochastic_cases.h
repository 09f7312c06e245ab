// stochastic_norm.h against double precision, for the host tests. That the noise is what its
// definition says, kernel_check checks.
#pragma once

#include <vector>

#include "test/host_cases.h"
#include "test/stochastic_cases.h"

namespace tfjs_norm::test {

inline void CheckStochastic(const StochasticCase& c) {
  const std::string name = c.Name() + " on " + host::Simd().name;
  const bool learned = c.form == NoiseForm::kLearned;
  const int64_t size = c.view.size(), channels = c.view.channels, pairs = c.pairs();
  const Array x = Random(size, 0.3, c.constant ? 0 : 1.5), dy = Random(size, 0.1, 1);
  std::vector<Array> parameters;
  for (int i = 0; i < StochasticNoise::kParameters; ++i) {
    parameters.push_back(Random(channels, learned ? -i : 1, 0.3));
  }
  Array digits(8);
  for (int i = 0; i < 8; ++i) {
    digits[i] = static_cast<float>((i < 4 ? c.seed : c.stream) >> 16 * (i % 4) & 0xffff);
  }
  StochasticNoise noise;
  noise.form = c.form;
  if (!learned) noise.batch = BatchNoise::Of(c.values);
  noise.channels = channels;
  noise.samples = c.samples();
  noise.digits = digits.data();
  StochasticArrays arrays = {x.data(), dy.data(), {}, nullptr, nullptr};
  for (int i = 0; i < StochasticNoise::kParameters; ++i) {
    const bool there = learned || (c.parameters && i % 2 == 0);
    noise.parameters[i] = arrays.parameters[i] = there ? parameters[i].data() : nullptr;
  }
  Array first(pairs), second(pairs);
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const Noise one = noise.Get(pair, noise.Begin());
    first[pair] = one.first;
    second[pair] = one.second;
  }
  arrays.first = first.data();
  arrays.second = second.data();
  const StochasticReference want = Reference(c, arrays);

  // Drawn, and given, to the bit the same.
  Array y[2], dx[2];
  for (int given = 0; given < 2; ++given) {
    if (given) {
      noise.digits = nullptr;
      noise.first = first.data();
      noise.second = second.data();
    }
    y[given] = Array(size, c.shift);
    dx[given] = Array(size, c.shift);
    RunOn(StochasticForward{c.view, noise, x.data(), y[given].data()});
    StochasticBackward backward;
    backward.view = c.view;
    backward.noise = noise;
    backward.noise.parameters[2] = nullptr;
    backward.dy = dy.data();
    backward.x = x.data();
    backward.dx = dx[given].data();
    std::vector<Array> gradients;
    for (int i = 0; i < StochasticNoise::kParameters; ++i) {
      const bool of_pair = noise.OfPair(i);
      const bool wanted = of_pair ? given == 1 : arrays.parameters[i] != nullptr;
      gradients.emplace_back(wanted ? (of_pair ? pairs : channels) : 0);
      backward.gradients[i] = wanted ? gradients[i].data() : nullptr;
    }
    RunOn(backward);
    for (int i = 0; i < StochasticNoise::kParameters; ++i) {
      if (!backward.gradients[i]) continue;
      ExpectNear(gradients[i], want.gradients[i], name + " gradient " + std::to_string(i),
                 want.terms);
    }
  }
  ExpectNear(y[0], want.y, name + " y");
  ExpectNear(dx[0], want.dx, name + " dx");
  ExpectSame(y[0], y[1], name + " y of given noise");
  ExpectSame(dx[0], dx[1], name + " dx of given noise");
}

}  // namespace tfjs_norm::test
