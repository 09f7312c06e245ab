// Weight normalization (equations in weight_norm.h) of a list of weights in one call.
//
// Every weight has any rank >= 1; `kept_axes` adjacent axes from `axis` on are those of its
// outputs, whose values have a statistic and a gain each: the last axis of dense and convolution
// kernels, axis -2 of transposed convolutions, the last two of depthwise ones, none for one
// statistic of the whole weight.
#include "norms/ops.h"
#include "norms/weight_arguments.h"
#include "norms/weight_norm.h"

namespace tfjs_norm {
namespace {

std::vector<AttributeDecl> WeightAttributes() {
  AttributeDecl divisor = {"divisor", AttributeDecl::Type::kInt, 0};
  divisor.minimum = 0;
  divisor.maximum = static_cast<double>(Divisor::kRootOfVariance);
  divisor.doc =
      "0: the norm, 1: the standard deviation, 2: the unbiased one, 3: the root of variance + "
      "epsilon.";
  AttributeDecl center = CenterAttribute(false);
  center.doc = "Whether the mean is subtracted.";
  AttributeDecl epsilon = EpsilonAttribute(1e-12);
  epsilon.doc =
      "The least squared norm (divisor 0), or what is added to the deviation (1, 2) or to the "
      "variance (3).";
  std::vector<AttributeDecl> all = KeptAxesAttributes();
  all.insert(all.end(), {divisor, center, epsilon, ScaleAttribute()});
  return all;
}

ArgumentDecl GainArgument(const char* name) { return ListOf(AnyRankArgument(name, 0)); }
ArgumentDecl ColumnsArgument() {
  return RankArgument("moments", 2, "[3, entries]: center as hi and lo, mean square about it");
}

// `x` and `gamma` are the places of the first weight and the first gain.
Status LayoutOf(const Attributes& attributes, const std::vector<Dims>& inputs, int x, int gamma,
                Weights* weights) {
  const int count = EntriesOf(attributes.op(), inputs.size());
  for (int i = 0; i < count; ++i) {
    NORM_RETURN_IF_ERROR(weights->Add(attributes, "x", inputs[x + i]));
    NORM_RETURN_IF_ERROR(
        CheckParameter(attributes, "gamma", "scale", inputs[gamma + i], weights->gains.back()));
  }
  return Ok();
}

struct Places {
  int count;
  Arrangement inputs, outputs;

  Places(const Attributes& attributes, size_t input_count)
      : count(EntriesOf(attributes.op(), input_count)),
        inputs(InputsOf(attributes.op(), input_count)),
        outputs(OutputsOf(attributes.op(), input_count)) {}
};

WeightNormSettings SettingsOf(const Attributes& attributes) {
  return {static_cast<Divisor>(attributes.Int("divisor")), attributes.Bool("center"),
          attributes.Number("epsilon")};
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  const Places places(attributes, inputs.size());
  Weights weights;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs, 0, places.inputs.at(1), &weights));
  outputs->assign(inputs.begin(), inputs.begin() + places.count);
  outputs->push_back(weights.moments());
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  // y and moments for x and gamma.
  const Places places(attributes, 2 * (output_dims.size() - 1));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  Weights weights;
  WeightNormForward args;
  args.settings = SettingsOf(attributes);
  for (int i = 0; i < places.count; ++i) {
    const Tensor& x = context.input(i);
    NORM_RETURN_IF_ERROR(weights.Add(attributes, "x", x.dims));
    args.weights.push_back({weights.views.back(), x.data,
                            DataOrNull(context.input(places.inputs.at(1) + i)), outputs[i].data});
  }
  args.moments = Moments::From(outputs.back().data, weights.entries);
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  const Places places(attributes, inputs.size());
  Weights weights;
  NORM_RETURN_IF_ERROR(
      LayoutOf(attributes, inputs, places.inputs.at(1), places.inputs.at(2), &weights));
  for (int i = 0; i < places.count; ++i) {
    NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[i], inputs[places.inputs.at(1) + i]));
  }
  NORM_RETURN_IF_ERROR(CheckShape("moments", inputs.back(), weights.moments()));
  outputs->assign(inputs.begin() + places.inputs.at(1), inputs.end() - 1);
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  // dx and dgamma for dy, x, gamma, moments.
  const Places places(attributes, output_dims.size() / 2 * 3 + 1);
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  Weights weights;
  WeightNormBackward args;
  args.settings = SettingsOf(attributes);
  for (int i = 0; i < places.count; ++i) {
    const Tensor& x = context.input(places.inputs.at(1) + i);
    NORM_RETURN_IF_ERROR(weights.Add(attributes, "x", x.dims));
    args.weights.push_back({weights.views.back(), context.input(i).data, x.data,
                            DataOrNull(context.input(places.inputs.at(2) + i)), outputs[i].data,
                            DataOrNull(outputs[places.count + i])});
  }
  args.moments = Moments::From(context.input(places.inputs.at(3)).data, weights.entries);
  return RunKernels(context, device, args);
}

}  // namespace

const std::vector<OpDecl>& WeightNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsWeightNorm",
       "Weight normalization and weight standardization of any number of weights.",
       {WeightArgument("x"), GainArgument("gamma")},
       {ListOf(LikeArgument("y", 0, "x, normalized")), ColumnsArgument()},
       WeightAttributes(),
       InferForward,
       Forward},
      {"TfjsWeightNormGrad",
       "Gradient of TfjsWeightNorm's y.",
       {WeightArgument("dy"), WeightArgument("x"), GainArgument("gamma"), ColumnsArgument()},
       {ListOf(LikeArgument("dx", 1, "")), ListOf(LikeArgument("dgamma", 2, "[0] without scale"))},
       WeightAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
