#include "norms/op_arguments.h"

#include "core/devices.h"

namespace tfjs_norm {

AttributeDecl AxisAttribute(const char* name, const char* doc) {
  AttributeDecl attribute = {name, AttributeDecl::Type::kInt, -1};
  attribute.doc = doc;
  return attribute;
}

AttributeDecl EpsilonAttribute(double default_value, const char* name) {
  AttributeDecl attribute = {name, AttributeDecl::Type::kFloat, default_value};
  attribute.minimum = 0;
  attribute.minimum_excluded = true;
  attribute.doc = "Added to the variance (or mean square) before its root is taken.";
  return attribute;
}

AttributeDecl UpdateRateAttribute(double default_value, const char* name) {
  AttributeDecl attribute = {name, AttributeDecl::Type::kFloat, default_value};
  attribute.minimum = 0;
  attribute.maximum = 1;
  attribute.doc = "1 - momentum: the weight of the new value in the running statistics.";
  return attribute;
}

AttributeDecl GroupsAttribute() {
  AttributeDecl attribute = {"groups", AttributeDecl::Type::kInt, 32};
  attribute.minimum = 1;
  attribute.doc = "How many groups of consecutive channels; a divisor of the channels.";
  return attribute;
}

AttributeDecl FlagAttribute(const char* name, bool default_value, const char* doc) {
  AttributeDecl attribute = {name, AttributeDecl::Type::kBool, default_value ? 1.0 : 0.0};
  attribute.doc = doc;
  return attribute;
}

AttributeDecl ScaleAttribute(bool default_value) {
  return FlagAttribute("scale", default_value,
                       "Whether gamma is used; gamma has shape [0] otherwise.");
}

AttributeDecl CenterAttribute(bool default_value) {
  return FlagAttribute("center", default_value,
                       "Whether beta is used; beta has shape [0] otherwise.");
}

ArgumentDecl RankArgument(const char* name, int rank, const char* doc) {
  ArgumentDecl argument = {name};
  argument.min_rank = rank;
  argument.max_rank = rank;
  argument.doc = doc;
  return argument;
}

ArgumentDecl AnyRankArgument(const char* name, int min_rank) {
  ArgumentDecl argument = {name};
  argument.min_rank = min_rank;
  return argument;
}

ArgumentDecl LikeArgument(const char* name, int like_input, const char* doc) {
  ArgumentDecl argument = {name};
  argument.like_input = like_input;
  argument.doc = doc;
  return argument;
}

Status ResolveAxis(const Attributes& attributes, const char* name, const Dims& x, int64_t* axis) {
  const int64_t rank = static_cast<int64_t>(x.size());
  const int64_t given = attributes.Int(name);
  if (given < -rank || given >= rank) {
    return NORM_INVALID("%s must be in [%lld, %lld] for x of shape %s, got %lld", name,
                        static_cast<long long>(-rank), static_cast<long long>(rank - 1),
                        ToString(x).c_str(), static_cast<long long>(given));
  }
  *axis = given < 0 ? given + rank : given;
  return Ok();
}

int64_t Product(const Dims& dims, int64_t first, int64_t last) {
  return ElementCount(Dims(dims.begin() + first, dims.begin() + last));
}

Status CheckShape(const char* name, const Dims& got, const Dims& expected) {
  if (got == expected) return Ok();
  return NORM_INVALID("%s must have shape %s, got %s", name, ToString(expected).c_str(),
                      ToString(got).c_str());
}

Status CheckParameter(const Attributes& attributes, const char* name, const char* flag,
                      const Dims& got, const Dims& expected) {
  const Dims shape = ParameterShape(attributes, flag, expected);
  if (got == shape) return Ok();
  return NORM_INVALID("%s must have shape %s (%s is %s), got %s", name, ToString(shape).c_str(),
                      flag, attributes.Bool(flag) ? "true" : "false", ToString(got).c_str());
}

Dims ParameterShape(const Attributes& attributes, const char* flag, const Dims& expected) {
  return attributes.Bool(flag) ? expected : Dims{0};
}

Status AllocateOutputs(OpContext& context, const std::vector<Dims>& dims,
                       std::vector<Tensor>* outputs) {
  outputs->resize(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) {
    NORM_RETURN_IF_ERROR(context.AllocateOutput(static_cast<int>(i), dims[i], &(*outputs)[i]));
  }
  return Ok();
}

Status RunEmpty(OpContext& context, Device device, const std::vector<Tensor>& outputs,
                const std::vector<int>& copies) {
  void* workspace = nullptr;
  NORM_RETURN_IF_ERROR(context.AllocateTemp(0, &workspace));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const size_t bytes = static_cast<size_t>(outputs[i].size()) * sizeof(float);
    if (bytes == 0) continue;
    const int from = i < copies.size() ? copies[i] : -1;
    NORM_RETURN_IF_ERROR(from < 0 ? FillZero(device, outputs[i].data, bytes, context.stream())
                                  : CopyOnDevice(device, outputs[i].data, context.input(from).data,
                                                 bytes, context.stream()));
  }
  return Ok();
}

}  // namespace tfjs_norm
