// Global response norm (equations in global_response_norm.h).
//
// x has any rank >= 2, its channels on axis 1 or the last one, its samples on axis 0. Saved for
// backward: responses [N, C] of the (sample, channel) pairs.
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

ArgumentDecl ResponsesArgument() {
  return RankArgument("responses", 2, "[N, C]: the root of the sum of x^2 over the positions.");
}

std::vector<AttributeDecl> TheAttributes() {
  AttributeDecl epsilon = EpsilonAttribute(1e-6);
  epsilon.doc = "Added to the mean of a sample's responses.";
  return {SampleAxisAttribute(), epsilon, ScaleAttribute(), CenterAttribute()};
}

Dims ResponsesOf(const SetLayout& layout) { return {layout.view.rows, layout.view.channels}; }

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  *outputs = {inputs[0], ResponsesOf(layout)};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  GlobalResponseNormForward args;
  args.view = layout.view;
  args.epsilon = attributes.Number("epsilon");
  args.x = x.data;
  args.gamma = DataOrNull(context.input(1));
  args.beta = DataOrNull(context.input(2));
  args.y = outputs[0].data;
  args.responses = outputs[1].data;
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], layout.channels()));
  NORM_RETURN_IF_ERROR(CheckShape("responses", inputs[3], ResponsesOf(layout)));
  *outputs = {inputs[1], inputs[2], ParameterShape(attributes, "center", layout.channels())};
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(1);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  GlobalResponseNormBackward args;
  args.view = layout.view;
  args.epsilon = attributes.Number("epsilon");
  args.dy = context.input(0).data;
  args.x = x.data;
  args.gamma = DataOrNull(context.input(2));
  args.responses = context.input(3).data;
  args.dx = outputs[0].data;
  args.dgamma = DataOrNull(outputs[1]);
  args.dbeta = DataOrNull(outputs[2]);
  return RunKernels(context, device, args);
}

}  // namespace

const std::vector<OpDecl>& GlobalResponseNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsGlobalResponseNorm",
       "Global response normalization: x, plus x scaled by its channels' relative strength.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]")},
       {LikeArgument("y", 0, "x, normalized and added to x"), ResponsesArgument()},
       TheAttributes(),
       InferForward,
       Forward},
      {"TfjsGlobalResponseNormGrad",
       "Gradient of TfjsGlobalResponseNorm's y.",
       {SetArgument("dy"), SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        ResponsesArgument()},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
        VectorArgument("dbeta", "[C], or [0] without center")},
       TheAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
