// The gradients of attentive_reference.h.
#pragma once

#include "test/attentive_reference.h"

namespace tfjs_norm {
namespace reference {

// From dlambda to the gradient of zt, row by row; `terms` are sizes, taken along.
inline void ThroughActivation(const AttentiveNorm& args, const AttentiveState& s, Values& d,
                              Values& terms) {
  const int64_t mixtures = args.mixtures;
  for (int64_t n = 0; n < args.view.rows; ++n) {
    const Values before(d.begin() + n * mixtures, d.begin() + (n + 1) * mixtures);
    const Values sizes(terms.begin() + n * mixtures, terms.begin() + (n + 1) * mixtures);
    for (int64_t k = 0; k < mixtures; ++k) {
      const double w = s.lambda[n * mixtures + k];
      double sum = 0;
      double size = 0;
      for (int64_t j = 0; j < mixtures; ++j) {
        double slope = 0;  // of the j-th weight by the k-th logit
        const double other = s.lambda[n * mixtures + j];
        switch (args.attention_activation) {
          case AttentionActivation::kHardSigmoid:
            slope = j == k && w > 0 && w < 1 ? 1.0 / 6 : 0;
            break;
          case AttentionActivation::kSigmoid:
            slope = j == k ? w * (1 - w) : 0;
            break;
          case AttentionActivation::kSoftmax:
            slope = other * ((j == k ? 1 : 0) - w);
            break;
        }
        sum += slope * before[j];
        size += std::fabs(slope) * sizes[j];
      }
      d[n * mixtures + k] = sum;
      terms[n * mixtures + k] = size;
    }
  }
}

// From the gradient of h to that of z.
inline void ThroughNorm(const AttentiveNorm& args, const AttentiveState& s, Values& d,
                        Values& terms) {
  const bool given = args.attention_norm == AttentionNorm::kBatch && !args.training;
  for (const LogitSet& set : s.logit_sets) {
    const double count = static_cast<double>(set.count);
    Values sums, sizes;
    for (int64_t i = 0; i < set.count; ++i) {
      const int64_t to = set.first + i * set.stride;
      double sum = 0;
      double size = 0;
      for (int64_t j = 0; j < set.count; ++j) {
        const int64_t from = set.first + j * set.stride;
        const double mean = given ? 0 : (1 + s.h[to] * s.h[from]) / count;
        const double slope = (i == j ? 1 : 0) - mean;
        sum += slope * d[from];
        size += std::fabs(slope) * terms[from];
      }
      sums.push_back(set.rho * sum);
      sizes.push_back(set.rho * size);
    }
    for (int64_t i = 0; i < set.count; ++i) {
      d[set.first + i * set.stride] = sums[i];
      terms[set.first + i * set.stride] = sizes[i];
    }
  }
}

// Adds what flows through the standardization to dx.
inline void AddStandardized(const AttentiveNormBackward& args, const AttentiveState& s,
                            const Values& xhat, AttentiveGradients& out) {
  const View& view = args.view;
  const auto set_of = [&](int64_t pair, int64_t c) {
    return args.batch_backbone ? c : pair / args.channels_per_group;
  };
  Values mean(view.pairs()), mean_xhat(view.pairs());
  const auto gradient = [&](int64_t i, int64_t pair) { return args.dy[i] * s.mixed_gamma[pair]; };
  ForEachPairElement(view, [&](int64_t i, int64_t pair, int64_t c) {
    if (args.given()) return;
    mean[set_of(pair, c)] += gradient(i, pair) / args.values();
    mean_xhat[set_of(pair, c)] += gradient(i, pair) * xhat[i] / args.values();
  });
  ForEachPairElement(view, [&](int64_t i, int64_t pair, int64_t c) {
    const double direct = s.set_rho[pair] * gradient(i, pair);
    const double shift = s.set_rho[pair] * mean[set_of(pair, c)];
    const double spread = s.set_rho[pair] * xhat[i] * mean_xhat[set_of(pair, c)];
    out.dx[i] += direct - shift - spread;
    for (double term : {direct, shift, spread}) {
      out.dx_terms = std::max(out.dx_terms, std::fabs(term));
    }
  });
}

inline AttentiveGradients Run(const AttentiveNormBackward& args) {
  const View& view = args.view;
  const int64_t channels = view.channels;
  const int64_t mixtures = args.mixtures;
  const AttentiveState s = StateOf(args);
  AttentiveGradients out;
  out.dx.resize(view.size());
  Values xhat(view.size());
  Values dmixed_gamma(view.pairs()), dmixed_beta(view.pairs());
  Values gamma_terms(view.pairs()), beta_terms(view.pairs());
  ForEachPairElement(view, [&](int64_t i, int64_t pair, int64_t) {
    xhat[i] = s.set_rho[pair] * (args.x[i] - s.set_mean[pair]);
    dmixed_gamma[pair] += args.dy[i] * xhat[i];
    dmixed_beta[pair] += args.dy[i];
    gamma_terms[pair] += std::fabs(args.dy[i] * xhat[i]);
    beta_terms[pair] += std::fabs(args.dy[i]);
  });
  AddStandardized(args, s, xhat, out);

  Values d(view.rows * mixtures), terms(view.rows * mixtures);
  for (Values* matrix : {&out.dgamma, &out.dbeta, &out.dkernel})
    matrix->resize(mixtures * channels);
  for (Values* vector : {&out.dbias, &out.dattention_gamma, &out.dattention_beta}) {
    vector->resize(mixtures);
  }
  const auto for_all = [&](auto f) {  // f(pair, [N, K], [K, C], channel)
    for (int64_t n = 0; n < view.rows; ++n) {
      for (int64_t k = 0; k < mixtures; ++k) {
        for (int64_t c = 0; c < channels; ++c) {
          f(n * channels + c, n * mixtures + k, k * channels + c);
        }
      }
    }
  };
  for_all([&](int64_t pair, int64_t weight, int64_t at) {
    out.dgamma[at] += s.lambda[weight] * dmixed_gamma[pair];
    out.dbeta[at] += s.lambda[weight] * dmixed_beta[pair];
    out.dgamma_terms = std::max(out.dgamma_terms, gamma_terms[pair] + beta_terms[pair]);
    const double gamma = At(args.gamma, at, 0);
    const double beta = At(args.beta, at, 0);
    d[weight] += gamma * dmixed_gamma[pair] + beta * dmixed_beta[pair];
    terms[weight] += std::fabs(gamma) * gamma_terms[pair] + std::fabs(beta) * beta_terms[pair];
  });
  ThroughActivation(args, s, d, terms);
  double largest = 0;
  for (int64_t i = 0; i < view.rows * mixtures; ++i) {
    const int64_t k = i % mixtures;
    out.dattention_gamma[k] += d[i] * s.h[i];
    out.dattention_beta[k] += d[i];
    out.dweight_terms += terms[i] * std::max(1.0, std::fabs(s.h[i]));
    d[i] *= At(args.attention_gamma, k, 1);
    terms[i] *= std::fabs(At(args.attention_gamma, k, 1));
  }
  ThroughNorm(args, s, d, terms);
  for (int64_t i = 0; i < view.rows * mixtures; ++i) {
    out.dbias[i % mixtures] += d[i];
    out.dlogit_terms += terms[i];
    largest = std::max(largest, terms[i]);
  }

  Values dsqueezed(view.pairs()), squeezed_terms(view.pairs());
  for_all([&](int64_t pair, int64_t weight, int64_t at) {
    out.dkernel[at] += d[weight] * s.squeezed[pair];
    const double size = terms[weight] * std::fabs(s.squeezed[pair]);
    out.dkernel_terms = std::max(out.dkernel_terms, size * static_cast<double>(view.rows));
    dsqueezed[pair] += d[weight] * args.attention_kernel[at];
    squeezed_terms[pair] += terms[weight] * std::fabs(double{args.attention_kernel[at]});
  });
  const double positions = static_cast<double>(view.positions);
  const bool relative = args.squeeze == Squeeze::kMeanOverDeviation;
  ForEachPairElement(view, [&](int64_t i, int64_t pair, int64_t) {
    const double r = s.scale[pair];
    const double shift = r / positions;
    const double spread =
        relative ? -s.squeezed[pair] * r * r * s.factor * (args.x[i] - s.mean[pair]) / positions
                 : 0;
    out.dx[i] += dsqueezed[pair] * (shift + spread);
    const double size = squeezed_terms[pair] * (std::fabs(shift) + std::fabs(spread));
    out.dx_terms = std::max(out.dx_terms, size);
  });
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
