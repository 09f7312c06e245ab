// The definition of dynamic_tanh.h, word for word in double precision.
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

}  // namespace reference
}  // namespace tfjs_norm
