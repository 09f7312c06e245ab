// The definition of global_response_norm.h in double precision: the oracle of the native tests.
#pragma once

#include "norms/global_response_norm.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

// G of a sample's channels, and M.
struct Responses {
  Values of;
  double scale = 0;

  Responses(const GlobalResponseNorm& args, int64_t row) {
    const View& view = args.view;
    for (int64_t c = 0; c < view.channels; ++c) {
      double sum = 0;
      for (int64_t s = 0; s < view.positions; ++s) {
        const double x = args.x[Offset(view, row, s, c)];
        sum += x * x;
      }
      of.push_back(std::sqrt(sum));
      scale += of.back() / static_cast<double>(view.channels);
    }
    scale += args.epsilon;
  }
};

inline Values Run(const GlobalResponseNormForward& args) {
  const View& view = args.view;
  Values y(view.size());
  for (int64_t r = 0; r < view.rows; ++r) {
    const Responses responses(args, r);
    for (int64_t s = 0; s < view.positions; ++s) {
      for (int64_t c = 0; c < view.channels; ++c) {
        const int64_t i = Offset(view, r, s, c);
        const double x = args.x[i];
        y[i] =
            At(args.gamma, c, 1) * x * responses.of[c] / responses.scale + At(args.beta, c, 0) + x;
      }
    }
  }
  return y;
}

// Back through the definition: z = gamma * N, N = G / M, G = sqrt(sum x^2).
inline Backward Run(const GlobalResponseNormBackward& args) {
  const View& view = args.view;
  Backward out;
  out.dx.resize(view.size());
  out.dgamma.assign(view.channels, 0);
  out.dbeta.assign(view.channels, 0);
  for (int64_t r = 0; r < view.rows; ++r) {
    const Responses responses(args, r);
    Values dn(view.channels);
    double dscale = 0;
    for (int64_t c = 0; c < view.channels; ++c) {
      const double n = responses.of[c] / responses.scale;
      for (int64_t s = 0; s < view.positions; ++s) {
        const int64_t i = Offset(view, r, s, c);
        const double product = static_cast<double>(args.dy[i]) * args.x[i];
        dn[c] += At(args.gamma, c, 1) * product;
        out.dgamma[c] += product * n;
        out.dbeta[c] += args.dy[i];
      }
      dscale -= dn[c] * n / responses.scale;
    }
    for (int64_t c = 0; c < view.channels; ++c) {
      const double g = responses.of[c];
      const double dg = dn[c] / responses.scale + dscale / static_cast<double>(view.channels);
      for (int64_t s = 0; s < view.positions; ++s) {
        const int64_t i = Offset(view, r, s, c);
        const double through = At(args.gamma, c, 1) * g / responses.scale + 1;
        out.dx[i] = args.dy[i] * through + (g > 0 ? dg * args.x[i] / g : 0);
      }
    }
  }
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
