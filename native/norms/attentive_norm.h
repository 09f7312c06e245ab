// Attentive normalization (arXiv 1908.01259): x is standardized by batch or group statistics, and
// each sample then gets an affine transform of its own, mixed from K learned ones with weights that
// an attention over the sample's channels gives.
//
//   forward    per pair (n, c): m, v over the positions, vs = v times f = S / max(S - 1, 1) where
//              unbiased_squeeze_variance, else f = 1
//              squeeze   s[n,c] = m * r,  r = 1 / sqrt(vs + squeeze_eps), or s = m (r = 1)
//              logits    z[n,k] = sum_c W[k,c] s[n,c] + bias[k]
//              norm      h = (z - mean) / sqrt(variance + eps) over n for each k (batch) or over k
//                        for each n (layer), zt = gamma_a[k] h + beta_a[k]; or zt = h = z (none)
//              weights   lambda = min(max(zt + 3, 0), 6) / 6, or sigmoid(zt), or softmax_k(zt)
//              mix       Ga[n,c] = sum_k lambda gamma[k,c],  Be[n,c] = sum_k lambda beta[k,c]
//              mu, rho = 1 / sqrt(var + eps) of the pair's set: its channel (batch) or its sample's
//              group of channels (group), by the rules of set_norm.h;  D = m - mu
//              y = Ga * rho * (x - m + D) + Be
//   backward   with xc = x - m, G0 = sum_s dy, G1 = sum_s dy * xc:
//              Q = rho * (G1 + D * G0)
//              dgamma[k,c] = sum_n lambda Q,  dbeta[k,c] = sum_n lambda G0
//              dlambda[n,k] = sum_c (Q gamma[k,c] + G0 beta[k,c])
//              dzt = dlambda / 6 where 0 < lambda < 1, else 0; lambda (1 - lambda) dlambda; or
//                    lambda (dlambda - sum_j lambda_j dlambda_j)
//              dgamma_a[k] = sum_n dzt h,  dbeta_a[k] = sum_n dzt,  dbias[k] = sum_n dz, with
//              g = gamma_a dzt:  dz = (g - mean(g) - h mean(g h)) / sqrt(variance + eps), means
//                    over the set of the norm; g / sqrt(..) with given statistics; dzt (none)
//              dW[k,c] = sum_n dz s,  ds[n,c] = sum_k dz W[k,c]
//              p = Ga * rho
//              q = -rho^2 Q_R / M - f ds s r^2 / S         (the second term: 0 for s = m)
//              t = -rho P_R / M - rho^2 Q_R / M * D + ds r / S
//              dx = p * dy + q * xc + t,  P_R = sum_R Ga G0, Q_R = sum_R Ga Q of the set of M
//              values
//
// Not training: batch statistics of x and of the logits are the running ones, constants; the
// squeeze is always the input's own. Running statistics: new = old + update_rate * (value - old),
// the variances times count / max(count - 1, 1) first when unbiased.
//
// Against the authors' code: the same, but at S = 1, where their squeeze is NaN and ours has
// vs = 0, and at one sample with batch norm of the logits, which they refuse: h = 0, so lambda is
// that of beta_a, and nothing flows through the attention.
//
// Edge cases: one value per statistic: xhat = 0, y = Be, and only the squeeze gives dx. S = 1: xc =
// 0, so dx is one number per pair, taken in double. Saturated hard sigmoids pass no gradient. No
// elements: parameter gradients and attention 0, running statistics unchanged.
//
// Saved for backward: Moments [3, N, C] of the pairs, the variance biased.
#pragma once

#include <cstddef>

#include "core/status.h"
#include "core/view.h"

