// Switchable norm (equations in switchable_norm.h), in training and at inference.
//
// x has any rank >= 2, its channels on axis 1 or the last one, its samples on axis 0. The logits
// are [3], ordered instance, layer, batch; without use_batch they are [2], and the running
// statistics are [0]. Saved for backward: moments [3, N, C] of the (sample, channel) pairs.
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

std::vector<AttributeDecl> SharedAttributes() {
  return {
      SampleAxisAttribute(),
      EpsilonAttribute(1e-5),
      FlagAttribute("training", true,
                    "Whether batch statistics are x's own, else the running ones."),
      FlagAttribute("use_batch", true, "Whether batch statistics take part; two logits otherwise."),
      FlagAttribute("unbiased_spatial_variance", false,
                    "Whether a pair's variance is S / (S - 1) times the biased one."),
      ScaleAttribute(),
      CenterAttribute()};
}

std::vector<AttributeDecl> ForwardAttributes() {
  std::vector<AttributeDecl> attributes = SharedAttributes();
  attributes.push_back(UpdateRateAttribute(0.1));
  return attributes;
}

// The logits and the running statistics, which are adjacent inputs, from `first` on.
Status CheckState(const Attributes& attributes, const SetLayout& layout,
                  const std::vector<Dims>& inputs, int first) {
  const Dims logits = {attributes.Bool("use_batch") ? 3 : 2};
  const Dims moving = ParameterShape(attributes, "use_batch", layout.channels());
  NORM_RETURN_IF_ERROR(CheckShape("mean_logits", inputs[first], logits));
  NORM_RETURN_IF_ERROR(CheckShape("variance_logits", inputs[first + 1], logits));
  NORM_RETURN_IF_ERROR(CheckShape("moving_mean", inputs[first + 2], moving));
  return CheckShape("moving_variance", inputs[first + 3], moving);
}

// Everything but moments; the state from input `state` on.
void Fill(const OpContext& context, const Attributes& attributes, const SetLayout& layout, int x,
          int gamma, int state, SwitchableNorm* args) {
  args->view = layout.view;
  args->epsilon = attributes.Number("epsilon");
  args->training = attributes.Bool("training");
  args->use_batch = attributes.Bool("use_batch");
  args->unbiased_spatial_variance = attributes.Bool("unbiased_spatial_variance");
  args->x = context.input(x).data;
  args->gamma = DataOrNull(context.input(gamma));
  args->mean_logits = context.input(state).data;
  args->variance_logits = context.input(state + 1).data;
  args->moving_mean = DataOrNull(context.input(state + 2));
  args->moving_variance = DataOrNull(context.input(state + 3));
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  NORM_RETURN_IF_ERROR(CheckState(attributes, layout, inputs, 3));
  *outputs = {inputs[0], inputs[5], inputs[6], layout.moments()};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs, {-1, 5, 6});

  SwitchableNormForward args;
  Fill(context, attributes, layout, 0, 1, 3, &args);
  args.beta = DataOrNull(context.input(2));
  args.y = outputs[0].data;
  args.new_moving_mean = DataOrNull(outputs[1]);
  args.new_moving_variance = DataOrNull(outputs[2]);
  args.moments = Moments::From(outputs[3].data, layout.view.pairs());
  args.update_rate = attributes.Number("update_rate");
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], layout.channels()));
  NORM_RETURN_IF_ERROR(CheckState(attributes, layout, inputs, 3));
  NORM_RETURN_IF_ERROR(CheckShape("moments", inputs[7], layout.moments()));
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

  SwitchableNormBackward args;
  Fill(context, attributes, layout, 1, 2, 3, &args);
  args.moments = Moments::From(context.input(7).data, layout.view.pairs());
  args.dy = context.input(0).data;
  args.dx = outputs[0].data;
  args.dgamma = DataOrNull(outputs[1]);
  args.dbeta = DataOrNull(outputs[2]);
  args.dmean_logits = outputs[3].data;
  args.dvariance_logits = outputs[4].data;
  return RunKernels(context, device, args);
}

}  // namespace

const std::vector<OpDecl>& SwitchableNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsSwitchableNorm",
       "Switchable normalization: learned mixtures of instance, layer and batch statistics.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]"), VectorArgument("mean_logits", "[3] or [2]"),
        VectorArgument("variance_logits", "[3] or [2]"),
        VectorArgument("moving_mean", "[C] or [0]"),
        VectorArgument("moving_variance", "[C] or [0]")},
       {LikeArgument("y", 0, "x, normalized"), LikeArgument("new_moving_mean", 5, "[C] or [0]"),
        LikeArgument("new_moving_variance", 6, "[C] or [0]"), MomentsArgument()},
       ForwardAttributes(),
       InferForward,
       Forward},
      {"TfjsSwitchableNormGrad",
       "Gradient of TfjsSwitchableNorm's y.",
       {SetArgument("dy"), SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("mean_logits", "[3] or [2]"),
        VectorArgument("variance_logits", "[3] or [2]"),
        VectorArgument("moving_mean", "[C] or [0]"),
        VectorArgument("moving_variance", "[C] or [0]"), MomentsArgument()},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
        VectorArgument("dbeta", "[C], or [0] without center"), LikeArgument("dmean_logits", 3, ""),
        LikeArgument("dvariance_logits", 4, "")},
       SharedAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
