// Cases of stochastic_norm.h and what comes out of them in double precision, for kernel_check and
// host_check.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "norms/stochastic_norm.h"
#include "test/reference.h"

namespace tfjs_norm::test {

struct StochasticCase {
  View view;
  NoiseForm form = NoiseForm::kBatch;
  bool per_sample = false;
  double values = 32;
  uint64_t seed = 42;
  uint64_t stream = 0;
  bool parameters = true;  // batch: gamma and beta
  bool constant = false;   // x
  int shift = 0;           // of x, y, dy and dx from a 256-byte boundary, in floats

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

struct StochasticReference {
  reference::Values y, dx, gradients[StochasticNoise::kParameters];
  double terms = 1;  // the largest sum of |terms| of a gradient
};

// Null where there are none.
struct StochasticArrays {
  const float* x;
  const float* dy;
  const float* parameters[StochasticNoise::kParameters];
  const float* first;  // noise, of each pair
  const float* second;
};

inline StochasticReference Reference(const StochasticCase& c, const StochasticArrays& arrays) {
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
    return arrays.parameters[i] ? double{arrays.parameters[i][channel]} : fallback;
  };
  for (int64_t i = 0; i < view.size(); ++i) {
    const int64_t channel =
        view.channels_last ? i % view.channels : i / view.positions % view.channels;
    const int64_t row = i / (view.positions * view.channels);
    const int64_t pair = (c.per_sample ? row : 0) * view.channels + channel;
    const double first = arrays.first[pair], second = arrays.second[pair];
    const double x = arrays.x[i], dy = arrays.dy[i];
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

inline std::vector<StochasticCase> AwkwardStochastic(bool quick) {
  std::vector<StochasticCase> cases;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels, bool constant = false) {
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
          c.constant = constant;
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
  add(3, 16, 12, true);
  if (quick) return cases;
  add(700, 3, 8);
  add(2, 7000, 16);
  add(300, 1, 257);
  add(2, 2, 3001);
  add(3, 40000, 3);
  return cases;
}

}  // namespace tfjs_norm::test
