// Batch norm, ghost batch norm and batch norm at inference (equations in set_norm.h).
//
// x has any rank >= 2 and any channel axis, and the view of BatchLayout. Saved for backward:
// moments [3, R, C] of the view's (row, channel) pairs. Papers: arXiv 1502.03167, 1705.08741 (ghost
// batches).
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

AttributeDecl VirtualBatchSizeAttribute() {
  AttributeDecl attribute = {"virtual_batch_size", AttributeDecl::Type::kInt, 0};
  attribute.minimum = 0;
  attribute.doc = "Samples that share statistics (ghost batches); 0 = the whole batch.";
  return attribute;
}

constexpr char kUnbiasedDoc[] =
    "Whether the running variance is the unbiased one, M / (M - 1) of the variance.";

Status TrainingLayout(const Attributes& attributes, const Dims& x, SetLayout* layout) {
  return BatchLayout(attributes, attributes.Int("virtual_batch_size"), x, layout);
}

Status InferenceLayout(const Attributes& attributes, const Dims& x, SetLayout* layout) {
  return BatchLayout(attributes, 0, x, layout);
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(TrainingLayout(attributes, inputs[0], &layout));
  const Dims channels = layout.channels();
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  NORM_RETURN_IF_ERROR(CheckShape("moving_mean", inputs[3], channels));
  NORM_RETURN_IF_ERROR(CheckShape("moving_variance", inputs[4], channels));
  *outputs = {inputs[0], channels, channels, layout.moments()};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(TrainingLayout(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs, {-1, 3, 4});

  SetNormForward args;
  args.moving = {context.input(3).data, context.input(4).data, outputs[1].data, outputs[2].data,
                 attributes.Number("update_rate")};
  args.unbiased = attributes.Bool("unbiased");
  return RunSetForward(context, attributes, layout, outputs, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(TrainingLayout(attributes, inputs[1], &layout));
  return InferSetBackward(attributes, layout, inputs, outputs);
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(TrainingLayout(attributes, context.input(1).dims, &layout));
  return RunSetBackward(context, attributes, layout, output_dims, device);
}

Status InferInference(const Attributes& attributes, const std::vector<Dims>& inputs,
                      std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(InferenceLayout(attributes, inputs[0], &layout));
  const Dims channels = layout.channels();
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  NORM_RETURN_IF_ERROR(CheckShape("mean", inputs[3], channels));
  NORM_RETURN_IF_ERROR(CheckShape("variance", inputs[4], channels));
  *outputs = {inputs[0]};
  return Ok();
}

Status Inference(OpContext& context, const Attributes& attributes,
                 const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(InferenceLayout(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  ChannelAffineForward args;
  args.view = layout.view;
  args.epsilon = attributes.Number("epsilon");
  args.x = x.data;
  args.gamma = DataOrNull(context.input(1));
  args.beta = DataOrNull(context.input(2));
  args.mean = context.input(3).data;
  args.variance = context.input(4).data;
  args.y = outputs[0].data;
  return RunKernels(context, device, args);
}

Status InferInferenceBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                              std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(InferenceLayout(attributes, inputs[1], &layout));
  const Dims channels = layout.channels();
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], channels));
  NORM_RETURN_IF_ERROR(CheckShape("mean", inputs[3], channels));
  NORM_RETURN_IF_ERROR(CheckShape("variance", inputs[4], channels));
  *outputs = {inputs[1], inputs[2], ParameterShape(attributes, "center", channels), channels,
              channels};
  return Ok();
}

Status InferenceBackward(OpContext& context, const Attributes& attributes,
                         const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(1);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(InferenceLayout(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  ChannelAffineBackward args;
  args.view = layout.view;
  args.epsilon = attributes.Number("epsilon");
  args.dy = context.input(0).data;
  args.x = x.data;
  args.gamma = DataOrNull(context.input(2));
  args.mean = context.input(3).data;
  args.variance = context.input(4).data;
  args.dx = outputs[0].data;
  args.dgamma = DataOrNull(outputs[1]);
  args.dbeta = DataOrNull(outputs[2]);
  args.dmean = outputs[3].data;
  args.dvariance = outputs[4].data;
  return RunKernels(context, device, args);
}

}  // namespace

const std::vector<OpDecl>& BatchNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsBatchNorm",
       "Batch normalization with the batch's own statistics, and the updated running statistics.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]"), VectorArgument("moving_mean", "[C]"),
        VectorArgument("moving_variance", "[C]")},
       {LikeArgument("y", 0, "x, normalized"), LikeArgument("new_moving_mean", 3, "[C]"),
        LikeArgument("new_moving_variance", 4, "[C]"), MomentsArgument()},
       {ChannelAxisAttribute(), EpsilonAttribute(1e-3), UpdateRateAttribute(0.01),
        FlagAttribute("unbiased", false, kUnbiasedDoc), ScaleAttribute(), CenterAttribute(),
        VirtualBatchSizeAttribute()},
       InferForward,
       Forward},
      {"TfjsBatchNormGrad",
       "Gradient of TfjsBatchNorm's y.",
       SetGradInputs(),
       SetGradOutputs(),
       {ChannelAxisAttribute(), EpsilonAttribute(1e-3), ScaleAttribute(), CenterAttribute(),
        VirtualBatchSizeAttribute()},
       InferBackward,
       Backward},
      {"TfjsBatchNormInference",
       "Batch normalization with given statistics.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]"), VectorArgument("mean", "[C]"),
        VectorArgument("variance", "[C]")},
       {LikeArgument("y", 0, "x, normalized")},
       {ChannelAxisAttribute(), EpsilonAttribute(1e-3), ScaleAttribute(), CenterAttribute()},
       InferInference,
       Inference},
      {"TfjsBatchNormInferenceGrad",
       "Gradient of TfjsBatchNormInference, with respect to the statistics too.",
       {SetArgument("dy"), SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("mean", "[C]"), VectorArgument("variance", "[C]")},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
        VectorArgument("dbeta", "[C], or [0] without center"), LikeArgument("dmean", 3, "[C]"),
        LikeArgument("dvariance", 4, "[C]")},
       {ChannelAxisAttribute(), EpsilonAttribute(1e-3), ScaleAttribute(), CenterAttribute()},
       InferInferenceBackward,
       InferenceBackward},
  };
  return ops;
}

}  // namespace tfjs_norm
