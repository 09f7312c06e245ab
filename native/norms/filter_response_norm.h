// Filter response normalization and its thresholded linear unit (arXiv 1911.09737): each (sample,
// channel) pair is divided by the root of its mean square; nothing is centered.
//
//   forward    per pair (n, c), over its S positions: nu2 = mean x^2,  e = epsilon +
//   |learned_epsilon|,
//              rho = 1 / sqrt(nu2 + e),  A = gamma * rho
//              z = A * x + beta,  y = max(z, tau), or y = z without tau
//   backward   dy counts where z >= tau: G0 = sum dy, G1 = sum dy * x there; Q = rho * G1
//              dx = A * (dy where it counts) + q * x,  q = -rho^2 * gamma * Q / S
//              dgamma[c] = sum_n Q,  dbeta[c] = sum_n G0,  dtau[c] = sum of dy where it does not
//              count, dlearned_epsilon = sign(learned_epsilon) * sum -0.5 * rho^2 * gamma * Q, over
//              n and, where there is one for all channels, over c
//
// The paper's epsilon is a constant 1e-6 or, where there are few positions, learned from 1e-4 on;
// as in TensorFlow Addons the learned one is added to the constant, which may then be 0.
//
// nu2 = v + m^2 of the pair's moments, so that a mean of 1e4 costs nothing. y is taken about zero,
// not about the mean: x = 0 gives z = beta exactly, and with beta = tau (both are 0 at first) dy
// counts there.
//
// Edge cases: S = 1: dx = A * rho^2 * e * dy, taken in double. nu2 + e = 0: rho = 0, y = beta and
// dx = 0. A NaN in tau makes its channel NaN. No elements: parameter gradients 0.
//
// Saved for backward: [3, N, C] of the pairs, nu2, A and B, with which z is the forward's to the
// last bit. B is beta.
#pragma once

#include <cstddef>

#include "core/bounds.h"
#include "core/status.h"
#include "core/view.h"
#include "norms/filter_response.h"

namespace tfjs_norm {

// Per-pair numbers, each an [N, C] array: y = max(a * x + b, tau).
struct FilterResponses {
  float* mean_square = nullptr;
  float* a = nullptr;
  float* b = nullptr;

  static FilterResponses From(float* base, int64_t pairs) {
    return {base, base + pairs, base + 2 * pairs};
  }
};

// What forward and backward share. A row of the view is a sample.
struct FilterResponseNorm {
  View view;
  filter_response::Parameters parameters;  // backward: beta is not read
  const float* x = nullptr;
  FilterResponses saved;

  bool bounded() const { return parameters.tau != nullptr; }
  Bounds bounds() const {
    Bounds bounds;
    bounds.lower = parameters.tau;
    return bounds;
  }
};

struct FilterResponseNormForward : FilterResponseNorm {
  float* y = nullptr;
};

struct FilterResponseNormBackward : FilterResponseNorm {
  const float* dy = nullptr;
  float* dx = nullptr;
  float* dgamma = nullptr;  // [C], null when not wanted, as are the others
  float* dbeta = nullptr;
  float* dtau = nullptr;
  float* dlearned_epsilon = nullptr;  // as learned_epsilon
};

// `workspace` as in set_norm.h. The view has elements.
namespace host {
size_t WorkspaceBytes(const FilterResponseNormForward& args);
size_t WorkspaceBytes(const FilterResponseNormBackward& args);
Status Run(const FilterResponseNormForward& args, void* workspace);
Status Run(const FilterResponseNormBackward& args, void* workspace);
}  // namespace host

// Launches only, as in set_norm.h: three each, of which two pass over the tensor.
namespace cuda {
size_t WorkspaceBytes(const FilterResponseNormForward& args);
size_t WorkspaceBytes(const FilterResponseNormBackward& args);
Status Run(const FilterResponseNormForward& args, void* workspace, void* stream);
Status Run(const FilterResponseNormBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
