// The definition of attentive_norm.h in double precision. The gradients go backwards through it
// step by step, with the Jacobians of the norms and activations, not by the closed forms of the
// kernels.
#pragma once

#include <algorithm>

#include "norms/attentive_norm.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

struct Attentive {
  Values y, attention;
  Values moving_mean, moving_variance, attention_moving_mean, attention_moving_variance;
};

// The `terms` are the sizes of what is summed up, for outputs whose sums may cancel.
struct AttentiveGradients {
  Values dx, dgamma, dbeta, dkernel, dbias, dattention_gamma, dattention_beta;
  double dx_terms = 0;
  double dgamma_terms = 0;
  double dkernel_terms = 0;
  double dlogit_terms = 0;   // of dbias
  double dweight_terms = 0;  // of dattention_gamma and dattention_beta
};

// Logits that are normalized together: for a mixture over the samples, or for a sample over K.
struct LogitSet {
  int64_t first = 0;
  int64_t stride = 1;
  int64_t count = 1;
  double mean = 0;
  double variance = 0;
  double rho = 1;
};

struct AttentiveState {
  Values mean, variance, squeezed, scale;  // [N, C]: m, v, s, r
  Values logits, h, lambda;                // [N, K]
  std::vector<LogitSet> logit_sets;
  Values mixed_gamma, mixed_beta;     // [N, C]
  Values set_mean, set_rho;           // [N, C]: of the pair's set
  Values batch_mean, batch_variance;  // [C], of x
  double factor = 1;
};

inline std::vector<LogitSet> LogitSetsOf(const AttentiveNorm& args, const Values& logits) {
  std::vector<LogitSet> sets;
  const int64_t rows = args.view.rows;
  const int64_t mixtures = args.mixtures;
  if (args.attention_norm == AttentionNorm::kNone) return sets;
  const bool batch = args.attention_norm == AttentionNorm::kBatch;
  for (int64_t i = 0; i < (batch ? mixtures : rows); ++i) {
    LogitSet set;
    set.first = batch ? i : i * mixtures;
    set.stride = batch ? mixtures : 1;
    set.count = batch ? rows : mixtures;
    const double count = static_cast<double>(set.count);
    const double origin = logits[set.first];
    for (int64_t j = 0; j < set.count; ++j) {
      set.mean += (logits[set.first + j * set.stride] - origin) / count;
    }
    set.mean += origin;
    for (int64_t j = 0; j < set.count; ++j) {
      const double d = logits[set.first + j * set.stride] - set.mean;
      set.variance += d * d / count;
    }
    const bool given = batch && !args.training;
    if (given) set.mean = args.attention_moving_mean[i];
    set.rho =
        1 / std::sqrt((given ? args.attention_moving_variance[i] : set.variance) + args.epsilon);
    sets.push_back(set);
  }
  return sets;
}

inline void ActivateRow(AttentionActivation activation, int64_t count, double* row) {
  double largest = row[0];
  for (int64_t k = 0; k < count; ++k) largest = std::max(largest, row[k]);
  double sum = 0;
  for (int64_t k = 0; k < count; ++k) {
    switch (activation) {
      case AttentionActivation::kHardSigmoid:
        row[k] = std::min(std::max(row[k] + 3, 0.0), 6.0) / 6;
        break;
      case AttentionActivation::kSigmoid:
        row[k] = 1 / (1 + std::exp(-row[k]));
        break;
      case AttentionActivation::kSoftmax:
        row[k] = std::exp(row[k] - largest);
        break;
    }
    sum += row[k];
  }
  if (activation != AttentionActivation::kSoftmax) return;
  for (int64_t k = 0; k < count; ++k) row[k] /= sum;
}

