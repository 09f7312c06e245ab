#include "norms/weight_arguments.h"

#include <limits>

namespace tfjs_norm {

std::vector<AttributeDecl> KeptAxesAttributes() {
  AttributeDecl kept = {"kept_axes", AttributeDecl::Type::kInt, 1};
  kept.minimum = 0;
  kept.doc = "How many adjacent axes from `axis` on have a statistic for each of their entries.";
  return {AxisAttribute("axis", "The first of the kept axes."), kept};
}

Status Weights::Add(const Attributes& attributes, const char* name, const Dims& x) {
  const int64_t rank = static_cast<int64_t>(x.size());
  const int64_t kept = attributes.Int("kept_axes");
  int64_t axis = 0;
  NORM_RETURN_IF_ERROR(ResolveAxis(attributes, "axis", x, &axis));
  if (kept == 0) axis = rank;
  if (kept > rank - axis) {
    return NORM_INVALID(
        "kept_axes must be at most the %lld axes from axis on for %s of shape %s, got %lld",
        static_cast<long long>(rank - axis), name, ToString(x).c_str(),
        static_cast<long long>(kept));
  }
  const Dims gain(x.begin() + axis, x.begin() + axis + kept);
  const WeightView view = {Product(x, 0, axis), ElementCount(gain), Product(x, axis + kept, rank)};
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max() / 2;
  entries += view.kept;
  if (view.fan() > kMost || view.kept > kMost || entries > kMost) {
    return NORM_INVALID("%s must have at most %lld entries and values for each, got shape %s", name,
                        static_cast<long long>(kMost), ToString(x).c_str());
  }
  views.push_back(view);
  gains.push_back(gain);
  return Ok();
}

}  // namespace tfjs_norm
