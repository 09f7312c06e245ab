// Self-normalizing networks (Klambauer et al., arXiv 1706.02515): SELU, alpha dropout, and both at
// once, element by element on tensors of any shape.
//
//   selu      f(x) = positive * x + offset (x > 0),  negative * (e^x - 1) + offset (x <= 0)
//   linear    f(x) = positive * x + offset
//   y = f(x) where x is kept, else `dropped`
//
// With scale lambda and dropout's a and b, positive = a lambda, negative = a lambda alpha, offset =
// b; dropped is the saturation of SELU, f(-infinity) = offset - negative. Kept are the elements
// whose random word (core/philox.h) has word >> 8 >= threshold; elements that differ along shared
// axes only share one.
//
//   linear    dx = positive * dy where x was kept, else 0: f with offset = dropped = 0, on dy
//   selu      dx = dy * (y > offset ? positive : y - dropped)
//
// The second needs neither x nor the mask: f gives y > offset for exactly the x > 0, and y -
// dropped is exactly 0 for dropped elements, which is also where their slope ends as x falls.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/noise_shape.h"
#include "core/selu_map.h"
#include "core/status.h"

namespace tfjs_norm {

inline SeluMap SeluOf(float positive, float negative, float offset) {
  const float next = std::nextafter(offset, FLT_MAX);
  // Not a denormal, which may be flushed to 0.
  const float above = next > 0 && next < FLT_MIN ? FLT_MIN : next;
  return {true, positive, negative, offset, offset - negative, above};
}

inline SeluMap LinearOf(float positive, float offset, float dropped) {
  return {false, positive, 0, offset, dropped, 0};
}

struct DropoutMask {
  static constexpr uint32_t kAll = 1u << 24;  // the threshold that drops everything

  uint32_t threshold = 0;         // 0: everything is kept
  const float* digits = nullptr;  // of the stream (philox::StreamOf); null where everything is kept
  NoiseShape shape;               // not read where everything is kept
};

struct SeluForward {
  int64_t size = 0;
  SeluMap map = {};
  DropoutMask mask;
  const float* x = nullptr;
  float* y = nullptr;
};

struct SeluBackward {
  int64_t size = 0;
  SeluMap map = {};
  bool masked = false;  // whether y == dropped passes nothing on, not even NaN
  const float* dy = nullptr;
  const float* y = nullptr;
  float* dx = nullptr;
};

// No workspace; one launch on CUDA.
namespace host {
size_t WorkspaceBytes(const SeluForward& args);
size_t WorkspaceBytes(const SeluBackward& args);
Status Run(const SeluForward& args, void* workspace);
Status Run(const SeluBackward& args, void* workspace);
}  // namespace host

namespace cuda {
size_t WorkspaceBytes(const SeluForward& args);
size_t WorkspaceBytes(const SeluBackward& args);
Status Run(const SeluForward& args, void* workspace, void* stream);
Status Run(const SeluBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
