#include "norms/row_arguments.h"

namespace tfjs_norm {

Status RowLayoutOf(const Attributes& attributes, const Dims& x, RowLayout* layout) {
  int64_t axis = 0;
  NORM_RETURN_IF_ERROR(ResolveAxis(attributes, "begin_axis", x, &axis));
  layout->parameter.assign(x.begin() + axis, x.end());
  layout->rows = Product(x, 0, axis);
  layout->columns = ElementCount(layout->parameter);
  return Ok();
}

Status InferRowForward(const Attributes& attributes, const RowLayout& layout,
                       const std::vector<Dims>& inputs, const Dims& statistics,
                       std::vector<Dims>* outputs) {
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[1], layout.parameter));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "beta", "center", inputs[2], layout.parameter));
  *outputs = {inputs[0], statistics};
  return Ok();
}

Status InferRowBackward(const Attributes& attributes, const RowLayout& layout,
                        const std::vector<Dims>& inputs, const char* statistics_name,
                        const Dims& statistics, std::vector<Dims>* outputs) {
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", inputs[2], layout.parameter));
  NORM_RETURN_IF_ERROR(CheckShape(statistics_name, inputs[3], statistics));
  *outputs = {inputs[1], inputs[2], ParameterShape(attributes, "center", layout.parameter)};
  return Ok();
}

Status RunRowForward(OpContext& context, const Attributes& attributes,
                     const std::vector<Dims>& output_dims, Device device, RowNormForward args) {
  const Tensor& x = context.input(0);
  RowLayout layout;
  NORM_RETURN_IF_ERROR(RowLayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  args.rows = layout.rows;
  args.columns = layout.columns;
  args.epsilon = attributes.Number("epsilon");
  args.x = x.data;
  args.gamma = DataOrNull(context.input(1));
  args.beta = DataOrNull(context.input(2));
  args.y = outputs[0].data;
  args.statistics = outputs[1].data;
  return RunKernels(context, device, args);
}

Status RunRowBackward(OpContext& context, const Attributes& attributes,
                      const std::vector<Dims>& output_dims, Device device, RowNormBackward args) {
  const Tensor& x = context.input(1);
  RowLayout layout;
  NORM_RETURN_IF_ERROR(RowLayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs);

  args.rows = layout.rows;
  args.columns = layout.columns;
  args.epsilon = attributes.Number("epsilon");
  args.dy = context.input(0).data;
  args.x = x.data;
  args.gamma = DataOrNull(context.input(2));
  args.statistics = context.input(3).data;
  args.dx = outputs[0].data;
  args.dgamma = DataOrNull(outputs[1]);
  args.dbeta = DataOrNull(outputs[2]);
  return RunKernels(context, device, args);
}

}  // namespace tfjs_norm
