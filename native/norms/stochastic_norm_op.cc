// Normalization by random parameters, of batch norm's form and learned (equations in
// stochastic_norm.h).
//
// Noise is one for each channel, on any axis but the batch where each sample has its own, which
// then is 1 or the last one. Given noise is [C] or [N, C]; without, it is drawn from the stream of
// a seed. Saved for backward: nothing but the inputs.
#include "norms/ops.h"
#include "norms/random_arguments.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

// Where an op has its inputs; -1: nowhere. dy is the first of a gradient's.
struct Places {
  NoiseForm form;
  int x;
  int parameters[StochasticNoise::kParameters];
  int first;  // given noise; the second and the seed follow

  int second() const { return first + 1; }
  int seed() const { return first + 2; }
};
constexpr Places kBatchForward = {NoiseForm::kBatch, 0, {1, -1, 2, -1}, 3};
constexpr Places kBatchBackward = {NoiseForm::kBatch, 1, {2, -1, -1, -1}, 3};
constexpr Places kLearnedForward = {NoiseForm::kLearned, 0, {1, 2, 3, 4}, 5};
constexpr Places kLearnedBackward = {NoiseForm::kLearned, 1, {2, 3, -1, 4}, 5};

struct Layout {
  View view;
  int64_t samples = 1;

  Dims channels() const { return {view.channels}; }
};

Status LayoutOf(const Attributes& attributes, const Dims& x, Layout* layout) {
  SetLayout set;
  if (attributes.Bool("per_sample")) {
    NORM_RETURN_IF_ERROR(SampleLayout(attributes, x, &set));
    layout->samples = x[0];
  } else {
    NORM_RETURN_IF_ERROR(BatchLayout(attributes, 0, x, &set));
  }
  layout->view = set.view;
  return Ok();
}

// Of each of the two tensors of noise.
Dims GivenShape(const Attributes& attributes, const Layout& layout) {
  if (!attributes.Bool("given")) return {0};
  if (!attributes.Bool("per_sample")) return layout.channels();
  return {layout.samples, layout.view.channels};
}

Status CheckValues(const Attributes& attributes) {
  const double values = attributes.Number("effective_n");
  if (values < BatchNoise::kLeastSmooth &&
      values != static_cast<double>(static_cast<int>(values))) {
    return NORM_INVALID("effective_n below %d must be an integer, got %g", BatchNoise::kLeastSmooth,
                        values);
  }
  return Ok();
}

Status CheckInputs(const Attributes& attributes, const Places& places,
                   const std::vector<Dims>& inputs, Layout* layout) {
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[places.x], layout));
  if (places.x == 1) NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  const auto check = [&](int place, const Dims& expected) {
    return CheckShape(attributes.op().inputs[place].name, inputs[place], expected);
  };
  const bool batch = places.form == NoiseForm::kBatch;
  if (batch) NORM_RETURN_IF_ERROR(CheckValues(attributes));
  for (int i = 0; i < StochasticNoise::kParameters; ++i) {
    const int place = places.parameters[i];
    if (place < 0) continue;
    NORM_RETURN_IF_ERROR(batch ? CheckParameter(attributes, i == 0 ? "gamma" : "beta",
                                                i == 0 ? "scale" : "center", inputs[place],
                                                layout->channels())
                               : check(place, layout->channels()));
  }
  NORM_RETURN_IF_ERROR(check(places.first, GivenShape(attributes, *layout)));
  NORM_RETURN_IF_ERROR(check(places.second(), GivenShape(attributes, *layout)));
  return check(places.seed(), {attributes.Bool("given") ? 0 : philox::kDigits});
}

// The arguments' layout, which has been checked.
template <class Args>
Status Fill(OpContext& context, const Attributes& attributes, const Places& places, Args* args) {
  Layout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, context.input(places.x).dims, &layout));
  args->view = layout.view;
  args->x = context.input(places.x).data;
  StochasticNoise& noise = args->noise;
  noise.form = places.form;
  noise.channels = layout.view.channels;
  noise.samples = layout.samples;
  for (int i = 0; i < StochasticNoise::kParameters; ++i) {
    const int place = places.parameters[i];
    if (place >= 0) noise.parameters[i] = DataOrNull(context.input(place));
  }
  noise.first = DataOrNull(context.input(places.first));
  noise.second = DataOrNull(context.input(places.second()));
  noise.digits = DataOrNull(context.input(places.seed()));
  if (places.form == NoiseForm::kBatch) {
    noise.batch = BatchNoise::Of(static_cast<float>(attributes.Number("effective_n")));
  }
  return Ok();
}

