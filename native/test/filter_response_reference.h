// The definition of filter_response_norm.h in double precision. Saved arrays are not read.
#pragma once

#include <algorithm>

#include "norms/filter_response_norm.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

struct FilterResponse {
  Values y;
  Values mean_square;  // [N, C]
};

struct FilterResponseGradients {
  Values dx, dgamma, dbeta, dtau, dlearned_epsilon;
  double largest_rho = 0;
  double epsilon_terms = 0;  // the size of what dlearned_epsilon is the sum of
};

struct FilterResponsePair {
  double mean_square = 0;
  double rho = 0;
  double epsilon, gamma, beta, tau, sign;

  FilterResponsePair(const FilterResponseNorm& args, int64_t row, int64_t channel) {
    const auto& by = args.parameters;
    const double count = static_cast<double>(args.view.positions);
    for (int64_t s = 0; s < args.view.positions; ++s) {
      const double x = args.x[Offset(args.view, row, s, channel)];
      mean_square += x * x / count;
    }
    const double learned = At(by.learned_epsilon, by.epsilon_of_channel ? channel : 0, 0);
    epsilon = by.epsilon + std::fabs(learned);
    const double square = mean_square + epsilon;
    rho = square == 0 ? 0 : 1 / std::sqrt(square);
    gamma = At(by.gamma, channel, 1);
    beta = At(by.beta, channel, 0);
    tau = At(by.tau, channel, -HUGE_VAL);
    sign = static_cast<double>(learned > 0) - static_cast<double>(learned < 0);
  }
  double Z(double x) const { return gamma * rho * x + beta; }
};

// Calls f(pair, row, channel).
template <typename F>
void ForEachResponse(const FilterResponseNorm& args, F f) {
  for (int64_t n = 0; n < args.view.rows; ++n) {
    for (int64_t c = 0; c < args.view.channels; ++c) f(FilterResponsePair(args, n, c), n, c);
  }
}

inline FilterResponse Run(const FilterResponseNormForward& args) {
  FilterResponse out;
  out.y.resize(args.view.size());
  ForEachResponse(args, [&](const FilterResponsePair& pair, int64_t n, int64_t c) {
    out.mean_square.push_back(pair.mean_square);
    for (int64_t s = 0; s < args.view.positions; ++s) {
      const int64_t i = Offset(args.view, n, s, c);
      out.y[i] = std::max(pair.Z(args.x[i]), pair.tau);
    }
  });
  return out;
}

inline FilterResponseGradients Run(const FilterResponseNormBackward& args) {
  const View& view = args.view;
  FilterResponseGradients out;
  out.dx.resize(view.size());
  for (Values* gradient : {&out.dgamma, &out.dbeta, &out.dtau}) gradient->resize(view.channels);
  out.dlearned_epsilon.resize(args.parameters.epsilon_of_channel ? view.channels : 1);
  ForEachResponse(args, [&](const FilterResponsePair& pair, int64_t n, int64_t c) {
    double product = 0;
    for (int64_t s = 0; s < view.positions; ++s) {
      const int64_t i = Offset(view, n, s, c);
      if (pair.Z(args.x[i]) >= pair.tau) {
        product += static_cast<double>(args.dy[i]) * args.x[i];
        out.dbeta[c] += args.dy[i];
      } else {
        out.dtau[c] += args.dy[i];
      }
    }
    const double of_square = -0.5 * pair.gamma * std::pow(pair.rho, 3) * product;
    const double epsilon = pair.sign * of_square;
    out.dgamma[c] += pair.rho * product;
    out.dlearned_epsilon[args.parameters.epsilon_of_channel ? c : 0] += epsilon;
    out.epsilon_terms += std::fabs(epsilon);
    out.largest_rho = std::max(out.largest_rho, pair.rho);
    for (int64_t s = 0; s < view.positions; ++s) {
      const int64_t i = Offset(view, n, s, c);
      const double x = args.x[i];
      const double g = pair.Z(x) >= pair.tau ? args.dy[i] : 0;
      out.dx[i] =
          pair.gamma * pair.rho * g + 2 * of_square * x / static_cast<double>(view.positions);
      // Of one position the two terms cancel but for epsilon, in double too.
      if (view.positions == 1) {
        out.dx[i] = pair.gamma * std::pow(pair.rho, 3) * g * pair.epsilon;
      }
    }
  });
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
