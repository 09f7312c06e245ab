// The arithmetic of attentive_norm.h on arrays [N, C] and [N, K], in double, for host and CUDA.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/host_device.h"
#include "norms/attentive_norm.h"
#include "norms/statistic.h"

namespace tfjs_norm {
namespace attentive {

// What is taken off, and what the rest is multiplied with.
struct Standard {
  double mean;
  double rho;

  static NORM_HOST_DEVICE Standard Of(double mean, double variance, double epsilon) {
    return {mean, 1.0 / sqrt(variance + epsilon)};
  }
};

struct SqueezeRule {
  bool relative;
  double factor;
  double epsilon;

  static SqueezeRule Of(const AttentiveNorm& args) {
    return {args.squeeze == Squeeze::kMeanOverDeviation, args.squeeze_factor(),
            args.squeeze_epsilon};
  }
  // r of a pair with this biased variance; s = m * r.
  NORM_HOST_DEVICE double Scale(double variance) const {
    return relative ? 1.0 / sqrt(factor * variance + epsilon) : 1.0;
  }
};

// Over the samples, of a logit.
struct LogitMeans {
  double d;   // of dzt
  double dh;  // of dzt * h
};

// From the logits of a sample to its weights and back. Rows are samples.
struct Attention {
  AttentionNorm norm;
  AttentionActivation activation;
  bool batch_of_logits;
  double epsilon;
  int64_t rows;
  int64_t mixtures;
  const float* bias;
  const float* gamma;
  const float* beta;
  const float* moving_mean;
  const float* moving_variance;
  double* h;          // [N, K]: z, then h
  double* lambda;     // [N, K]
  Standard* columns;  // [K]: of the logits, with batch norm
  // Backward.
  double* d;          // [N, K]: dlambda, then dzt
  double* dz;         // [N, K]
  double* row_rho;    // [N]: of the samples, with layer norm
  LogitMeans* means;  // [K]

  // The arrays stay to be taken.
  static Attention Of(const AttentiveNorm& args) {
    Attention a = {};
    a.norm = args.attention_norm;
    a.activation = args.attention_activation;
    a.batch_of_logits = args.batch_of_logits();
    a.epsilon = args.epsilon;
    a.rows = args.view.rows;
    a.mixtures = args.mixtures;
    a.bias = args.attention_bias;
    a.gamma = args.attention_gamma;
    a.beta = args.attention_beta;
    a.moving_mean = args.attention_moving_mean;
    a.moving_variance = args.attention_moving_variance;
    return a;
  }

  NORM_HOST_DEVICE bool given() const { return norm == AttentionNorm::kBatch && !batch_of_logits; }
  NORM_HOST_DEVICE double Bias(int64_t k) const {
    return bias ? static_cast<double>(bias[k]) : 0.0;
  }
  NORM_HOST_DEVICE void TakeGiven(int64_t k) const {
    columns[k] = Standard::Of(moving_mean[k], moving_variance[k], epsilon);
  }

  // z -> h and lambda of sample n; `columns` is known.
  NORM_HOST_DEVICE void ForwardRow(int64_t n) const {
    double* row = h + n * mixtures;
    Standard own = {0.0, 1.0};
    if (norm == AttentionNorm::kLayer) {
      own = OfRow(row);
      if (row_rho) row_rho[n] = own.rho;
    }
    double* weights = lambda + n * mixtures;
    for (int64_t k = 0; k < mixtures; ++k) {
      const Standard by = norm == AttentionNorm::kBatch ? columns[k] : own;
      const double value = (row[k] - by.mean) * by.rho;
      row[k] = value;
      weights[k] = norm == AttentionNorm::kNone ? value : gamma[k] * value + beta[k];
    }
    Activate(weights);
  }

  // dlambda -> dzt of sample n. NaN weights pass NaN on.
  NORM_HOST_DEVICE void ActivationGradRow(int64_t n) const {
    const double* weights = lambda + n * mixtures;
    double* row = d + n * mixtures;
    double mean = 0.0;
    if (activation == AttentionActivation::kSoftmax) {
      // Relative to the first: equal gradients give exactly 0.
      for (int64_t k = 1; k < mixtures; ++k) mean += weights[k] * (row[k] - row[0]);
    }
    const double first = row[0];
    for (int64_t k = 0; k < mixtures; ++k) {
      const double w = weights[k];
      switch (activation) {
        case AttentionActivation::kHardSigmoid:
          row[k] = w <= 0.0 || w >= 1.0 ? 0.0 : row[k] / 6.0;
          break;
        case AttentionActivation::kSigmoid:
          row[k] *= w * (1.0 - w);
          break;
        case AttentionActivation::kSoftmax:
          row[k] = w * (row[k] - first - mean);
          break;
      }
    }
  }

