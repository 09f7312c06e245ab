// The arithmetic of one (sample, channel) pair of filter_response_norm.h, in double, for host and
// CUDA.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/host_device.h"

namespace tfjs_norm {
namespace filter_response {

// Arrays [C], or null: gamma 1, beta 0, no threshold, no learned epsilon.
struct Parameters {
  const float* gamma = nullptr;
  const float* beta = nullptr;
  const float* tau = nullptr;
  const float* learned_epsilon = nullptr;  // [C], or [1] for all channels
  bool epsilon_of_channel = false;
  double epsilon = 0;  // added to the learned one's size

  NORM_HOST_DEVICE double Gamma(int64_t channel) const { return gamma ? gamma[channel] : 1.0; }
  NORM_HOST_DEVICE double Learned(int64_t channel) const {
    return learned_epsilon ? learned_epsilon[epsilon_of_channel ? channel : 0] : 0.0;
  }
  NORM_HOST_DEVICE double Epsilon(int64_t channel) const {
    return epsilon + fabs(Learned(channel));
  }
  NORM_HOST_DEVICE double Rho(int64_t channel, double mean_square) const {
    const double square = mean_square + Epsilon(channel);
    return square == 0.0 ? 0.0 : 1.0 / sqrt(square);
  }
};

// y = max(a * x + b, tau).
struct Output {
  double a;
  double b;

  NORM_HOST_DEVICE Output(const Parameters& by, int64_t channel, double mean_square) {
    a = by.Gamma(channel) * by.Rho(channel, mean_square);
    b = by.beta ? by.beta[channel] : 0.0;
    // The bounds let NaN pass, so that a threshold of NaN would be none.
    const double tau = by.tau ? by.tau[channel] : 0.0;
    if (tau != tau) b = tau;
  }
};

// What a pair adds to dgamma and to the gradient of epsilon; dx = p * dy + q * x + t.
struct Gradient {
  double gamma;
  double epsilon;
  double p;
  double q;
  double t;

  NORM_HOST_DEVICE Gradient(const Parameters& by, int64_t channel, double mean_square, double g0,
                            double g1, double positions) {
    const double rho = by.Rho(channel, mean_square);
    const double learned = by.Learned(channel);
    const double sign = learned > 0.0 ? 1.0 : learned < 0.0 ? -1.0 : 0.0;
    gamma = rho * g1;
    const double of_square = -0.5 * rho * rho * by.Gamma(channel) * gamma;
    epsilon = sign * of_square;
    p = by.Gamma(channel) * rho;
    q = 2.0 * of_square / positions;
    t = 0.0;
    if (positions == 1.0) {
      // p * dy + q * x is almost all cancellation.
      t = p * rho * rho * by.Epsilon(channel) * g0;
      p = q = 0.0;
    }
  }
};

}  // namespace filter_response
}  // namespace tfjs_norm
