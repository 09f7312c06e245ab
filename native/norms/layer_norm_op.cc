// Layer norm over the trailing axes begin_axis .. rank-1 (equations in row_norm.h).
//
// gamma and beta have the shape of those axes. Saved for backward: moments [3, rows]. Paper: arXiv
// 1607.06450.
#include "norms/ops.h"
#include "norms/row_arguments.h"

namespace tfjs_norm {
namespace {

ArgumentDecl MomentsArgument() {
  return RankArgument("moments", 2, "[3, rows]: mean (high and low part) and biased variance.");
}

Dims MomentsShape(const RowLayout& layout) { return {3, layout.rows}; }

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  RowLayout layout;
  NORM_RETURN_IF_ERROR(RowLayoutOf(attributes, inputs[0], &layout));
  return InferRowForward(attributes, layout, inputs, MomentsShape(layout), outputs);
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  RowNormForward args;
  args.statistic = RowStatistic::kLayer;
  return RunRowForward(context, attributes, output_dims, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  RowLayout layout;
  NORM_RETURN_IF_ERROR(RowLayoutOf(attributes, inputs[1], &layout));
  return InferRowBackward(attributes, layout, inputs, "moments", MomentsShape(layout), outputs);
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  RowNormBackward args;
  args.statistic = RowStatistic::kLayer;
  return RunRowBackward(context, attributes, output_dims, device, args);
}

}  // namespace

const std::vector<OpDecl>& LayerNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsLayerNorm",
       "Layer normalization over the trailing axes.",
       {RowArgument("x"), RowArgument("gamma"), RowArgument("beta")},
       {LikeArgument("y", 0, "x, normalized"), MomentsArgument()},
       {BeginAxisAttribute(), EpsilonAttribute(1e-3), ScaleAttribute(), CenterAttribute()},
       InferForward,
       Forward},
      {"TfjsLayerNormGrad",
       "Gradient of TfjsLayerNorm's y.",
       {RowArgument("dy"), RowArgument("x"), RowArgument("gamma"), MomentsArgument()},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "gamma's shape"),
        RowArgument("dbeta")},
       {BeginAxisAttribute(), EpsilonAttribute(1e-3), ScaleAttribute(), CenterAttribute()},
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