  // dzt -> dz of sample n; with batch norm of the logits `means` is known.
  NORM_HOST_DEVICE void NormGradRow(int64_t n) const {
    const double* row = d + n * mixtures;
    const double* heights = h + n * mixtures;
    double* out = dz + n * mixtures;
    double mean = 0.0;
    double mean_h = 0.0;
    if (norm == AttentionNorm::kLayer) {
      for (int64_t k = 0; k < mixtures; ++k) {
        const double g = gamma[k] * row[k];
        mean += g;
        mean_h += g * heights[k];
      }
      mean /= static_cast<double>(mixtures);
      mean_h /= static_cast<double>(mixtures);
    }
    for (int64_t k = 0; k < mixtures; ++k) {
      switch (norm) {
        case AttentionNorm::kNone:
          out[k] = row[k];
          break;
        case AttentionNorm::kLayer:
          out[k] = row_rho[n] * (gamma[k] * row[k] - mean - heights[k] * mean_h);
          break;
        case AttentionNorm::kBatch: {
          const double g =
              batch_of_logits ? row[k] - means[k].d - heights[k] * means[k].dh : row[k];
          out[k] = columns[k].rho * gamma[k] * g;
          break;
        }
      }
    }
  }

 private:
  NORM_HOST_DEVICE Standard OfRow(const double* row) const {
    const double first = row[0];
    const double count = static_cast<double>(mixtures);
    double rest = 0.0;
    for (int64_t k = 1; k < mixtures; ++k) rest += row[k] - first;
    const double mean = first + rest / count;
    double squares = 0.0;
    for (int64_t k = 0; k < mixtures; ++k) squares += (row[k] - mean) * (row[k] - mean);
    return Standard::Of(mean, squares / count, epsilon);
  }

  // zt -> lambda, in place.
  NORM_HOST_DEVICE void Activate(double* row) const {
    if (activation == AttentionActivation::kSoftmax) {
      double largest = row[0];
      for (int64_t k = 1; k < mixtures; ++k) largest = row[k] > largest ? row[k] : largest;
      double sum = 0.0;
      for (int64_t k = 0; k < mixtures; ++k) {
        row[k] = exp(row[k] - largest);
        sum += row[k];
      }
      for (int64_t k = 0; k < mixtures; ++k) row[k] /= sum;
      return;
    }
    for (int64_t k = 0; k < mixtures; ++k) {
      if (activation == AttentionActivation::kSigmoid) {
        row[k] = 1.0 / (1.0 + exp(-row[k]));
      } else {
        const double sixth = (row[k] + 3.0) / 6.0;
        row[k] = sixth < 0.0 ? 0.0 : sixth > 1.0 ? 1.0 : sixth;
      }
    }
  }
};

// P_R / M and Q_R / M of a set; 0 where its statistics are given.
struct SetGradient {
  double p;
  double q;
};

// What the coefficients of dx need besides the pair's own numbers.
struct SlopeRule {
  SqueezeRule squeeze;
  double positions;
  bool one_value;
};

struct Slopes {
  double p, q, t;

  // Of a pair with D = d, mixed scale ga, squeezed value s = m * r and its gradient ds.
  NORM_HOST_DEVICE Slopes(const SlopeRule& rule, const SetGradient& set, double rho, double d,
                          double ga, double s, double r, double ds, double g0) {
    p = rule.one_value ? 0.0 : ga * rho;
    q = rule.one_value ? 0.0 : -rho * rho * set.q;
    t = rule.one_value ? 0.0 : q * d - rho * set.p;
    const double per_position = 1.0 / rule.positions;
    t += ds * r * per_position;
    if (rule.squeeze.relative) q -= rule.squeeze.factor * ds * s * r * r * per_position;
    if (rule.positions == 1.0) {
      t += p * g0;
      p = q = 0.0;
    }
  }
};

}  // namespace attentive
}  // namespace tfjs_norm
