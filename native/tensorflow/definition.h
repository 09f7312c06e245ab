// An op declaration as a TensorFlow op definition: arguments, attributes, shape function.
#pragma once

#include "core/op.h"
#include "tensorflow/symbols.h"

namespace tfjs_norm::tensorflow {

// `shape` must be the function that calls InferShapes for this op: TensorFlow passes it no user
// data.
Status DefineOp(const Api& tf, const OpDecl& op, ShapeFunction shape);

// The declared ranks become errors when a graph is built; an output that is like an input gets its
// shape, one of a fixed rank gets that rank, and the others stay unknown, since TensorFlow's C
// interface shows a shape function no attribute values.
void InferShapes(const OpDecl& op, TF_ShapeInferenceContext* context, TF_Status* status);

}  // namespace tfjs_norm::tensorflow
