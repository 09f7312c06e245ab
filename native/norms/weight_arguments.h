// What ops on lists of weights share: which axes of a weight are those of its outputs.
#pragma once

#include <vector>

#include "core/weight_view.h"
#include "norms/op_arguments.h"

namespace tfjs_norm {

// `axis` and `kept_axes`.
std::vector<AttributeDecl> KeptAxesAttributes();

// The kept entries of all weights, one weight after the other.
struct Weights {
  std::vector<WeightView> views;
  std::vector<Dims> gains;  // the extents of the kept axes
  int64_t entries = 0;

  Dims moments() const { return {3, entries}; }
  // Appends a weight of the shape of the argument `name`.
  Status Add(const Attributes& attributes, const char* name, const Dims& x);
};

inline ArgumentDecl ListOf(ArgumentDecl argument) {
  argument.list = true;
  return argument;
}
inline ArgumentDecl WeightArgument(const char* name) { return ListOf(AnyRankArgument(name, 1)); }

}  // namespace tfjs_norm
