// Attentive norm (equations in attentive_norm.h), in training and at inference.
//
// x has any rank >= 2, its channels on axis 1 or the last one, its samples on axis 0. K mixtures:
// gamma, beta and attention_kernel are [K, C]. Running statistics of x are [C] with a batch
// backbone, those of the logits [K] with attention_norm 1, else [0]. Saved for backward: moments
// [3, N, C] of the (sample, channel) pairs.
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

// Of both ops' inputs, from the index of gamma on, in this order.
enum Parameter {
  kGamma,
  kBeta,
  kKernel,
  kBias,
  kAttentionGamma,
  kAttentionBeta,
  kMovingMean,
  kMovingVariance,
  kAttentionMovingMean,
  kAttentionMovingVariance,
  kParameters
};
constexpr int kForwardFirst = 1;   // x
constexpr int kBackwardFirst = 2;  // dy, x

AttributeDecl ChoiceAttribute(const char* name, int default_value, int choices, const char* doc) {
  AttributeDecl attribute = {name, AttributeDecl::Type::kInt, static_cast<double>(default_value)};
  attribute.minimum = 0;
  attribute.maximum = choices - 1;
  attribute.doc = doc;
  return attribute;
}

std::vector<AttributeDecl> SharedAttributes() {
  return {
      SampleAxisAttribute(),
      EpsilonAttribute(1e-5),
      FlagAttribute("training", true, "Whether batch statistics are x's own, else running ones."),
      FlagAttribute("batch_backbone", true,
                    "Whether x is standardized by batch statistics, else by those of groups."),
      GroupsAttribute(),
      ChoiceAttribute("squeeze", 0, 2, "0: mean / sqrt(variance + squeeze_epsilon); 1: mean."),
      EpsilonAttribute(1e-3, "squeeze_epsilon"),
      FlagAttribute("unbiased_squeeze_variance", true,
                    "Whether the squeeze's variance is S / (S - 1) times the biased one."),
      FlagAttribute("use_attention_bias", false,
                    "Whether attention_bias is used; it has shape [0] otherwise."),
      ChoiceAttribute("attention_norm", 1, 3,
                      "Of the logits. 0: none; 1: batch, over the samples; 2: layer, over K."),
      ChoiceAttribute("attention_activation", 0, 3, "0: hard sigmoid; 1: sigmoid; 2: softmax."),
      ScaleAttribute(),
      CenterAttribute()};
}

std::vector<AttributeDecl> ForwardAttributes() {
  std::vector<AttributeDecl> attributes = SharedAttributes();
  attributes.push_back(UpdateRateAttribute(0.1));
  attributes.push_back(FlagAttribute(
      "unbiased", true,
      "Whether running variances are the unbiased ones, n / (n - 1) of the variance."));
  return attributes;
}

AttentionNorm NormOf(const Attributes& attributes) {
  return static_cast<AttentionNorm>(attributes.Int("attention_norm"));
}

// A group backbone splits the channels; a batch backbone does not look at groups.
Status LayoutOf(const Attributes& attributes, const Dims& x, SetLayout* layout) {
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, x, layout));
  return attributes.Bool("batch_backbone") ? Ok() : SplitGroups(attributes, layout);
}

