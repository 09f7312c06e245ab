// Set normalizers: batch, ghost batch, group, instance (and layer norm over H, W, C) are one
// formula. The (row, channel) pairs of a View are partitioned into sets that share a mean and a
// variance: `rows_per_set` consecutive rows x `channels_per_set` consecutive channels.
//
//   forward    mu_R = mean_R m,  var_R = mean_R v + mean_R (m - mu_R)^2,  rho = 1 / sqrt(var_R +
//   eps)
//              y = gamma[c] * rho * (x - mu_R) + beta[c]
//   backward   with M = S * |R|, xc = x - m, D = m - mu_R, G0 = sum_s dy, G1 = sum_s dy * xc,
//              Q = rho * (G1 + D * G0), P_R = sum_R gamma * G0, Q_R = sum_R gamma * Q:
//              dx = gamma*rho*dy - rho^2*Q_R/M * xc - rho*P_R/M - rho^2*Q_R/M * D
//              dgamma[c] = sum_n Q,  dbeta[c] = sum_n G0
//   mean_only: rho is the constant 1 (mean-only batch norm, arXiv 1602.07868), so Q_R falls away
//   with a gate theta[c] (EvoNorm-S0): f = x * sigmoid(theta[c] * x) takes the place of x - mu_R in
//              y, G1 = sum_s dy * f, G2 = sum_s dy * df/dtheta, Q = rho * G1:
//              dx = gamma*rho*dy*df/dx - rho^2*Q_R/M * (xc + D),  dtheta[c] = sum_n gamma*rho*G2
//   M = 1: y = beta and dx = 0, exactly, but with a gate. No elements: parameter gradients 0,
//   running statistics unchanged.
//
// Statistics are shifted and merged (never E[x^2] - E[x]^2); the [R, C] steps run in double; the
// order of every sum is fixed, so results are bit-reproducible. Saved for backward: Moments [3, R,
// C]. Papers: arXiv 1502.03167 (batch), 1705.08741 (ghost batches), 1803.08494 (group), 1607.08022
// (instance), 2004.02967 (EvoNorm).
#pragma once

#include <cstddef>

#include "core/status.h"
#include "core/view.h"
#include "norms/batch_renorm.h"

namespace tfjs_norm {

// Any of gamma, beta may be null: 1 and 0.
struct SetNormForward {
  View view;
  int64_t rows_per_set = 1;
  int64_t channels_per_set = 1;
  double epsilon = 0;
  bool mean_only = false;
  const float* x = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float* y = nullptr;
  Moments moments;

  // Running statistics (batch norm: channels_per_set == 1), none for the others. Their spread is
  // the variance, scaled by M / max(M - 1, 1) first when unbiased; sqrt(variance + eps) with
  // renorm.
  Running moving;
  bool unbiased = false;
  // One set per channel.
  Renorm renorm;
  const float* gate = nullptr;  // [C]: theta; not with renorm. Null: no gate

  bool tracks() const { return moving.wanted() || renorm.running.wanted(); }
};

struct SetNormBackward {
  View view;
  int64_t rows_per_set = 1;
  int64_t channels_per_set = 1;
  double epsilon = 0;
  bool mean_only = false;
  const float* dy = nullptr;
  const float* x = nullptr;
  const float* gamma = nullptr;
  Moments moments;
  float* dx = nullptr;
  float* dgamma = nullptr;             // [C], null when not wanted
  float* dbeta = nullptr;              // [C], null when not wanted
  const float* corrections = nullptr;  // [2, C] of batch_renorm.h, null without it
  const float* gate = nullptr;         // [C], null without it
  float* dgate = nullptr;              // [C], null when not wanted
};

// Batch norm at inference: y = gamma * (x - mean) / sqrt(variance + eps) + beta with given [C]
// statistics. Without them (null) mean is 0 and rho = 1 / sqrt(variance + eps) is 1.
struct ChannelAffineForward {
  View view;
  double epsilon = 0;
  const float* x = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  const float* mean = nullptr;
  const float* variance = nullptr;
  float* y = nullptr;
};

// dx = gamma*rho*dy; dgamma = sum dy*xhat; dbeta = sum dy; dmean = -gamma*rho*dbeta;
// dvariance = -0.5 * rho^2 * gamma * dgamma.
struct ChannelAffineBackward {
  View view;
  double epsilon = 0;
  const float* dy = nullptr;
  const float* x = nullptr;
  const float* gamma = nullptr;
  const float* mean = nullptr;
  const float* variance = nullptr;
  float* dx = nullptr;
  float* dgamma = nullptr;  // each of the four [C] gradients may be null
  float* dbeta = nullptr;
  float* dmean = nullptr;
  float* dvariance = nullptr;
};

// `workspace` holds at least WorkspaceBytes(args), 256-byte aligned, uninitialised. Arguments are
// already validated. Moments, y and dx are fully written.
namespace host {
size_t WorkspaceBytes(const SetNormForward& args);
size_t WorkspaceBytes(const SetNormBackward& args);
size_t WorkspaceBytes(const ChannelAffineForward& args);
size_t WorkspaceBytes(const ChannelAffineBackward& args);
Status Run(const SetNormForward& args, void* workspace);
Status Run(const SetNormBackward& args, void* workspace);
Status Run(const ChannelAffineForward& args, void* workspace);
Status Run(const ChannelAffineBackward& args, void* workspace);
}  // namespace host

// Device pointers; `stream` is a cudaStream_t. Launches only: never synchronises, never allocates.
// At most three launches each.
namespace cuda {
size_t WorkspaceBytes(const SetNormForward& args);
size_t WorkspaceBytes(const SetNormBackward& args);
size_t WorkspaceBytes(const ChannelAffineForward& args);
size_t WorkspaceBytes(const ChannelAffineBackward& args);
Status Run(const SetNormForward& args, void* workspace, void* stream);
Status Run(const SetNormBackward& args, void* workspace, void* stream);
Status Run(const ChannelAffineForward& args, void* workspace, void* stream);
Status Run(const ChannelAffineBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
