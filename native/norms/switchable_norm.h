// Switchable normalization (arXiv 1806.10779): each (sample, channel) pair is normalized by learned
// mixtures of three means and of three variances: of its own positions (instance), of its sample
// (layer) and of its channel (batch).
//
//   forward    per pair (n, c): m, v over the positions, v times f = S / max(S - 1, 1) where
//              unbiased_spatial_variance, else f = 1
//              m_ln = mean_c m,  v_ln = mean_c v + mean_c (m - m_ln)^2      per sample
//              m_bn = mean_n m,  v_bn = mean_n v + mean_n (m - m_bn)^2      per channel
//              w = softmax(mean_logits), u = softmax(variance_logits): instance, layer, batch
//              D = sum_k w_k (m - m_k),  V = sum_k u_k v_k,  rho = 1 / sqrt(V + eps)
//              y = gamma * rho * (x - m + D) + beta
//   backward   with xc = x - m, G0 = sum_s dy, G1 = sum_s dy * xc, A = gamma * rho:
//              Q = rho * (G1 + D * G0),  dmu = -A * G0,  dV = -0.5 * rho^2 * gamma * Q
//              dx = A * dy + q * xc + t
//              q = 2f/S * (u_in dV + u_ln mean_c dV + u_bn mean_n dV)
//              t = 1/S * (w_in dmu + w_ln mean_c dmu + w_bn mean_n dmu)
//                + 2/S * (u_ln mean_c(dV) (m - m_ln) + u_bn mean_n(dV) (m - m_bn))
//              dw_k = sum dmu (m_k - m),  du_k = sum dV v_k, and through the softmax
//              dmean_logits_k = w_k (dw_k - sum_j w_j dw_j),  dvariance_logits_k alike with u
//              dgamma[c] = sum_n Q,  dbeta[c] = sum_n G0
//
// Not training: m_bn and v_bn are the running statistics, constants of which dx knows nothing; the
// logits' gradients still do. Without batch there are two logits each and no running statistics.
// Running statistics: new = old + update_rate * (m_bn - old), and v_bn alike, without a Bessel
// factor.
//
// Paper versus the authors' code: the paper's variance over a plane is biased (f = 1), the code's
// is unbiased (f = S / (S - 1), NaN at S = 1 where we take v = 0) and is composed into v_ln and
// v_bn as if it were biased; unbiased_spatial_variance gives just that. The paper infers with the
// average of statistics over many batches, the code by default with a moving average; both are
// running statistics here.
//
// Edge cases: S = 1: v = 0 and xc = 0, so dx is one number per pair, taken in double; one value in
// all: y = beta and dx = 0 exactly in training. No elements: parameter gradients 0, running
// statistics unchanged. gamma = 0: dx and the logits' gradients are 0, dgamma is not. Logits of any
// finite size: the softmax is shifted by its largest.
//
// Saved for backward: Moments [3, N, C] of the pairs, the variance biased.
#pragma once

#include <cstddef>

#include "core/status.h"
#include "core/view.h"

namespace tfjs_norm {

// What forward and backward share. A row of the view is a sample.
struct SwitchableNorm {
  View view;
  double epsilon = 0;
  bool training = true;
  bool use_batch = true;
  bool unbiased_spatial_variance = false;
  const float* x = nullptr;
  const float* gamma = nullptr;            // null: 1
  const float* mean_logits = nullptr;      // [3], without batch [2]
  const float* variance_logits = nullptr;  // alike
  const float* moving_mean = nullptr;      // [C], without batch null
  const float* moving_variance = nullptr;  // alike
  Moments moments;

  bool batch_of_x() const { return use_batch && training; }
  bool one_value() const { return training && view.size() == 1; }
  int logits() const { return use_batch ? 3 : 2; }
  // f
  double variance_factor() const {
    const double s = static_cast<double>(view.positions);
    return unbiased_spatial_variance && s > 1 ? s / (s - 1) : 1;
  }
};

struct SwitchableNormForward : SwitchableNorm {
  const float* beta = nullptr;  // null: 0
  float* y = nullptr;
  float* new_moving_mean = nullptr;  // without batch null; copies when not training
  float* new_moving_variance = nullptr;
  double update_rate = 0;
};

struct SwitchableNormBackward : SwitchableNorm {
  const float* dy = nullptr;
  float* dx = nullptr;
  float* dgamma = nullptr;  // [C], null when not wanted
  float* dbeta = nullptr;   // [C], null when not wanted
  float* dmean_logits = nullptr;
  float* dvariance_logits = nullptr;
};

// `workspace` as in set_norm.h. The view has elements.
namespace host {
size_t WorkspaceBytes(const SwitchableNormForward& args);
size_t WorkspaceBytes(const SwitchableNormBackward& args);
Status Run(const SwitchableNormForward& args, void* workspace);
Status Run(const SwitchableNormBackward& args, void* workspace);
}  // namespace host

// Launches only, as in set_norm.h: four forward, six backward, of which two pass over the tensor.
namespace cuda {
size_t WorkspaceBytes(const SwitchableNormForward& args);
size_t WorkspaceBytes(const SwitchableNormBackward& args);
Status Run(const SwitchableNormForward& args, void* workspace, void* stream);
Status Run(const SwitchableNormBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
