// Group norm (equations in set_norm.h); instance norm is groups = C.
//
// x has any rank >= 2, its channels on axis 1 or the last one, its samples on axis 0. Saved for
// backward: moments [3, N, C] of the (sample, channel) pairs. Papers: arXiv 1803.08494 (group),
// 1607.08022 (instance).
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

Status LayoutOf(const Attributes& attributes, const Dims& x, SetLayout* layout) {
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, x, layout));
  return SplitGroups(attributes, layout);
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  *outputs = {inputs[0], layout.moments()};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);
  return RunSetForward(context, attributes, layout, outputs, device);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[1], &layout));
  return InferSetBackward(attributes, layout, inputs, outputs);
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, context.input(1).dims, &layout));
  return RunSetBackward(context, attributes, layout, output_dims, device);
}

}  // namespace

const std::vector<OpDecl>& GroupNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsGroupNorm",
       "Group normalization: statistics of each sample and group of channels.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]")},
       {LikeArgument("y", 0, "x, normalized"), MomentsArgument()},
       {SampleAxisAttribute(), GroupsAttribute(), EpsilonAttribute(1e-3), ScaleAttribute(),
        CenterAttribute()},
       InferForward,
       Forward},
      {"TfjsGroupNormGrad",
       "Gradient of TfjsGroupNorm's y.",
       SetGradInputs(),
       SetGradOutputs(),
       {SampleAxisAttribute(), GroupsAttribute(), EpsilonAttribute(1e-3), ScaleAttribute(),
        CenterAttribute()},
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
