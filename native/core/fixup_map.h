// The scalars of an element-wise map (norms/fixup.h says what it is for), or what belongs to each.
//
//   y = f(scale * x + bias + residual) + shift
#pragma once

namespace tfjs_norm {

template <class T>
struct FixupScalars {
  T scale;
  T bias;
  T shift;
};

}  // namespace tfjs_norm
