#include "tensorflow/definition.h"

#include <cmath>
#include <cstdlib>

namespace tfjs_norm::tensorflow {
namespace {

std::string ArgumentSpec(const ArgumentDecl& argument) {
  return std::string(argument.name) + (argument.list ? ": N * float" : ": float");
}

std::string Shortest(double value) {
  char text[32];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

std::string AttributeSpec(const AttributeDecl& attribute) {
  const std::string name = attribute.name;
  switch (attribute.type) {
    case AttributeDecl::Type::kBool:
      return name + ": bool = " + (attribute.default_value != 0 ? "true" : "false");
    case AttributeDecl::Type::kFloat:
      return name + ": float = " + Shortest(attribute.default_value);
    case AttributeDecl::Type::kInt:
      break;
  }
  std::string spec = name + ": int";
  if (std::isfinite(attribute.minimum)) {
    const double least = attribute.minimum_excluded ? std::floor(attribute.minimum) + 1
                                                    : std::ceil(attribute.minimum);
    spec += " >= " + std::to_string(static_cast<int64_t>(least));
  }
  return spec + " = " + std::to_string(static_cast<int64_t>(attribute.default_value));
}

std::string RankDomain(const ArgumentDecl& argument) {
  if (argument.min_rank == argument.max_rank) return std::to_string(argument.min_rank);
  const std::string least = std::to_string(argument.min_rank);
  if (argument.max_rank == ArgumentDecl{}.max_rank) return "at least " + least;
  return least + " to " + std::to_string(argument.max_rank);
}

bool HasFixedRank(const ArgumentDecl& argument) { return argument.min_rank == argument.max_rank; }

Status CheckInput(const Api& tf, const OpDecl& op, const ArgumentDecl& argument, int index,
                  TF_ShapeInferenceContext* context, TF_ShapeHandle* shape, TF_Status* status) {
  tf.ShapeInferenceContextGetInput(context, index, shape, status);
  NORM_RETURN_IF_ERROR(FromTensorFlow(tf, status, op.name, argument.name));
  if (tf.ShapeInferenceContextRankKnown(context, shape) == 0) {
    if (!HasFixedRank(argument)) return Ok();
    tf.ShapeInferenceContextWithRank(context, shape, argument.min_rank, shape, status);
    return FromTensorFlow(tf, status, op.name, argument.name);
  }
  const int64_t rank = tf.ShapeInferenceContextRank(context, shape);
  if (rank >= argument.min_rank && rank <= argument.max_rank) return Ok();
  return NORM_INVALID("%s: %s must have rank %s, got rank %lld", op.name, argument.name,
                      RankDomain(argument).c_str(), static_cast<long long>(rank));
}

Status SetOutputs(const Api& tf, const OpDecl& op, TF_ShapeInferenceContext* context,
                  TF_Status* status) {
  tf.ShapeInferenceContextSetUnknownShape(context, status);
  NORM_RETURN_IF_ERROR(FromTensorFlow(tf, status, op.name, "outputs"));

  const size_t count = static_cast<size_t>(tf.ShapeInferenceContextNumInputs(context));
  const Arrangement of_inputs = InputsOf(op, count);
  std::vector<ShapeHandle> inputs;
  for (int i = 0; i < of_inputs.size(); ++i) {
    inputs.push_back(NewShape(tf));
    NORM_RETURN_IF_ERROR(CheckInput(tf, op, op.inputs[of_inputs.argument(i)], i, context,
                                    inputs.back().get(), status));
  }
  const Arrangement of_outputs = OutputsOf(op, count);
  for (int i = 0; i < of_outputs.size(); ++i) {
    const ArgumentDecl& output = op.outputs[of_outputs.argument(i)];
    const ShapeHandle unknown = NewShape(tf);
    TF_ShapeHandle* shape = unknown.get();
    if (output.like_input >= 0) {
      shape = inputs[of_inputs.at(output.like_input) + of_outputs.entry(i)].get();
    } else if (HasFixedRank(output)) {
      tf.ShapeInferenceContextWithRank(context, shape, output.min_rank, shape, status);
      NORM_RETURN_IF_ERROR(FromTensorFlow(tf, status, op.name, output.name));
    } else {
      continue;
    }
    tf.ShapeInferenceContextSetOutput(context, i, shape, status);
    NORM_RETURN_IF_ERROR(FromTensorFlow(tf, status, op.name, output.name));
  }
  return Ok();
}

}  // namespace

Status DefineOp(const Api& tf, const OpDecl& op, ShapeFunction shape) {
  TF_OpDefinitionBuilder* builder = tf.NewOpDefinitionBuilder(op.name);
  for (const ArgumentDecl& input : op.inputs) {
    tf.OpDefinitionBuilderAddInput(builder, ArgumentSpec(input).c_str());
  }
  for (const ArgumentDecl& output : op.outputs) {
    tf.OpDefinitionBuilderAddOutput(builder, ArgumentSpec(output).c_str());
  }
  for (const AttributeDecl& attribute : op.attributes) {
    tf.OpDefinitionBuilderAddAttr(builder, AttributeSpec(attribute).c_str());
  }
  if (ListCount(op.inputs) > 0) tf.OpDefinitionBuilderAddAttr(builder, "N: int >= 1");
  tf.OpDefinitionBuilderSetShapeInferenceFunction(builder, shape);
  const StatusHandle status = NewStatus(tf);
  tf.RegisterOpDefinition(builder, status.get());
  return FromTensorFlow(tf, status.get(), op.name, "op definition");
}

void InferShapes(const OpDecl& op, TF_ShapeInferenceContext* context, TF_Status* status) {
  const Api& tf = TensorFlow();
  ToTensorFlow(tf, SetOutputs(tf, op, context, status), status);
}

}  // namespace tfjs_norm::tensorflow