Status CheckParameters(const Attributes& attributes, const SetLayout& layout,
                       const std::vector<Dims>& inputs, int first) {
  const auto of = [&](Parameter parameter) -> const Dims& { return inputs[first + parameter]; };
  const int64_t channels = layout.view.channels;
  const int64_t mixtures = of(kKernel)[0];
  if (mixtures == 0) {
    return NORM_INVALID(
        "attention_kernel must have shape [K, %lld] with at least one mixture K, "
        "got %s",
        static_cast<long long>(channels), ToString(of(kKernel)).c_str());
  }
  const Dims matrix = {mixtures, channels};
  NORM_RETURN_IF_ERROR(CheckShape("attention_kernel", of(kKernel), matrix));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "gamma", "scale", of(kGamma), matrix));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "beta", "center", of(kBeta), matrix));
  NORM_RETURN_IF_ERROR(
      CheckParameter(attributes, "attention_bias", "use_attention_bias", of(kBias), {mixtures}));
  const AttentionNorm norm = NormOf(attributes);
  const Dims affine = {norm == AttentionNorm::kNone ? 0 : mixtures};
  NORM_RETURN_IF_ERROR(CheckShape("attention_gamma", of(kAttentionGamma), affine));
  NORM_RETURN_IF_ERROR(CheckShape("attention_beta", of(kAttentionBeta), affine));
  const Dims moving = ParameterShape(attributes, "batch_backbone", layout.channels());
  NORM_RETURN_IF_ERROR(CheckShape("moving_mean", of(kMovingMean), moving));
  NORM_RETURN_IF_ERROR(CheckShape("moving_variance", of(kMovingVariance), moving));
  const Dims logits = {norm == AttentionNorm::kBatch ? mixtures : 0};
  NORM_RETURN_IF_ERROR(CheckShape("attention_moving_mean", of(kAttentionMovingMean), logits));
  return CheckShape("attention_moving_variance", of(kAttentionMovingVariance), logits);
}

// Everything but moments.
void Fill(const OpContext& context, const Attributes& attributes, const SetLayout& layout,
          int first, AttentiveNorm* args) {
  const auto of = [&](Parameter parameter) { return DataOrNull(context.input(first + parameter)); };
  args->view = layout.view;
  args->mixtures = context.input(first + kKernel).dims[0];
  args->epsilon = attributes.Number("epsilon");
  args->training = attributes.Bool("training");
  args->batch_backbone = attributes.Bool("batch_backbone");
  args->channels_per_group = layout.channels_per_set;
  args->squeeze = static_cast<Squeeze>(attributes.Int("squeeze"));
  args->squeeze_epsilon = attributes.Number("squeeze_epsilon");
  args->unbiased_squeeze_variance = attributes.Bool("unbiased_squeeze_variance");
  args->attention_norm = NormOf(attributes);
  args->attention_activation =
      static_cast<AttentionActivation>(attributes.Int("attention_activation"));
  args->x = context.input(first - 1).data;
  args->gamma = of(kGamma);
  args->beta = of(kBeta);
  args->attention_kernel = of(kKernel);
  args->attention_bias = of(kBias);
  args->attention_gamma = of(kAttentionGamma);
  args->attention_beta = of(kAttentionBeta);
  args->moving_mean = of(kMovingMean);
  args->moving_variance = of(kMovingVariance);
  args->attention_moving_mean = of(kAttentionMovingMean);
  args->attention_moving_variance = of(kAttentionMovingVariance);
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckParameters(attributes, layout, inputs, kForwardFirst));
  *outputs = {inputs[0]};
  for (int i = kMovingMean; i < kParameters; ++i) outputs->push_back(inputs[kForwardFirst + i]);
  outputs->push_back({layout.view.rows, inputs[kForwardFirst + kKernel][0]});
  outputs->push_back(layout.moments());
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, context.input(0).dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (context.input(0).size() == 0) {
    constexpr int kFirst = kForwardFirst + kMovingMean;
    return RunEmpty(context, device, outputs, {-1, kFirst, kFirst + 1, kFirst + 2, kFirst + 3});
  }

  AttentiveNormForward args;
  Fill(context, attributes, layout, kForwardFirst, &args);
  args.y = outputs[0].data;
  args.new_moving_mean = DataOrNull(outputs[1]);
  args.new_moving_variance = DataOrNull(outputs[2]);
  args.new_attention_moving_mean = DataOrNull(outputs[3]);
  args.new_attention_moving_variance = DataOrNull(outputs[4]);
  args.attention = outputs[5].data;
  args.moments = Moments::From(outputs[6].data, layout.view.pairs());
  args.update_rate = attributes.Number("update_rate");
  args.unbiased = attributes.Bool("unbiased");
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckParameters(attributes, layout, inputs, kBackwardFirst));
  NORM_RETURN_IF_ERROR(
      CheckShape("moments", inputs[kBackwardFirst + kParameters], layout.moments()));
  *outputs = {inputs[1]};
  for (int i = kGamma; i < kMovingMean; ++i) outputs->push_back(inputs[kBackwardFirst + i]);
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, context.input(1).dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (context.input(1).size() == 0) return RunEmpty(context, device, outputs);

  AttentiveNormBackward args;
  Fill(context, attributes, layout, kBackwardFirst, &args);
  args.moments =
      Moments::From(context.input(kBackwardFirst + kParameters).data, layout.view.pairs());
  args.dy = context.input(0).data;
  args.dx = outputs[0].data;
  args.dgamma = DataOrNull(outputs[1]);
  args.dbeta = DataOrNull(outputs[2]);
  args.dattention_kernel = outputs[3].data;
  args.dattention_bias = DataOrNull(outputs[4]);
  args.dattention_gamma = DataOrNull(outputs[5]);
  args.dattention_beta = DataOrNull(outputs[6]);
  return RunKernels(context, device, args);
}

