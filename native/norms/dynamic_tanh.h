// Dynamic tanh: a bounded element map in the place of a normalization, with one learned slope for
// the whole tensor.
//
//   forward    th = tanh(alpha * x),  y = gamma[c] * th + beta[c]
//   backward   slope = 1 - th^2
//              dx = dy * gamma * alpha * slope,  dalpha = sum dy * gamma * x * slope
//              dgamma[c] = sum dy * th,  dbeta[c] = sum dy
//
// No value depends on another. The slope is not formed as 1 - th^2, which would cancel, and
// products with it are 0 where it is 0: an infinite x has y = beta +- gamma and no gradient.
// Backward reads x and dy once. Nothing is saved. No elements: parameter gradients 0. Paper: arXiv
// 2503.10622.
#pragma once

#include <cstddef>

#include "core/status.h"
#include "core/view.h"

namespace tfjs_norm {

// The channels of the view are the elements of gamma and beta, which may be null: 1 and 0. `alpha`
// is one value.
struct DynamicTanhForward {
  View view;
  const float* x = nullptr;
  const float* alpha = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float* y = nullptr;
};

struct DynamicTanhBackward {
  View view;
  const float* dy = nullptr;
  const float* x = nullptr;
  const float* alpha = nullptr;
  const float* gamma = nullptr;
  float* dx = nullptr;
  float* dalpha = nullptr;
  float* dgamma = nullptr;  // [C], null when not wanted
  float* dbeta = nullptr;   // [C], null when not wanted
};

// As in set_norm.h. CUDA: one launch forward, three backward, one of them over the tensor.
namespace host {
size_t WorkspaceBytes(const DynamicTanhForward& args);
size_t WorkspaceBytes(const DynamicTanhBackward& args);
Status Run(const DynamicTanhForward& args, void* workspace);
Status Run(const DynamicTanhBackward& args, void* workspace);
}  // namespace host

namespace cuda {
size_t WorkspaceBytes(const DynamicTanhForward& args);
size_t WorkspaceBytes(const DynamicTanhBackward& args);
Status Run(const DynamicTanhForward& args, void* workspace, void* stream);
Status Run(const DynamicTanhBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