namespace tfjs_norm {

// The values are those of the op's attributes.
enum class Squeeze : int { kMeanOverDeviation = 0, kMean = 1 };
enum class AttentionNorm : int { kNone = 0, kBatch = 1, kLayer = 2 };
enum class AttentionActivation : int { kHardSigmoid = 0, kSigmoid = 1, kSoftmax = 2 };

// What forward and backward share. A row of the view is a sample.
struct AttentiveNorm {
  View view;
  int64_t mixtures = 1;  // K
  double epsilon = 0;
  bool training = true;
  bool batch_backbone = true;
  int64_t channels_per_group = 1;  // of the group backbone
  Squeeze squeeze = Squeeze::kMeanOverDeviation;
  double squeeze_epsilon = 0;
  bool unbiased_squeeze_variance = true;
  AttentionNorm attention_norm = AttentionNorm::kBatch;
  AttentionActivation attention_activation = AttentionActivation::kHardSigmoid;
  const float* x = nullptr;
  const float* gamma = nullptr;             // [K, C], null: 1
  const float* beta = nullptr;              // [K, C], null: 0
  const float* attention_kernel = nullptr;  // [K, C]: W
  const float* attention_bias = nullptr;    // [K], null: 0
  const float* attention_gamma = nullptr;   // [K], null where the logits are not normalized
  const float* attention_beta = nullptr;    // alike
  const float* moving_mean = nullptr;       // [C], null with a group backbone
  const float* moving_variance = nullptr;
  const float* attention_moving_mean = nullptr;  // [K], null but with batch norm of the logits
  const float* attention_moving_variance = nullptr;
  Moments moments;

  bool batch_of_x() const { return batch_backbone && training; }
  bool given() const { return batch_backbone && !training; }
  bool batch_of_logits() const { return attention_norm == AttentionNorm::kBatch && training; }
  int64_t rows_per_set() const { return batch_of_x() ? view.rows : 1; }
  int64_t channels_per_set() const { return batch_backbone ? 1 : channels_per_group; }
  // M
  double values() const {
    return static_cast<double>(view.positions) *
           static_cast<double>(rows_per_set() * channels_per_set());
  }
  bool one_value() const { return !given() && values() == 1; }
  // f
  double squeeze_factor() const {
    const double s = static_cast<double>(view.positions);
    return unbiased_squeeze_variance && s > 1 ? s / (s - 1) : 1;
  }
};

struct AttentiveNormForward : AttentiveNorm {
  float* y = nullptr;
  float* new_moving_mean = nullptr;  // null as the old ones; copies when not training
  float* new_moving_variance = nullptr;
  float* new_attention_moving_mean = nullptr;
  float* new_attention_moving_variance = nullptr;
  float* attention = nullptr;  // [N, K]: lambda
  double update_rate = 0;
  bool unbiased = true;  // running variances

  // Of the value that a running variance follows, to its biased estimate from `count` values.
  double variance_factor(double count) const {
    return unbiased ? count / (count > 1 ? count - 1 : 1) : 1;
  }
};

struct AttentiveNormBackward : AttentiveNorm {
  const float* dy = nullptr;
  float* dx = nullptr;
  float* dgamma = nullptr;  // [K, C], null when not wanted, as are the others
  float* dbeta = nullptr;
  float* dattention_kernel = nullptr;
  float* dattention_bias = nullptr;
  float* dattention_gamma = nullptr;
  float* dattention_beta = nullptr;
};

// `workspace` as in set_norm.h. The view has elements.
namespace host {
size_t WorkspaceBytes(const AttentiveNormForward& args);
size_t WorkspaceBytes(const AttentiveNormBackward& args);
Status Run(const AttentiveNormForward& args, void* workspace);
Status Run(const AttentiveNormBackward& args, void* workspace);
}  // namespace host

// Launches only, as in set_norm.h: five forward, six backward, of which two pass over the tensor.
namespace cuda {
size_t WorkspaceBytes(const AttentiveNormForward& args);
size_t WorkspaceBytes(const AttentiveNormBackward& args);
Status Run(const AttentiveNormForward& args, void* workspace, void* stream);
Status Run(const AttentiveNormBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
