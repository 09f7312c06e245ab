// Dynamic tanh with parameters over a run of adjacent axes (equations in dynamic_tanh.h).
//
// gamma and beta have the shape of the axes begin_axis .. begin_axis + axes - 1; alpha is [1]. The
// extents before and after them are rows and positions, so that channels first needs no
// transposition.
#include "norms/dynamic_tanh.h"
#include "norms/op_arguments.h"
#include "norms/ops.h"

namespace tfjs_norm {
namespace {

struct TanhLayout {
  View view;
  Dims parameter;
};

Status LayoutOf(const Attributes& attributes, const Dims& x, TanhLayout* layout) {
  int64_t axis = 0;
  NORM_RETURN_IF_ERROR(ResolveAxis(attributes, "begin_axis", x, &axis));
  const int64_t rank = static_cast<int64_t>(x.size());
  const int64_t count = attributes.Int("axes") ? attributes.Int("axes") : rank - axis;
  if (count > rank - axis) {
    return NORM_INVALID("axes must be at most %lld from axis %lld of x of shape %s on, got %lld",
                        static_cast<long long>(rank - axis), static_cast<long long>(axis),
                        ToString(x).c_str(), static_cast<long long>(count));
  }
  layout->parameter.assign(x.begin() + axis, x.begin() + axis + count);
  View& view = layout->view;
  view.channels = ElementCount(layout->parameter);
  view.channels_last = axis + count == rank;
  view.rows = view.channels_last ? 1 : Product(x, 0, axis);
  view.positions = view.channels_last ? Product(x, 0, axis) : Product(x, axis + count, rank);
  return Ok();
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  TanhLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("alpha", inputs[1], {1}));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], layout.parameter));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "beta", "center", inputs[3], layout.parameter));
  *outputs = {inputs[0]};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  TanhLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  DynamicTanhForward args;
  args.view = layout.view;
  args.x = x.data;
  args.alpha = context.input(1).data;
  args.gamma = DataOrNull(context.input(2));
  args.beta = DataOrNull(context.input(3));
  args.y = outputs[0].data;
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  TanhLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckShape("alpha", inputs[2], {1}));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[3], layout.parameter));
  *outputs = {inputs[1], {1}, inputs[3], ParameterShape(attributes, "center", layout.parameter)};
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(1);
  TanhLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  DynamicTanhBackward args;
  args.view = layout.view;
  args.dy = context.input(0).data;
  args.x = x.data;
  args.alpha = context.input(2).data;
  args.gamma = DataOrNull(context.input(3));
  args.dx = outputs[0].data;
  args.dalpha = outputs[1].data;
  args.dgamma = DataOrNull(outputs[2]);
  args.dbeta = DataOrNull(outputs[3]);
  return RunKernels(context, device, args);
}

std::vector<AttributeDecl> TanhAttributes() {
  AttributeDecl axes = {"axes", AttributeDecl::Type::kInt, 0};
  axes.minimum = 0;
  axes.doc = "The number of axes of gamma and beta; 0: all from begin_axis on.";
  return {AxisAttribute("begin_axis", "The first axis of gamma and beta."), axes, ScaleAttribute(),
          CenterAttribute()};
}

ArgumentDecl TanhArgument(const char* name) { return AnyRankArgument(name, 1); }

}  // namespace

const std::vector<OpDecl>& DynamicTanhOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsDynamicTanh",
       "Dynamic tanh: gamma * tanh(alpha * x) + beta.",
       {TanhArgument("x"), VectorArgument("alpha", "[1]"), TanhArgument("gamma"),
        TanhArgument("beta")},
       {LikeArgument("y", 0, "x's shape")},
       TanhAttributes(),
       InferForward,
       Forward},
      {"TfjsDynamicTanhGrad",
       "Gradient of TfjsDynamicTanh's y.",
       {TanhArgument("dy"), TanhArgument("x"), VectorArgument("alpha", "[1]"),
        TanhArgument("gamma")},
       {LikeArgument("dx", 1, ""), LikeArgument("dalpha", 2, "[1]"),
        LikeArgument("dgamma", 3, "gamma's shape"), TanhArgument("dbeta")},
       TanhAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
