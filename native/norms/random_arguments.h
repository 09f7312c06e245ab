// What the declarations of ops with random numbers share. Their numbers are those of one stream of
// a seed (core/philox.h), which comes as a tensor of digits.
#pragma once

#include <vector>

#include "core/noise_shape.h"
#include "norms/op_arguments.h"

namespace tfjs_norm {

ArgumentDecl SeedArgument();
AttributeDecl ThresholdAttribute();
AttributeDecl SharedAxesAttribute();

Status CheckSeedShape(const Dims& seed);

// Axis d of x is shared where bit d of the attribute is set.
Status NoiseShapeOf(const Attributes& attributes, const Dims& x, NoiseShape* shape);

}  // namespace tfjs_norm
