// The definitions of dynamic_tanh.h, and of set_norm.h with a gate, word for word in double
// precision.
#pragma once

#include "norms/dynamic_tanh.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

struct TanhGradients {
  Values dx, dgamma, dbeta;
  double dalpha = 0;
  double alpha_terms = 0;  // sum of |terms| of dalpha
};

// 1 - tanh(u)^2, which is 0 only where e^-|u| is.
inline double TanhSlope(double u) {
  const double e = std::exp(-2 * std::fabs(u));
  return 4 * e / (1 + e) / (1 + e);
}

inline Values Run(const DynamicTanhForward& args) {
  Values y(args.view.size());
  ForEachElement(args.view, [&](int64_t i, int64_t, int64_t c) {
    y[i] = At(args.gamma, c, 1) * std::tanh(double{*args.alpha} * args.x[i]) + At(args.beta, c, 0);
  });
  return y;
}

inline TanhGradients Run(const DynamicTanhBackward& args) {
  TanhGradients out;
  out.dx.resize(args.view.size());
  out.dgamma.resize(args.view.channels);
  out.dbeta.resize(args.view.channels);
  const double alpha = *args.alpha;
  ForEachElement(args.view, [&](int64_t i, int64_t, int64_t c) {
    const double dy = args.dy[i];
    const double slope = TanhSlope(alpha * args.x[i]);
    const double term = slope == 0 ? 0 : dy * At(args.gamma, c, 1) * args.x[i] * slope;
    out.dx[i] = dy * At(args.gamma, c, 1) * alpha * slope;
    out.dalpha += term;
    out.alpha_terms += std::fabs(term);
    out.dgamma[c] += dy * std::tanh(alpha * args.x[i]);
    out.dbeta[c] += dy;
  });
  return out;
}

struct GateGradients {
  Values dx, dgamma, dbeta, dgate;
  double largest_rho = 0;
};

// f = x * sigmoid(theta * x) and its derivatives.
struct Gate {
  double value, by_x, by_theta;

  Gate(double x, double theta) {
    const double u = theta * x;
    const double e = std::exp(-std::fabs(u));
    const double sigmoid = (u < 0 ? e : 1) / (1 + e);
    const double slope = e / (1 + e) / (1 + e);
    value = x * sigmoid;
    by_x = sigmoid + (slope == 0 ? 0 : u * slope);
    by_theta = slope == 0 ? 0 : x * x * slope;
  }
};

inline Values RunGated(const SetNormForward& args) {
  Values y(args.view.size());
  ForEachSet(args, [&](const Statistic& set, int64_t row, int64_t channel) {
    const double rho = 1 / std::sqrt(set.variance + args.epsilon);
    ForEachOfSet(args, row, channel, [&](int64_t i, int64_t, int64_t c) {
      y[i] = At(args.gamma, c, 1) * rho * Gate(args.x[i], args.gate[c]).value + At(args.beta, c, 0);
    });
  });
  return y;
}

inline GateGradients RunGated(const SetNormBackward& args) {
  GateGradients out;
  out.dx.resize(args.view.size());
  for (Values* values : {&out.dgamma, &out.dbeta, &out.dgate}) values->resize(args.view.channels);
  ForEachSet(args, [&](const Statistic& set, int64_t row, int64_t channel) {
    const double rho = 1 / std::sqrt(set.variance + args.epsilon);
    out.largest_rho = std::max(out.largest_rho, rho);
    double sum = 0;
    ForEachOfSet(args, row, channel, [&](int64_t i, int64_t, int64_t c) {
      sum += args.dy[i] * At(args.gamma, c, 1) * Gate(args.x[i], args.gate[c]).value;
    });
    const double by_variance = -0.5 * rho * rho * rho * sum;
    ForEachOfSet(args, row, channel, [&](int64_t i, int64_t, int64_t c) {
      const Gate f(args.x[i], args.gate[c]);
      const double dy = args.dy[i];
      const double gamma = At(args.gamma, c, 1);
      out.dx[i] = dy * gamma * rho * f.by_x + 2 * by_variance * (args.x[i] - set.mean) / set.count;
      out.dgamma[c] += dy * rho * f.value;
      out.dbeta[c] += dy;
      out.dgate[c] += dy * gamma * rho * f.by_theta;
    });
  });
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
