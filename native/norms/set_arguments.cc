#include "norms/set_arguments.h"

namespace tfjs_norm {

ArgumentDecl MomentsArgument() {
  return RankArgument("moments", 3,
                      "[3, R, C], R rows: mean (high and low part) and biased variance.");
}

std::vector<ArgumentDecl> SetGradInputs() {
  return {SetArgument("dy"), SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
          MomentsArgument()};
}

std::vector<ArgumentDecl> SetGradOutputs() {
  return {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
          VectorArgument("dbeta", "[C], or [0] without center")};
}

AttributeDecl SampleAxisAttribute() {
  return AxisAttribute("axis", "The channel axis: 1 or the last one.");
}

Status SampleLayout(const Attributes& attributes, const Dims& x, SetLayout* layout) {
  int64_t axis = 0;
  NORM_RETURN_IF_ERROR(ResolveAxis(attributes, "axis", x, &axis));
  const int64_t rank = static_cast<int64_t>(x.size());
  if (axis != 1 && axis != rank - 1) {
    return NORM_INVALID("axis must be 1 or the last one for x of shape %s, got %lld",
                        ToString(x).c_str(), static_cast<long long>(attributes.Int("axis")));
  }
  View& view = layout->view;
  view.rows = x[0];
  view.channels = x[axis];
  view.channels_last = axis == rank - 1;
  view.positions = view.channels_last ? Product(x, 1, axis) : Product(x, 2, rank);
  return Ok();
}

Status SplitGroups(const Attributes& attributes, SetLayout* layout) {
  const int64_t channels = layout->view.channels;
  const int64_t groups = attributes.Int("groups");
  if (channels % groups != 0) {
    return NORM_INVALID("groups must divide the %lld channels, got %lld",
                        static_cast<long long>(channels), static_cast<long long>(groups));
  }
  layout->channels_per_set = channels / groups;
  return Ok();
}

AttributeDecl ChannelAxisAttribute() { return AxisAttribute("axis", "The channel axis."); }

Status BatchLayout(const Attributes& attributes, int64_t virtual_batch_size, const Dims& x,
                   SetLayout* layout) {
  int64_t axis = 0;
  NORM_RETURN_IF_ERROR(ResolveAxis(attributes, "axis", x, &axis));
  const int64_t rank = static_cast<int64_t>(x.size());
  const int64_t batch = x[0];
  int64_t ghosts = 1;
  if (virtual_batch_size > 0) {
    if (axis == 0) {
      return NORM_INVALID("virtual_batch_size must be 0 when axis is 0 (the batch), got %lld",
                          static_cast<long long>(virtual_batch_size));
    }
    if (batch % virtual_batch_size != 0) {
      return NORM_INVALID("virtual_batch_size must divide the batch of %lld, got %lld",
                          static_cast<long long>(batch),
                          static_cast<long long>(virtual_batch_size));
    }
    ghosts = batch / virtual_batch_size;
  }
  View& view = layout->view;
  view.channels = x[axis];
  view.channels_last = axis == rank - 1;
  if (view.channels_last) {
    view.rows = ghosts;
    view.positions = ghosts == 0 ? 0 : Product(x, 0, axis) / ghosts;
    layout->rows_per_set = 1;
  } else {
    view.rows = Product(x, 0, axis);
    view.positions = Product(x, axis + 1, rank);
    layout->rows_per_set = ghosts == 0 ? 1 : view.rows / ghosts;
  }
  return Ok();
}

Status CheckSetAffine(const Attributes& attributes, const SetLayout& layout, const Dims& gamma,
                      const Dims& beta) {
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", gamma, layout.channels()));
  return CheckParameter(attributes, "beta", "center", beta, layout.channels());
}

Status InferSetBackward(const Attributes& attributes, const SetLayout& layout,
                        const std::vector<Dims>& inputs, std::vector<Dims>* outputs) {
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], layout.channels()));
  NORM_RETURN_IF_ERROR(CheckShape("moments", inputs[3], layout.moments()));
  *outputs = {inputs[1], inputs[2], ParameterShape(attributes, "center", layout.channels())};
  return Ok();
}

Status RunSetForward(OpContext& context, const Attributes& attributes, const SetLayout& layout,
                     const std::vector<Tensor>& outputs, Device device, SetNormForward args) {
  args.view = layout.view;
  args.rows_per_set = layout.rows_per_set;
  args.channels_per_set = layout.channels_per_set;
  args.epsilon = attributes.Number("epsilon");
  args.x = context.input(0).data;
  args.gamma = DataOrNull(context.input(1));
  args.beta = DataOrNull(context.input(2));
  args.y = outputs.front().data;
  args.moments = Moments::From(outputs.back().data, layout.view.pairs());
  return RunKernels(context, device, args);
}

Status RunSetBackward(OpContext& context, const Attributes& attributes, const SetLayout& layout,
                      const std::vector<Dims>& output_dims, Device device, SetNormBackward args) {
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  const Tensor& x = context.input(1);
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  args.view = layout.view;
  args.rows_per_set = layout.rows_per_set;
  args.channels_per_set = layout.channels_per_set;
  args.epsilon = attributes.Number("epsilon");
  args.dy = context.input(0).data;
  args.x = x.data;
  args.gamma = DataOrNull(context.input(2));
  args.moments = Moments::From(context.input(3).data, layout.view.pairs());
  args.dx = outputs[0].data;
  args.dgamma = DataOrNull(outputs[1]);
  args.dbeta = DataOrNull(outputs[2]);
  return RunKernels(context, device, args);
}

}  // namespace tfjs_norm