inline AttentiveState StateOf(const AttentiveNorm& args) {
  const View& view = args.view;
  const int64_t channels = view.channels;
  const int64_t mixtures = args.mixtures;
  AttentiveState s;
  const double positions = static_cast<double>(view.positions);
  if (args.unbiased_squeeze_variance && positions > 1) s.factor = positions / (positions - 1);
  const bool relative = args.squeeze == Squeeze::kMeanOverDeviation;
  for (int64_t n = 0; n < view.rows; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      const Statistic own = StatisticOf(view, args.x, n, 1, c, 1);
      s.mean.push_back(own.mean);
      s.variance.push_back(own.variance);
      s.scale.push_back(relative ? 1 / std::sqrt(s.factor * own.variance + args.squeeze_epsilon)
                                 : 1);
      s.squeezed.push_back(own.mean * s.scale.back());
    }
    for (int64_t k = 0; k < mixtures; ++k) {
      double z = At(args.attention_bias, k, 0);
      for (int64_t c = 0; c < channels; ++c) {
        z += args.attention_kernel[k * channels + c] * s.squeezed[n * channels + c];
      }
      s.logits.push_back(z);
    }
  }
  s.logit_sets = LogitSetsOf(args, s.logits);
  s.h = s.logits;
  for (const LogitSet& set : s.logit_sets) {
    for (int64_t j = 0; j < set.count; ++j) {
      double& value = s.h[set.first + j * set.stride];
      value = (value - set.mean) * set.rho;
    }
  }
  for (int64_t i = 0; i < view.rows * mixtures; ++i) {
    s.lambda.push_back(At(args.attention_gamma, i % mixtures, 1) * s.h[i] +
                       At(args.attention_beta, i % mixtures, 0));
  }
  for (int64_t n = 0; n < view.rows; ++n) {
    ActivateRow(args.attention_activation, mixtures, &s.lambda[n * mixtures]);
  }
  for (int64_t c = 0; args.batch_backbone && c < channels; ++c) {
    const Statistic batch = StatisticOf(view, args.x, 0, view.rows, c, 1);
    s.batch_mean.push_back(batch.mean);
    s.batch_variance.push_back(batch.variance);
  }
  Statistic set;
  for (int64_t n = 0; n < view.rows; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      double gamma = args.gamma ? 0 : 1;
      double beta = 0;
      for (int64_t k = 0; k < mixtures; ++k) {
        const double weight = s.lambda[n * mixtures + k];
        if (args.gamma) gamma += weight * args.gamma[k * channels + c];
        if (args.beta) beta += weight * args.beta[k * channels + c];
      }
      s.mixed_gamma.push_back(gamma);
      s.mixed_beta.push_back(beta);
      if (args.batch_backbone) {
        set.mean = args.training ? s.batch_mean[c] : args.moving_mean[c];
        set.variance = args.training ? s.batch_variance[c] : args.moving_variance[c];
      } else if (c % args.channels_per_group == 0) {
        set = StatisticOf(view, args.x, n, 1, c, args.channels_per_group);
      }
      s.set_mean.push_back(set.mean);
      s.set_rho.push_back(1 / std::sqrt(set.variance + args.epsilon));
    }
  }
  return s;
}

// Calls f(offset, pair, channel) for every element.
template <typename F>
void ForEachPairElement(const View& view, F f) {
  for (int64_t n = 0; n < view.rows; ++n) {
    for (int64_t p = 0; p < view.positions; ++p) {
      for (int64_t c = 0; c < view.channels; ++c) {
        f(Offset(view, n, p, c), n * view.channels + c, c);
      }
    }
  }
}

inline Attentive Run(const AttentiveNormForward& args) {
  const AttentiveState s = StateOf(args);
  Attentive out;
  out.attention = s.lambda;
  out.y.resize(args.view.size());
  ForEachPairElement(args.view, [&](int64_t i, int64_t pair, int64_t) {
    out.y[i] =
        s.mixed_gamma[pair] * s.set_rho[pair] * (args.x[i] - s.set_mean[pair]) + s.mixed_beta[pair];
  });
  const double rate = args.training ? args.update_rate : 0;
  const auto follow = [&](double old, double now) { return old + rate * (now - old); };
  const auto unbiased = [&](double count) {
    return args.unbiased && count > 1 ? count / (count - 1) : 1;
  };
  const double values = static_cast<double>(args.view.rows * args.view.positions);
  for (int64_t c = 0; args.batch_backbone && c < args.view.channels; ++c) {
    out.moving_mean.push_back(follow(args.moving_mean[c], s.batch_mean[c]));
    out.moving_variance.push_back(
        follow(args.moving_variance[c], s.batch_variance[c] * unbiased(values)));
  }
  const bool batch = args.attention_norm == AttentionNorm::kBatch;
  for (int64_t k = 0; batch && k < args.mixtures; ++k) {
    const LogitSet& set = s.logit_sets[k];
    out.attention_moving_mean.push_back(follow(args.attention_moving_mean[k], set.mean));
    out.attention_moving_variance.push_back(
        follow(args.attention_moving_variance[k],
               set.variance * unbiased(static_cast<double>(args.view.rows))));
  }
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
