// Filter response norm (equations in filter_response_norm.h), with or without its threshold.
//
// x has any rank >= 2, its channels on axis 1 or the last one, its samples on axis 0. The learned
// epsilon is [1], or [C]; without tlu, learn_epsilon, scale or center the tensor in question is
// [0]. Saved for backward: responses [3, N, C] of the (sample, channel) pairs.
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

std::vector<AttributeDecl> TheAttributes() {
  AttributeDecl epsilon = EpsilonAttribute(1e-6);
  epsilon.minimum_excluded = false;
  epsilon.doc = "Added to the mean square; greater than 0 without a learned epsilon.";
  return {
      SampleAxisAttribute(),
      epsilon,
      FlagAttribute("tlu", false, "Whether y is max(z, tau); tau has shape [0] otherwise."),
      FlagAttribute("learn_epsilon", false,
                    "Whether |learned_epsilon| is added to epsilon; learned_epsilon has shape [0] "
                    "otherwise."),
      ScaleAttribute(),
      CenterAttribute()};
}

// tau and learned_epsilon, which are adjacent inputs, from `first` on.
Status CheckOwn(const Attributes& attributes, const SetLayout& layout,
                const std::vector<Dims>& inputs, int first) {
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "tau", "tlu", inputs[first], layout.channels()));
  const Dims& learned = inputs[first + 1];
  if (!attributes.Bool("learn_epsilon")) {
    if (attributes.Number("epsilon") == 0) {
      return NORM_INVALID("epsilon must be greater than 0 without a learned epsilon, got 0");
    }
    return CheckShape("learned_epsilon", learned, {0});
  }
  if (learned == Dims{1} || learned == layout.channels()) return Ok();
  return NORM_INVALID("learned_epsilon must have shape [1] or %s, got %s",
                      ToString(layout.channels()).c_str(), ToString(learned).c_str());
}

// All but the saved arrays; tau and learned_epsilon from input `own` on.
void Fill(const OpContext& context, const Attributes& attributes, const SetLayout& layout, int x,
          int gamma, int own, FilterResponseNorm* args) {
  args->view = layout.view;
  args->x = context.input(x).data;
  filter_response::Parameters& parameters = args->parameters;
  parameters.gamma = DataOrNull(context.input(gamma));
  parameters.tau = DataOrNull(context.input(own));
  parameters.learned_epsilon = DataOrNull(context.input(own + 1));
  parameters.epsilon_of_channel = context.input(own + 1).size() == layout.view.channels;
  parameters.epsilon = attributes.Number("epsilon");
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  NORM_RETURN_IF_ERROR(CheckOwn(attributes, layout, inputs, 3));
  *outputs = {inputs[0], layout.moments()};
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

  FilterResponseNormForward args;
  Fill(context, attributes, layout, 0, 1, 3, &args);
  args.parameters.beta = DataOrNull(context.input(2));
  args.y = outputs[0].data;
  args.saved = FilterResponses::From(outputs[1].data, layout.view.pairs());
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], layout.channels()));
  NORM_RETURN_IF_ERROR(CheckOwn(attributes, layout, inputs, 3));
  NORM_RETURN_IF_ERROR(CheckShape("responses", inputs[5], layout.moments()));
  *outputs = {inputs[1], inputs[2], ParameterShape(attributes, "center", layout.channels()),
              inputs[3], inputs[4]};
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

  FilterResponseNormBackward args;
  Fill(context, attributes, layout, 1, 2, 3, &args);
  args.saved = FilterResponses::From(context.input(5).data, layout.view.pairs());
  args.dy = context.input(0).data;
  args.dx = outputs[0].data;
  args.dgamma = DataOrNull(outputs[1]);
  args.dbeta = DataOrNull(outputs[2]);
  args.dtau = DataOrNull(outputs[3]);
  args.dlearned_epsilon = DataOrNull(outputs[4]);
  return RunKernels(context, device, args);
}

ArgumentDecl ResponsesArgument() {
  return RankArgument("responses", 3,
                      "[3, N, C]: mean square, A and B of y = max(A * x + B, tau).");
}

}  // namespace

const std::vector<OpDecl>& FilterResponseNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsFilterResponseNorm",
       "Filter response normalization: x over the root of its mean square, and a threshold.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]"), VectorArgument("tau", "[C] or [0]"),
        VectorArgument("learned_epsilon", "[1], [C] or [0]")},
       {LikeArgument("y", 0, "x, normalized"), ResponsesArgument()},
       TheAttributes(),
       InferForward,
       Forward},
      {"TfjsFilterResponseNormGrad",
       "Gradient of TfjsFilterResponseNorm's y.",
       {SetArgument("dy"), SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("tau", "[C] or [0]"), VectorArgument("learned_epsilon", "[1], [C] or [0]"),
        ResponsesArgument()},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
        VectorArgument("dbeta", "[C], or [0] without center"),
        LikeArgument("dtau", 3, "[C], or [0] without tlu"),
        LikeArgument("dlearned_epsilon", 4, "as learned_epsilon")},
       TheAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