Status InferForward(const Attributes& attributes, const Places& places,
                    const std::vector<Dims>& inputs, std::vector<Dims>* outputs) {
  Layout layout;
  NORM_RETURN_IF_ERROR(CheckInputs(attributes, places, inputs, &layout));
  *outputs = {inputs[places.x]};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes, const Places& places,
               const std::vector<Dims>& output_dims, Device device) {
  StochasticForward args;
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (outputs[0].size() == 0) return RunEmpty(context, device, outputs);
  NORM_RETURN_IF_ERROR(Fill(context, attributes, places, &args));
  args.y = outputs[0].data;
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const Places& places,
                     const std::vector<Dims>& inputs, std::vector<Dims>* outputs) {
  Layout layout;
  NORM_RETURN_IF_ERROR(CheckInputs(attributes, places, inputs, &layout));
  const Dims channels = layout.channels();
  *outputs = {inputs[places.x]};
  if (places.form == NoiseForm::kBatch) {
    const Dims given = GivenShape(attributes, layout);
    outputs->insert(outputs->end(), {ParameterShape(attributes, "scale", channels),
                                     ParameterShape(attributes, "center", channels), given, given});
  } else {
    outputs->insert(outputs->end(), StochasticNoise::kParameters, channels);
  }
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes, const Places& places,
                const std::vector<Dims>& output_dims, Device device) {
  StochasticBackward args;
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (outputs[0].size() == 0) return RunEmpty(context, device, outputs);
  NORM_RETURN_IF_ERROR(Fill(context, attributes, places, &args));
  args.dy = context.input(0).data;
  args.dx = outputs[0].data;
  // Given noise has its gradients after those of gamma and beta.
  constexpr int kOfBatch[] = {0, 2, 1, 3};
  for (int i = 0; i < StochasticNoise::kParameters; ++i) {
    const int place = places.form == NoiseForm::kBatch ? kOfBatch[i] : i;
    args.gradients[place] = DataOrNull(outputs[1 + i]);
  }
  return RunKernels(context, device, args);
}

// The functions of a declaration.
template <const Places& places>
struct Functions {
  static Status Infer(const Attributes& attributes, const std::vector<Dims>& inputs,
                      std::vector<Dims>* outputs) {
    return places.x == 0 ? InferForward(attributes, places, inputs, outputs)
                         : InferBackward(attributes, places, inputs, outputs);
  }
  static Status Compute(OpContext& context, const Attributes& attributes,
                        const std::vector<Dims>& output_dims, Device device) {
    return places.x == 0 ? Forward(context, attributes, places, output_dims, device)
                         : Backward(context, attributes, places, output_dims, device);
  }
};

std::vector<AttributeDecl> LearnedAttributes() {
  return {AxisAttribute("axis", "The channel axis; 1 or the last one with per_sample."),
          FlagAttribute("per_sample", false, "Whether every sample has noise of its own."),
          FlagAttribute("given", false, "Whether the noise is given; without, it is drawn.")};
}

std::vector<AttributeDecl> BatchAttributes() {
  std::vector<AttributeDecl> attributes = LearnedAttributes();
  AttributeDecl values = {"effective_n", AttributeDecl::Type::kFloat, 32};
  values.minimum = BatchNoise::kLeast;
  values.doc = "Of how many values the statistics are whose noise is drawn; an integer below 16.";
  attributes.push_back(values);
  attributes.push_back(ScaleAttribute());
  attributes.push_back(CenterAttribute());
  return attributes;
}

ArgumentDecl ChannelsArgument(const char* name) { return VectorArgument(name, "[C]"); }

ArgumentDecl NoiseArgument(const char* name) {
  ArgumentDecl argument = {name};
  argument.min_rank = 1;
  argument.max_rank = 2;
  argument.doc = "Given: [C], or [N, C] with per_sample; else [0].";
  return argument;
}

ArgumentDecl DrawingSeed() {
  ArgumentDecl seed = SeedArgument();
  seed.doc = "[8]: as of alpha dropout; [0] where the noise is given.";
  return seed;
}

}  // namespace

const std::vector<OpDecl>& StochasticNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsStochasticAffine",
       "gamma * v * (x - u) + beta with u and v as random as statistics of a batch.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]"), NoiseArgument("u"), NoiseArgument("v"),
        DrawingSeed()},
       {LikeArgument("y", 0, "")},
       BatchAttributes(),
       Functions<kBatchForward>::Infer,
       Functions<kBatchForward>::Compute},
      {"TfjsStochasticAffineGrad",
       "Gradient of TfjsStochasticAffine, with the seed that it had.",
       {SetArgument("dy"), SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        NoiseArgument("u"), NoiseArgument("v"), DrawingSeed()},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
        VectorArgument("dbeta", "[C], or [0] without center"), LikeArgument("du", 3, ""),
        LikeArgument("dv", 4, "")},
       BatchAttributes(),
       Functions<kBatchBackward>::Infer,
       Functions<kBatchBackward>::Compute},
      {"TfjsBayesianAffine",
       "x by a log-normal scale and a normal offset, whose means and deviations are learned.",
       {SetArgument("x"), ChannelsArgument("log_scale"), ChannelsArgument("rho_scale"),
        ChannelsArgument("bias"), ChannelsArgument("rho_bias"), NoiseArgument("scale_noise"),
        NoiseArgument("bias_noise"), DrawingSeed()},
       {LikeArgument("y", 0, "")},
       LearnedAttributes(),
       Functions<kLearnedForward>::Infer,
       Functions<kLearnedForward>::Compute},
      {"TfjsBayesianAffineGrad",
       "Gradient of TfjsBayesianAffine, with the seed that it had.",
       {SetArgument("dy"), SetArgument("x"), ChannelsArgument("log_scale"),
        ChannelsArgument("rho_scale"), ChannelsArgument("rho_bias"), NoiseArgument("scale_noise"),
        NoiseArgument("bias_noise"), DrawingSeed()},
       {LikeArgument("dx", 1, ""), LikeArgument("dlog_scale", 2, ""),
        LikeArgument("drho_scale", 3, ""), LikeArgument("dbias", 2, ""),
        LikeArgument("drho_bias", 4, "")},
       LearnedAttributes(),
       Functions<kLearnedBackward>::Infer,
       Functions<kLearnedBackward>::Compute},
  };
  return ops;
}

}  // namespace tfjs_norm