ArgumentDecl MatrixArgument(const char* name, const char* doc) {
  ArgumentDecl argument = {name};
  argument.min_rank = 1;
  argument.max_rank = 2;
  argument.doc = doc;
  return argument;
}

std::vector<ArgumentDecl> WithParameters(std::vector<ArgumentDecl> arguments) {
  for (const ArgumentDecl& argument :
       {MatrixArgument("gamma", "[K, C] or [0]"), MatrixArgument("beta", "[K, C] or [0]"),
        RankArgument("attention_kernel", 2, "[K, C]"),
        VectorArgument("attention_bias", "[K] or [0]"),
        VectorArgument("attention_gamma", "[K] or [0]"),
        VectorArgument("attention_beta", "[K] or [0]"), VectorArgument("moving_mean", "[C] or [0]"),
        VectorArgument("moving_variance", "[C] or [0]"),
        VectorArgument("attention_moving_mean", "[K] or [0]"),
        VectorArgument("attention_moving_variance", "[K] or [0]")}) {
    arguments.push_back(argument);
  }
  return arguments;
}

std::vector<ArgumentDecl> GradInputs() {
  std::vector<ArgumentDecl> inputs = WithParameters({SetArgument("dy"), SetArgument("x")});
  inputs.push_back(MomentsArgument());
  return inputs;
}

ArgumentDecl LikeForward(const char* name, Parameter parameter) {
  return LikeArgument(name, kForwardFirst + parameter, "as the old one");
}

ArgumentDecl LikeBackward(const char* name, Parameter parameter) {
  return LikeArgument(name, kBackwardFirst + parameter, "as the parameter");
}

}  // namespace

const std::vector<OpDecl>& AttentiveNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsAttentiveNorm",
       "Attentive normalization: batch or group norm with an affine transform that each sample's "
       "attention mixes from K learned ones.",
       WithParameters({SetArgument("x")}),
       {LikeArgument("y", 0, "x, normalized"), LikeForward("new_moving_mean", kMovingMean),
        LikeForward("new_moving_variance", kMovingVariance),
        LikeForward("new_attention_moving_mean", kAttentionMovingMean),
        LikeForward("new_attention_moving_variance", kAttentionMovingVariance),
        RankArgument("attention", 2, "[N, K]: the weights of the mixtures"), MomentsArgument()},
       ForwardAttributes(),
       InferForward,
       Forward},
      {"TfjsAttentiveNormGrad",
       "Gradient of TfjsAttentiveNorm's y.",
       GradInputs(),
       {LikeArgument("dx", 1, ""), LikeBackward("dgamma", kGamma), LikeBackward("dbeta", kBeta),
        LikeBackward("dattention_kernel", kKernel), LikeBackward("dattention_bias", kBias),
        LikeBackward("dattention_gamma", kAttentionGamma),
        LikeBackward("dattention_beta", kAttentionBeta)},
       SharedAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
