#include "norms/random_arguments.h"

#include "core/philox.h"
#include "norms/selu.h"

namespace tfjs_norm {

ArgumentDecl SeedArgument() {
  return VectorArgument("seed",
                        "[8]: 16-bit digits of the 64-bit seed and of the 64-bit number of the "
                        "stream, the lowest of each first.");
}

AttributeDecl ThresholdAttribute() {
  AttributeDecl attribute = {"threshold", AttributeDecl::Type::kInt, 0};
  attribute.minimum = 0;
  attribute.maximum = DropoutMask::kAll;
  attribute.doc = "ceil(rate * 2^24): dropped are random 24-bit numbers below it.";
  return attribute;
}

AttributeDecl SharedAxesAttribute() {
  AttributeDecl attribute = {"shared_axes", AttributeDecl::Type::kInt, 0};
  attribute.minimum = 0;
  attribute.doc = "Bit d: elements that differ along axis d only share a random number.";
  return attribute;
}

Status CheckSeedShape(const Dims& seed) { return CheckShape("seed", seed, {philox::kDigits}); }

Status NoiseShapeOf(const Attributes& attributes, const Dims& x, NoiseShape* shape) {
  const int64_t shared = attributes.Int("shared_axes");
  const size_t rank = x.size();
  if (shared >> rank != 0) {
    return NORM_INVALID("shared_axes must have no bits beyond the %zu axes of x, got %lld", rank,
                        static_cast<long long>(shared));
  }
  *shape = NoiseShape();
  for (size_t axis = 0; axis < rank; ++axis) shape->Append(x[axis], (shared >> axis & 1) == 0);
  shape->Close();
  return Ok();
}

}  // namespace tfjs_norm
