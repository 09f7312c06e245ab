// The numbers of an element-wise map (norms/selu.h says what it is for).
//
//   selu      f(x) = positive * x + offset (x > 0),  negative * (e^x - 1) + offset (x <= 0)
//   linear    f(x) = positive * x + offset
//   y = f(x) where x is kept, else dropped
#pragma once

namespace tfjs_norm {

struct SeluMap {
  bool selu;
  float positive;
  float negative;
  float offset;
  float dropped;
  float above;  // the least y of x > 0: rounding must not give it that of x = 0
};

}  // namespace tfjs_norm
