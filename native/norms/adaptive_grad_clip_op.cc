// Adaptive gradient clipping (adaptive_grad_clip.h) of a list of gradients in one call. The axes of
// a weight are as in weight_norm_op.cc.
#include "norms/adaptive_grad_clip.h"
#include "norms/ops.h"
#include "norms/weight_arguments.h"

namespace tfjs_norm {
namespace {

std::vector<AttributeDecl> ClipAttributes() {
  AttributeDecl clipping = {"clipping", AttributeDecl::Type::kFloat, 0.01};
  clipping.minimum = 0;
  clipping.minimum_excluded = true;
  clipping.doc = "The most length of a unit's gradient, as a fraction of its weights' length.";
  AttributeDecl epsilon = EpsilonAttribute(1e-3);
  epsilon.doc = "The least length of a unit's weights.";
  std::vector<AttributeDecl> all = KeptAxesAttributes();
  all.insert(all.end(), {clipping, epsilon});
  return all;
}

Status Infer(const Attributes& attributes, const std::vector<Dims>& inputs,
             std::vector<Dims>* outputs) {
  const int count = EntriesOf(attributes.op(), inputs.size());
  Weights weights;
  for (int i = 0; i < count; ++i) {
    NORM_RETURN_IF_ERROR(weights.Add(attributes, "weights", inputs[count + i]));
    NORM_RETURN_IF_ERROR(CheckShape("gradients", inputs[i], inputs[count + i]));
  }
  outputs->assign(inputs.begin(), inputs.begin() + count);
  return Ok();
}

Status Compute(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const int count = static_cast<int>(output_dims.size());
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  Weights weights;
  AdaptiveGradClip args;
  args.settings = {attributes.Number("clipping"), attributes.Number("epsilon")};
  for (int i = 0; i < count; ++i) {
    NORM_RETURN_IF_ERROR(weights.Add(attributes, "weights", context.input(count + i).dims));
    args.weights.push_back({weights.views.back(), context.input(i).data,
                            context.input(count + i).data, outputs[i].data});
  }
  return RunKernels(context, device, args);
}

}  // namespace

const std::vector<OpDecl>& AdaptiveGradClipOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsAdaptiveGradClip",
       "Adaptive gradient clipping of any number of gradients.",
       {WeightArgument("gradients"), WeightArgument("weights")},
       {ListOf(LikeArgument("y", 0, "gradients, clipped"))},
       ClipAttributes(),
       Infer,
       Compute},
  };
  return ops;
}

}  // namespace tfjs_norm
