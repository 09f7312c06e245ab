// EvoNorm-S0: group norm's statistics under a gated x (the gate of set_norm.h).
//
//   y = gamma[c] * x * sigmoid(v[c] * x) / sqrt(var + epsilon) + beta[c]
//
// x has any rank >= 2, its channels on axis 1 or the last one, its samples on axis 0. Without
// nonlinearity nothing is normalized, as in the authors' code: y = gamma * x + beta, v has shape
// [0] and no moments are saved. Else, saved for backward: moments [3, N, C] of the (sample,
// channel) pairs. Paper: arXiv 2004.02967.
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

constexpr char kGated[] = "nonlinearity";

Status LayoutOf(const Attributes& attributes, const Dims& x, SetLayout* layout) {
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, x, layout));
  return attributes.Bool(kGated) ? SplitGroups(attributes, layout) : Ok();
}

Dims SavedShape(const Attributes& attributes, const SetLayout& layout) {
  return attributes.Bool(kGated) ? layout.moments() : Dims{3, 0, 0};
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "v", kGated, inputs[3], layout.channels()));
  *outputs = {inputs[0], SavedShape(attributes, layout)};
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

  if (attributes.Bool(kGated)) {
    SetNormForward args;
    args.gate = context.input(3).data;
    return RunSetForward(context, attributes, layout, outputs, device, args);
  }
  ChannelAffineForward args;
  args.view = layout.view;
  args.x = x.data;
  args.gamma = DataOrNull(context.input(1));
  args.beta = DataOrNull(context.input(2));
  args.y = outputs[0].data;
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[1], &layout));
  const Dims channels = layout.channels();
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], channels));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "v", kGated, inputs[3], channels));
  NORM_RETURN_IF_ERROR(CheckShape("moments", inputs[4], SavedShape(attributes, layout)));
  *outputs = {inputs[1], inputs[2], ParameterShape(attributes, "center", channels), inputs[3]};
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(1);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  // Both kinds of arguments have these.
  const auto run = [&](auto args) {
    args.view = layout.view;
    args.dy = context.input(0).data;
    args.x = x.data;
    args.gamma = DataOrNull(context.input(2));
    args.dx = outputs[0].data;
    args.dgamma = DataOrNull(outputs[1]);
    args.dbeta = DataOrNull(outputs[2]);
    return RunKernels(context, device, args);
  };
  if (!attributes.Bool(kGated)) return run(ChannelAffineBackward());
  SetNormBackward args;
  args.rows_per_set = layout.rows_per_set;
  args.channels_per_set = layout.channels_per_set;
  args.epsilon = attributes.Number("epsilon");
  args.moments = Moments::From(context.input(4).data, layout.view.pairs());
  args.gate = context.input(3).data;
  args.dgate = outputs[3].data;
  return run(args);
}

std::vector<AttributeDecl> TheAttributes() {
  AttributeDecl nonlinearity = {kGated, AttributeDecl::Type::kBool, 1};
  nonlinearity.doc = "Whether x is gated and normalized; y = gamma * x + beta otherwise.";
  return {SampleAxisAttribute(), GroupsAttribute(), EpsilonAttribute(1e-5),
          nonlinearity,          ScaleAttribute(),  CenterAttribute()};
}

ArgumentDecl GateArgument() {
  return VectorArgument("v", "[C], or [0] without nonlinearity: the slope of the gate.");
}
ArgumentDecl SavedArgument() {
  return RankArgument("moments", 3,
                      "[3, N, C]: mean (high and low part) and biased variance; [3, 0, 0] without "
                      "nonlinearity.");
}

}  // namespace

const std::vector<OpDecl>& EvoNormS0Ops() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsEvoNormS0",
       "EvoNorm-S0: a gated x over the standard deviation of its sample and group of channels.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]"), GateArgument()},
       {LikeArgument("y", 0, "x, gated and normalized"), SavedArgument()},
       TheAttributes(),
       InferForward,
       Forward},
      {"TfjsEvoNormS0Grad",
       "Gradient of TfjsEvoNormS0's y.",
       {SetArgument("dy"), SetArgument("x"), VectorArgument("gamma", "[C] or [0]"), GateArgument(),
        SavedArgument()},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
        VectorArgument("dbeta", "[C], or [0] without center"), LikeArgument("dv", 3, "v's shape")},
       TheAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
