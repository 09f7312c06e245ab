// Group norm (equations in set_norm.h); instance norm is groups = C.
//
// x has any rank >= 2, its channels on axis 1 or the last one, its samples on axis 0. Saved for
// backward: moments [3, N, C] of the (sample, channel) pairs. Papers: arXiv 1803.08494 (group),
// 1607.08022 (instance).
#include "norms/op_arguments.h"
#include "norms/ops.h"

namespace tfjs_norm {
namespace {

constexpr char kAxisDoc[] = "The channel axis: 1 or the last one.";

AttributeDecl GroupsAttribute() {
  AttributeDecl attribute = {"groups", AttributeDecl::Type::kInt, 32};
  attribute.minimum = 1;
  attribute.doc = "How many groups of consecutive channels; a divisor of the channels.";
  return attribute;
}

ArgumentDecl XArgument(const char* name = "x") { return AnyRankArgument(name, 2); }

ArgumentDecl MomentsArgument() {
  return RankArgument("moments", 3, "[3, N, C]: mean (high and low part) and biased variance.");
}

struct GroupLayout {
  View view;
  int64_t channels_per_set = 1;

  Dims channels() const { return {view.channels}; }
  Dims moments() const { return {3, view.rows, view.channels}; }
};

Status LayoutOf(const Attributes& attributes, const Dims& x, GroupLayout* layout) {
  int64_t axis = 0;
  NORM_RETURN_IF_ERROR(ResolveAxis(attributes, "axis", x, &axis));
  const int64_t rank = static_cast<int64_t>(x.size());
  if (axis != 1 && axis != rank - 1) {
    return NORM_INVALID("axis must be 1 or the last one for x of shape %s, got %lld",
                        ToString(x).c_str(), static_cast<long long>(attributes.Int("axis")));
  }
  const int64_t groups = attributes.Int("groups");
  if (x[axis] % groups != 0) {
    return NORM_INVALID("groups must divide the %lld channels, got %lld",
                        static_cast<long long>(x[axis]), static_cast<long long>(groups));
  }
  View& view = layout->view;
  view.rows = x[0];
  view.channels = x[axis];
  view.channels_last = axis == rank - 1;
  view.positions = view.channels_last ? Product(x, 1, axis) : Product(x, 2, rank);
  layout->channels_per_set = view.channels / groups;
  return Ok();
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  GroupLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[1], layout.channels()));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "beta", "center", inputs[2], layout.channels()));
  *outputs = {inputs[0], layout.moments()};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  GroupLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  SetNormForward args;
  args.view = layout.view;
  args.channels_per_set = layout.channels_per_set;
  args.epsilon = attributes.Number("epsilon");
  args.x = x.data;
  args.gamma = DataOrNull(context.input(1));
  args.beta = DataOrNull(context.input(2));
  args.y = outputs[0].data;
  args.moments = Moments::From(outputs[1].data, layout.view.pairs());
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  GroupLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], layout.channels()));
  NORM_RETURN_IF_ERROR(CheckShape("moments", inputs[3], layout.moments()));
  *outputs = {inputs[1], inputs[2], ParameterShape(attributes, "center", layout.channels())};
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(1);
  GroupLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  SetNormBackward args;
  args.view = layout.view;
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

}  // namespace

const std::vector<OpDecl>& GroupNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsGroupNorm",
       "Group normalization: statistics of each sample and group of channels.",
       {XArgument(), VectorArgument("gamma", "[C] or [0]"), VectorArgument("beta", "[C] or [0]")},
       {LikeArgument("y", 0, "x, normalized"), MomentsArgument()},
       {AxisAttribute("axis", kAxisDoc), GroupsAttribute(), EpsilonAttribute(1e-3),
        ScaleAttribute(), CenterAttribute()},
       InferForward,
       Forward},
      {"TfjsGroupNormGrad",
       "Gradient of TfjsGroupNorm's y.",
       {XArgument("dy"), XArgument(), VectorArgument("gamma", "[C] or [0]"), MomentsArgument()},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
        VectorArgument("dbeta", "[C], or [0] without center")},
       {AxisAttribute("axis", kAxisDoc), GroupsAttribute(), EpsilonAttribute(1e-3),
        ScaleAttribute(), CenterAttribute()},
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
