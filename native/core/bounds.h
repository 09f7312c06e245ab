// Bounds of an output: y = min(max(z, lower[c]), most). Where z is out of bounds, y does not depend
// on it; a z that equals a bound is within it, and NaN is never out of bounds.
#pragma once

#include <limits>

namespace tfjs_norm {

struct Bounds {
  const float* lower = nullptr;  // [C]; null: `least` for every channel
  float least = -std::numeric_limits<float>::infinity();
  float most = std::numeric_limits<float>::infinity();
};

}  // namespace tfjs_norm
