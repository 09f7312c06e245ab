// RMS norm over the trailing axes begin_axis .. rank-1 (equations in row_norm.h).
//
// gamma and beta have the shape of those axes. partial > 0: only that many leading columns of a row
// enter the mean square (pRMSNorm). Saved for backward: mean_square [rows]. Paper: arXiv
// 1910.07467.
#include "norms/ops.h"
#include "norms/row_arguments.h"

namespace tfjs_norm {
namespace {

AttributeDecl EpsilonInsideAttribute() {
  AttributeDecl attribute = {"epsilon_inside", AttributeDecl::Type::kBool, 1};
  attribute.doc = "1 / sqrt(ms + epsilon) if true, else 1 / (sqrt(ms) + epsilon).";
  return attribute;
}

AttributeDecl PartialAttribute() {
  AttributeDecl attribute = {"partial", AttributeDecl::Type::kInt, 0};
  attribute.minimum = 0;
  attribute.doc = "How many leading columns enter the mean square; 0 = all.";
  return attribute;
}

std::vector<AttributeDecl> RmsAttributes() {
  return {BeginAxisAttribute(), EpsilonAttribute(1e-6), EpsilonInsideAttribute(),
          PartialAttribute(),   ScaleAttribute(),       CenterAttribute(false)};
}

Status LayoutOf(const Attributes& attributes, const Dims& x, RowLayout* layout) {
  NORM_RETURN_IF_ERROR(RowLayoutOf(attributes, x, layout));
  const int64_t partial = attributes.Int("partial");
  if (partial > layout->columns) {
    return NORM_INVALID("partial must be at most the %lld columns, got %lld",
                        static_cast<long long>(layout->columns), static_cast<long long>(partial));
  }
  return Ok();
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  RowLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[0], &layout));
  return InferRowForward(attributes, layout, inputs, {layout.rows}, outputs);
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  RowNormForward args;
  args.statistic = RowStatistic::kRms;
  args.epsilon_inside = attributes.Bool("epsilon_inside");
  args.partial = attributes.Int("partial");
  return RunRowForward(context, attributes, output_dims, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  RowLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[1], &layout));
  return InferRowBackward(attributes, layout, inputs, "mean_square", {layout.rows}, outputs);
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  RowNormBackward args;
  args.statistic = RowStatistic::kRms;
  args.epsilon_inside = attributes.Bool("epsilon_inside");
  args.partial = attributes.Int("partial");
  return RunRowBackward(context, attributes, output_dims, device, args);
}

}  // namespace

const std::vector<OpDecl>& RmsNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsRmsNorm",
       "Root mean square normalization over the trailing axes.",
       {RowArgument("x"), RowArgument("gamma"), RowArgument("beta")},
       {LikeArgument("y", 0, "x, normalized"), VectorArgument("mean_square", "[rows]")},
       RmsAttributes(),
       InferForward,
       Forward},
      {"TfjsRmsNormGrad",
       "Gradient of TfjsRmsNorm's y.",
       {RowArgument("dy"), RowArgument("x"), RowArgument("gamma"),
        VectorArgument("mean_square", "[rows]")},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "gamma's shape"),
        RowArgument("dbeta")},
       RmsAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
