// The arithmetic of one (sample, channel) pair of online_norm.h in double, for host and CUDA, over
// per-sample sums: with xc = x - m, G0 = sum_s g, G1 = sum_s g xc,
//
//   y_hat = (xc + D) / sc,   mean(y_hat) = D / sc,   mean(y_hat^2) = (v + D^2) / sc^2
//   out = A xc + B,  A = gamma / sc,  B = beta + A D,  mean(out^2) = mean_c(A^2 v + B^2)
//
// Layer scaling: g = p0 dy + q0 xc + t0 with kappa = sum(dy out) / (S C zeta), so G0 and G1 of g
// follow from those of dy.
#pragma once

#include <cmath>

#include "core/host_device.h"
#include "norms/online_norm.h"

namespace tfjs_norm {
namespace online {

NORM_HOST_DEVICE double Read(const OnlineState& state, int64_t channels, int64_t channel) {
  const double low = state.low_parts ? static_cast<double>(state.from[channels + channel]) : 0.0;
  return static_cast<double>(state.from[channel]) + low;
}

// Not training: as it was, every bit.
NORM_HOST_DEVICE void Write(const OnlineState& state, int64_t channels, int64_t channel,
                            double value, bool training) {
  if (!state.to) return;
  const float high = training ? static_cast<float>(value) : state.from[channel];
  state.to[channel] = high;
  if (!state.low_parts) return;
  const int64_t low = channels + channel;
  state.to[low] = training ? static_cast<float>(value - high) : state.from[low];
}

// The running statistics of a channel.
struct Running {
  double mean;
  double variance;

  NORM_HOST_DEVICE void Follow(double m, double v, double rate) {
    const double d = m - mean;
    const double keep = 1.0 - rate;
    variance = keep * variance + rate * (v + keep * d * d);
    mean += rate * d;
  }
};

// out = a * xc + b, and what it came from.
struct Line {
  double rho;  // 1 / sc
  double d;
  double a;
  double b;

  NORM_HOST_DEVICE Line(double offset, double deviation, double gamma, double beta)
      : rho(1.0 / deviation), d(offset), a(gamma * rho), b(beta + a * offset) {}

  // Of one pair of a sample: the sum over the channels is C mean(out^2).
  NORM_HOST_DEVICE double Square(double v) const { return a * a * v + b * b; }
  // sum(dy out)
  NORM_HOST_DEVICE double Product(double g0, double g1) const { return a * g1 + b * g0; }
};

// The gradient that enters the control process, g = p dy + q xc + t, and its sums.
struct Compensated {
  double p = 1;
  double q = 0;
  double t = 0;
  double g0 = 0;
  double g1 = 0;
};

// From the sum over the channels of Line::Square.
NORM_HOST_DEVICE double Zeta(double squares, double channels, double epsilon) {
  return sqrt(squares / channels + epsilon);
}

// The gradient of a sample through layer scaling.
struct LayerScale {
  double zeta;
  double kappa;

  // products: the sum over the channels of Line::Product.
  NORM_HOST_DEVICE LayerScale(double squares, double products, double channels, double positions,
                              double epsilon)
      : zeta(Zeta(squares, channels, epsilon)), kappa(products / (positions * channels * zeta)) {}

  NORM_HOST_DEVICE Compensated Apply(const Line& line, double v, double g0, double g1,
                                     double positions) const {
    Compensated g;
    const double slope = -kappa / (zeta * zeta);
    g.p = 1.0 / zeta;
    g.q = line.a * slope;
    g.t = line.b * slope;
    g.g0 = g.p * g0 + positions * g.t;
    g.g1 = g.p * g1 + positions * v * g.q;
    return g;
  }
};

// The step of the control states that a pair makes: v <- keep v + add_v, u <- (1 - rate) u + add_u
// - pull v, v before it.
struct ControlStep {
  double keep;
  double add_v;
  double add_u;
  double pull;
  double g_hat;  // sum g y_hat: the pair's part of dgamma

  ControlStep() = default;

  // per_position: 1 / S.
  NORM_HOST_DEVICE ControlStep(const Line& line, const Compensated& g, double v, double gamma,
                               double per_position, double rate) {
    const double mean = line.d * line.rho;
    const double square = (v + line.d * line.d) * line.rho * line.rho;
    g_hat = (g.g1 + line.d * g.g0) * line.rho;
    keep = 1.0 - rate * square;
    add_v = gamma * per_position * g_hat;
    add_u = gamma * per_position * g.g0 * line.rho;
    pull = rate * mean * line.rho;
  }
};

struct Control {
  double u;
  double v;

  NORM_HOST_DEVICE void Follow(const ControlStep& step, double rate) {
    u = (1.0 - rate) * u + step.add_u - step.pull * v;
    v = step.keep * v + step.add_v;
  }
};

// dx = p dy + q xc + t, with the control states before the pair.
struct Slopes {
  double p;
  double q;
  double t;

  NORM_HOST_DEVICE Slopes(const Line& line, const Compensated& g, const Control& before,
                          double gamma, double rate) {
    const double scale = gamma * line.rho;
    const double pull = rate * before.v * line.rho * line.rho;
    p = scale * g.p;
    q = scale * g.q - pull;
    t = scale * g.t - pull * line.d - rate * before.u;
  }
};

}  // namespace online
}  // namespace tfjs_norm
