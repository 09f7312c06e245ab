// Mean-only batch norm in training (set_norm.h with mean_only); at inference it is
// TfjsBatchNormInference with variance 1.
//
// x has any rank >= 2 and any channel axis, and the view of BatchLayout. Saved for backward:
// moments [3, R, C] of the view's (row, channel) pairs.
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

Status LayoutOf(const Attributes& attributes, const Dims& x, SetLayout* layout) {
  return BatchLayout(attributes, 0, x, layout);
}

template <typename Args>
void Fill(const SetLayout& layout, Args* args) {
  args->view = layout.view;
  args->rows_per_set = layout.rows_per_set;
  args->channels_per_set = layout.channels_per_set;
  args->mean_only = true;
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[0], &layout));
  const Dims channels = layout.channels();
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "beta", "center", inputs[1], channels));
  NORM_RETURN_IF_ERROR(CheckShape("moving_mean", inputs[2], channels));
  *outputs = {inputs[0], channels, layout.moments()};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs, {-1, 2});

  SetNormForward args;
  Fill(layout, &args);
  args.x = x.data;
  args.beta = DataOrNull(context.input(1));
  args.y = outputs[0].data;
  args.moving.mean = context.input(2).data;
  args.moving.new_mean = outputs[1].data;
  args.moving.update_rate = attributes.Number("update_rate");
  args.moments = Moments::From(outputs[2].data, layout.view.pairs());
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckShape("moments", inputs[2], layout.moments()));
  *outputs = {inputs[1], ParameterShape(attributes, "center", layout.channels())};
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

  SetNormBackward args;
  Fill(layout, &args);
  args.dy = context.input(0).data;
  args.x = x.data;
  args.moments = Moments::From(context.input(2).data, layout.view.pairs());
  args.dx = outputs[0].data;
  args.dbeta = DataOrNull(outputs[1]);
  return RunKernels(context, device, args);
}

}  // namespace

const std::vector<OpDecl>& MeanOnlyBatchNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsMeanOnlyBatchNorm",
       "Mean-only batch normalization: x less the mean of its channel.",
       {SetArgument("x"), VectorArgument("beta", "[C] or [0]"),
        VectorArgument("moving_mean", "[C]")},
       {LikeArgument("y", 0, "x, centred"), LikeArgument("new_moving_mean", 2, "[C]"),
        MomentsArgument()},
       {ChannelAxisAttribute(), CenterAttribute(), UpdateRateAttribute(0.1)},
       InferForward,
       Forward},
      {"TfjsMeanOnlyBatchNormGrad",
       "Gradient of TfjsMeanOnlyBatchNorm's y.",
       {SetArgument("dy"), SetArgument("x"), MomentsArgument()},
       {LikeArgument("dx", 1, ""), VectorArgument("dbeta", "[C], or [0] without center")},
       {ChannelAxisAttribute(), CenterAttribute()},
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
