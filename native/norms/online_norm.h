// Online normalization (arXiv 1905.05894): each sample of a channel is normalized by exponentially
// decaying statistics of the samples before it, and the gradient is made orthogonal to the result
// by a control process. Neither needs a batch.
//
//   forward    samples n in order, running statistics mu, var of a channel; m, v over the positions
//              of sample n, rate = 1 - alpha_fwd:
//              D = m - mu,  sc = sqrt(var + eps),  y_hat = (x - mu) / sc
//              var <- (1 - rate) var + rate v + rate (1 - rate) D^2,  mu <- mu + rate D
//              out = gamma * y_hat + beta
//   error compensation, per sample:
//              clamp          y = min(max(out, -c), c)
//              layer scaling  y = out / zeta,  zeta^2 = mean(out^2) + scaling_eps
//   backward   g = dy through the compensation, gr = gamma * g, samples in order, control states
//              u, v of a channel, rate = 1 - alpha_bkw:
//              h = gr - rate v y_hat,         v <- v + mean_s(h y_hat)
//              dx = h / sc - rate u,          u <- u + mean_s(dx)
//              dgamma = sum g y_hat,  dbeta = sum g
//
// dx is not the derivative of the forward: the control process steers it, on average over samples,
// to be orthogonal to 1 and to y_hat, as the gradient of an exact normalization is. Not training:
// mu and var are constants, and dx is the derivative of the affine map.
//
// Everything but the recurrences is parallel over samples, and equal to the sequential definition
// (online_steps.h has it in closed form over per-sample sums). The recurrences run in double, in
// the order of the samples, one chain per channel: a call of N samples is N calls of one, but for
// the rounding of the states that pass between calls. To pass them unrounded, states may be
// [2, C]: high and low parts.
//
// Start-up: v's factor 1 - rate mean(y_hat^2) leaves (-1, 1) while mean(y_hat^2) > 2 / rate, so
// samples far from what the statistics know (data around 1e4, mu = 0) make v grow for as long. As
// in the authors' kernels nothing guards it.
//
// Paper versus the authors' code: the paper's equations have no eps; the code's kernels loop over
// the samples, one block per channel, and take E[x^2] - E[x]^2.
//
// Edge cases: S = 1: v = 0. No elements: parameter gradients 0, states unchanged. NaN and Inf pass
// on to the samples after it of the same channel, and to its channel's states.
//
// Saved for backward: moments [5, N, C]: mean (high and low part) and biased variance of the pair,
// D, sc.
#pragma once

#include <cstddef>

#include "core/bounds.h"
#include "core/status.h"
#include "core/view.h"

namespace tfjs_norm {

enum class ErrorCompensation { kNone = 0, kClamp = 1, kLayerScaling = 2 };

// A state of each channel, before and after: [C], or the high parts of all channels and then the
// low parts. Null where there is none, at inference.
struct OnlineState {
  const float* from = nullptr;
  float* to = nullptr;
  bool low_parts = false;
};

// What forward and backward share. A row of the view is a sample.
struct OnlineNorm {
  View view;
  bool training = true;
  ErrorCompensation compensation = ErrorCompensation::kClamp;
  double clamp_value = 0;
  double scaling_epsilon = 0;
  const float* x = nullptr;
  const float* gamma = nullptr;  // null: 1
  const float* beta = nullptr;   // null: 0
  Moments moments;
  float* offset = nullptr;     // [N, C]: D
  float* deviation = nullptr;  // [N, C]: sc

  void SetSaved(float* base) {
    moments = Moments::From(base, view.pairs());
    offset = base + 3 * view.pairs();
    deviation = base + 4 * view.pairs();
  }
  bool layer_scaling() const { return compensation == ErrorCompensation::kLayerScaling; }
  bool clamps() const { return compensation == ErrorCompensation::kClamp; }
  Bounds bounds() const {
    const float c = static_cast<float>(clamp_value);
    return {nullptr, -c, c};
  }
  // Not training, the given mean serves as that of every pair where nothing else is asked of it.
  bool moments_of_x() const { return training || layer_scaling(); }
};

struct OnlineNormForward : OnlineNorm {
  double epsilon = 0;
  double rate = 0;  // 1 - alpha_fwd
  OnlineState mean;
  OnlineState variance;
  float* y = nullptr;
};

struct OnlineNormBackward : OnlineNorm {
  double rate = 0;  // 1 - alpha_bkw
  OnlineState u;
  OnlineState v;
  const float* dy = nullptr;
  float* dx = nullptr;
  float* dgamma = nullptr;  // [C], null when not wanted
  float* dbeta = nullptr;   // [C], null when not wanted
};

// `workspace` as in set_norm.h. The view has elements.
namespace host {
size_t WorkspaceBytes(const OnlineNormForward& args);
size_t WorkspaceBytes(const OnlineNormBackward& args);
Status Run(const OnlineNormForward& args, void* workspace);
Status Run(const OnlineNormBackward& args, void* workspace);
}  // namespace host

// Launches only, as in set_norm.h: three each, and one more with layer scaling or a clamped
// backward.
namespace cuda {
size_t WorkspaceBytes(const OnlineNormForward& args);
size_t WorkspaceBytes(const OnlineNormBackward& args);
Status Run(const OnlineNormForward& args, void* workspace, void* stream);
Status Run(const OnlineNormBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
