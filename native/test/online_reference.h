// The definition of online_norm.h in double precision, element by element and sample by sample: no
// sums in closed form, no saved statistics.
#pragma once

#include "norms/online_norm.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

struct Online {
  Values y, mean, variance;
  Values y_hat, out;  // like x; out before the compensation
  Values deviation;   // [N, C]
  Values zeta;        // [N]
};

struct OnlineGradients {
  Values dx, dgamma, dbeta, u, v;
  double largest_term = 0;  // of those that make dx
};

inline Values StateValues(const OnlineState& state, int64_t channels) {
  Values values(channels);
  for (int64_t c = 0; state.from && c < channels; ++c) {
    values[c] = state.from[c] + (state.low_parts ? double{state.from[channels + c]} : 0.0);
  }
  return values;
}

// Calls f(offset, channel) for every element of a sample.
template <typename F>
void ForEachOfSample(const View& view, int64_t n, F f) {
  for (int64_t s = 0; s < view.positions; ++s) {
    for (int64_t c = 0; c < view.channels; ++c) f(Offset(view, n, s, c), c);
  }
}

inline Online Run(const OnlineNormForward& args) {
  const View& view = args.view;
  Online out;
  out.mean = StateValues(args.mean, view.channels);
  out.variance = StateValues(args.variance, view.channels);
  out.y.resize(view.size());
  out.y_hat.resize(view.size());
  out.out.resize(view.size());
  const double size = static_cast<double>(view.positions * view.channels);
  for (int64_t n = 0; n < view.rows; ++n) {
    for (int64_t c = 0; c < view.channels; ++c) {
      out.deviation.push_back(std::sqrt(out.variance[c] + args.epsilon));
    }
    double square = 0;
    ForEachOfSample(view, n, [&](int64_t i, int64_t c) {
      out.y_hat[i] = (args.x[i] - out.mean[c]) / out.deviation[n * view.channels + c];
      out.out[i] = At(args.gamma, c, 1) * out.y_hat[i] + At(args.beta, c, 0);
      square += out.out[i] * out.out[i] / size;
    });
    out.zeta.push_back(std::sqrt(square + args.scaling_epsilon));
    ForEachOfSample(view, n, [&](int64_t i, int64_t) {
      const double z = out.out[i];
      out.y[i] = args.layer_scaling() ? z / out.zeta[n]
                 : args.clamps()      ? std::fmin(std::fmax(z, -args.clamp_value), args.clamp_value)
                                      : z;
    });
    for (int64_t c = 0; args.training && c < view.channels; ++c) {
      const Statistic own = StatisticOf(view, args.x, n, 1, c, 1);
      const double d = own.mean - out.mean[c];
      const double keep = 1 - args.rate;
      out.variance[c] =
          keep * out.variance[c] + args.rate * own.variance + args.rate * keep * d * d;
      out.mean[c] += args.rate * d;
    }
  }
  return out;
}

// `forward` and its result for the same x.
inline OnlineGradients Run(const OnlineNormBackward& args, const Online& forward) {
  const View& view = args.view;
  const double positions = static_cast<double>(view.positions);
  const double size = positions * static_cast<double>(view.channels);
  const double rate = args.training ? args.rate : 0;
  OnlineGradients out;
  out.dx.resize(view.size());
  out.dgamma.assign(view.channels, 0);
  out.dbeta.assign(view.channels, 0);
  out.u = StateValues(args.u, view.channels);
  out.v = StateValues(args.v, view.channels);
  Values g(view.size());
  for (int64_t n = 0; n < view.rows; ++n) {
    double projection = 0;
    ForEachOfSample(view, n,
                    [&](int64_t i, int64_t) { projection += args.dy[i] * forward.y[i] / size; });
    ForEachOfSample(view, n, [&](int64_t i, int64_t c) {
      g[i] = args.dy[i];
      if (args.layer_scaling()) g[i] = (g[i] - forward.y[i] * projection) / forward.zeta[n];
      if (args.clamps() && std::fabs(forward.out[i]) > args.clamp_value) g[i] = 0;
      out.dgamma[c] += g[i] * forward.y_hat[i];
      out.dbeta[c] += g[i];
    });
    Values of_v(view.channels), of_u(view.channels);
    ForEachOfSample(view, n, [&](int64_t i, int64_t c) {
      const double scaled = At(args.gamma, c, 1) * g[i];
      const double pull = rate * out.v[c] * forward.y_hat[i];
      const double h = scaled - pull;
      const double deviation = forward.deviation[n * view.channels + c];
      out.dx[i] = h / deviation - rate * out.u[c];
      of_v[c] += h * forward.y_hat[i] / positions;
      of_u[c] += out.dx[i] / positions;
      for (const double term : {scaled / deviation, pull / deviation, rate * out.u[c]}) {
        out.largest_term = std::fmax(out.largest_term, std::fabs(term));
      }
    });
    for (int64_t c = 0; args.training && c < view.channels; ++c) {
      out.v[c] += of_v[c];
      out.u[c] += of_u[c];
    }
  }
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
