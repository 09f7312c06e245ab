// The element-wise steps of networks without normalization (Fixup, SkipInit, ReZero): scalars, a
// shortcut, an activation, on tensors of any shape.
//
//   forward    z = scale * x + bias + residual,  y = f(z) + shift,  f(z) = max(z, 0) or z
//   backward   dz = dy where z > 0 or f is linear, else 0;  dx = scale * dz,  dresidual = dz
//              dscale = sum dz * x,  dbias = sum dz,  dshift = sum dy
//
// Each part may be missing. Backward forms z again, bit for bit, from what the forward read: y need
// not be kept, and nothing is recovered from it. One pass writes dz and dx and gives all three
// sums. NaN: y is NaN, dz is 0. Papers: arXiv 1901.09321, 2002.10444 (SkipInit), 2003.04887
// (ReZero).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/fixup_map.h"
#include "core/status.h"

namespace tfjs_norm {

// Scalars are single values where the kernels run; null: 1 for the scale, 0 for the others.
struct FixupForward {
  int64_t size = 0;
  bool relu = false;
  FixupScalars<const float*> scalars = {};
  const float* x = nullptr;
  const float* residual = nullptr;  // may be null
  float* y = nullptr;
};

struct FixupBackward {
  int64_t size = 0;
  bool relu = false;
  FixupScalars<const float*> scalars = {};
  const float* dy = nullptr;
  const float* x = nullptr;         // null: neither z nor dscale is wanted
  const float* residual = nullptr;  // may be null
  float* dx = nullptr;              // null where it is dy
  float* dz = nullptr;              // null where it is dy or dx, or not wanted
  FixupScalars<float*> sums = {};   // null where not wanted
};

// CUDA: one launch forward; backward one over the tensors, and one for the sums where any is
// wanted.
namespace host {
size_t WorkspaceBytes(const FixupForward& args);
size_t WorkspaceBytes(const FixupBackward& args);
Status Run(const FixupForward& args, void* workspace);
Status Run(const FixupBackward& args, void* workspace);
}  // namespace host

namespace cuda {
size_t WorkspaceBytes(const FixupForward& args);
size_t WorkspaceBytes(const FixupBackward& args);
Status Run(const FixupForward& args, void* workspace, void* stream);
Status Run(const FixupBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
