#include "core/philox.h"

#include <cmath>

namespace tfjs_norm {
namespace philox {

Status CheckDigits(const float* digits) {
  for (int i = 0; i < kDigits; ++i) {
    const float digit = digits[i];
    if (!(digit >= 0 && digit < kDigitBase) || std::trunc(digit) != digit) {
      return NORM_INVALID("seed must have integers in [0, 65535], got %g at %d",
                          static_cast<double>(digit), i);
    }
  }
  return Ok();
}

}  // namespace philox
}  // namespace tfjs_norm
