// SELU, alpha dropout and both at once (equations in selu.h), on float32 tensors of any shape.
//
// The numbers of the maps come as they are used, each rounded to float32 once: products of alpha,
// lambda and dropout's affine pair are for the caller to form in double. Saved for backward: y, or
// the seed.
#include "norms/ops.h"
#include "norms/random_arguments.h"
#include "norms/selu.h"

namespace tfjs_norm {
namespace {

// lambda and lambda alpha, for which mean 0 and variance 1 are a fixed point.
constexpr double kLambda = 1.0507009873554804934193349852946;
constexpr double kSaturation = 1.7580993408473768599402175208123;

AttributeDecl Positive(const char* name, double value, const char* doc) {
  AttributeDecl attribute = {name, AttributeDecl::Type::kFloat, value};
  attribute.minimum = 0;
  attribute.minimum_excluded = true;
  attribute.doc = doc;
  return attribute;
}

AttributeDecl PositiveAttribute(double value) {
  return Positive("positive", value, "The slope above 0.");
}

AttributeDecl NegativeAttribute() {
  return Positive("negative", kSaturation, "The factor of e^x - 1 below 0.");
}

AttributeDecl OffsetAttribute() {
  AttributeDecl attribute = {"offset", AttributeDecl::Type::kFloat, 0};
  attribute.doc = "Added to what is kept.";
  return attribute;
}

AttributeDecl DroppedAttribute() {
  AttributeDecl attribute = {"dropped", AttributeDecl::Type::kFloat, -kSaturation};
  attribute.doc = "What takes the place of what is dropped.";
  return attribute;
}

// With more axes, random numbers could be shared in ways that a NoiseShape does not hold.
ArgumentDecl AnyShape(const char* name) {
  ArgumentDecl argument = {name};
  argument.max_rank = NoiseShape::kMaxSegments;
  return argument;
}

float Float(const Attributes& attributes, const char* name) {
  return static_cast<float>(attributes.Number(name));
}

SeluMap SeluWith(const Attributes& attributes, float offset) {
  return SeluOf(Float(attributes, "positive"), Float(attributes, "negative"), offset);
}

Status InferElementwise(const Attributes&, const std::vector<Dims>& inputs,
                        std::vector<Dims>* outputs) {
  *outputs = {inputs[0]};
  return Ok();
}

Status InferRandom(const Attributes& attributes, const std::vector<Dims>& inputs,
                   std::vector<Dims>* outputs) {
  NoiseShape shape;
  NORM_RETURN_IF_ERROR(CheckSeedShape(inputs[1]));
  NORM_RETURN_IF_ERROR(NoiseShapeOf(attributes, inputs[0], &shape));
  *outputs = {inputs[0]};
  return Ok();
}

Status InferFromOutput(const Attributes&, const std::vector<Dims>& inputs,
                       std::vector<Dims>* outputs) {
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  *outputs = {inputs[1]};
  return Ok();
}

// The map of input 0, whose mask is of input 1 where there is one.
Status RunMap(OpContext& context, const Attributes& attributes,
              const std::vector<Dims>& output_dims, Device device, const SeluMap& map,
              bool random) {
  SeluForward args;
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  const Tensor& x = context.input(0);
  args.size = x.size();
  args.map = map;
  args.x = x.data;
  args.y = outputs[0].data;
  if (random) {
    args.mask.threshold = static_cast<uint32_t>(attributes.Int("threshold"));
    args.mask.digits = context.input(1).data;
    NORM_RETURN_IF_ERROR(NoiseShapeOf(attributes, x.dims, &args.mask.shape));
  }
  return RunKernels(context, device, args);
}

Status Selu(OpContext& context, const Attributes& attributes, const std::vector<Dims>& output_dims,
            Device device) {
  return RunMap(context, attributes, output_dims, device, SeluWith(attributes, 0), false);
}

Status AlphaDropout(OpContext& context, const Attributes& attributes,
                    const std::vector<Dims>& output_dims, Device device) {
  const SeluMap map = LinearOf(Float(attributes, "slope"), Float(attributes, "offset"),
                               Float(attributes, "dropped"));
  return RunMap(context, attributes, output_dims, device, map, true);
}

Status AlphaDropoutGrad(OpContext& context, const Attributes& attributes,
                        const std::vector<Dims>& output_dims, Device device) {
  const SeluMap map = LinearOf(Float(attributes, "slope"), 0, 0);
  return RunMap(context, attributes, output_dims, device, map, true);
}

Status SeluAlphaDropout(OpContext& context, const Attributes& attributes,
                        const std::vector<Dims>& output_dims, Device device) {
  const SeluMap map = SeluWith(attributes, Float(attributes, "offset"));
  return RunMap(context, attributes, output_dims, device, map, true);
}

Status RunGrad(OpContext& context, const std::vector<Dims>& output_dims, Device device,
               const SeluMap& map, bool masked) {
  SeluBackward args;
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  args.size = outputs[0].size();
  args.map = map;
  args.masked = masked;
  args.dy = context.input(0).data;
  args.y = context.input(1).data;
  args.dx = outputs[0].data;
  return RunKernels(context, device, args);
}

Status SeluGrad(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  return RunGrad(context, output_dims, device, SeluWith(attributes, 0), false);
}

Status SeluAlphaDropoutGrad(OpContext& context, const Attributes& attributes,
                            const std::vector<Dims>& output_dims, Device device) {
  const SeluMap map = SeluWith(attributes, Float(attributes, "offset"));
  return RunGrad(context, output_dims, device, map, true);
}

}  // namespace

const std::vector<OpDecl>& SeluOps() {
  const auto slope = [] { return Positive("slope", 1, "The factor of what is kept."); };
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsSelu",
       "Scaled exponential linear unit.",
       {AnyShape("x")},
       {LikeArgument("y", 0, "")},
       {PositiveAttribute(kLambda), NegativeAttribute()},
       InferElementwise,
       Selu},
      {"TfjsSeluGrad",
       "Gradient of TfjsSelu.",
       {AnyShape("dy"), AnyShape("y")},
       {LikeArgument("dx", 1, "")},
       {PositiveAttribute(kLambda), NegativeAttribute()},
       InferFromOutput,
       SeluGrad},
      {"TfjsAlphaDropout",
       "Dropout to the saturation of SELU, then an affine map.",
       {AnyShape("x"), SeedArgument()},
       {LikeArgument("y", 0, "")},
       {slope(), OffsetAttribute(), DroppedAttribute(), ThresholdAttribute(),
        SharedAxesAttribute()},
       InferRandom,
       AlphaDropout},
      {"TfjsAlphaDropoutGrad",
       "Gradient of TfjsAlphaDropout, with the seed that it had.",
       {AnyShape("dy"), SeedArgument()},
       {LikeArgument("dx", 0, "")},
       {slope(), ThresholdAttribute(), SharedAxesAttribute()},
       InferRandom,
       AlphaDropoutGrad},
      {"TfjsSeluAlphaDropout",
       "SELU, dropout to its saturation, then an affine map.",
       {AnyShape("x"), SeedArgument()},
       {LikeArgument("y", 0, "")},
       {PositiveAttribute(kLambda), NegativeAttribute(), OffsetAttribute(), ThresholdAttribute(),
        SharedAxesAttribute()},
       InferRandom,
       SeluAlphaDropout},
      {"TfjsSeluAlphaDropoutGrad",
       "Gradient of TfjsSeluAlphaDropout, from its y.",
       {AnyShape("dy"), AnyShape("y")},
       {LikeArgument("dx", 1, "")},
       {PositiveAttribute(kLambda), NegativeAttribute(), OffsetAttribute()},
       InferFromOutput,
       SeluAlphaDropoutGrad},
  };
  return ops;
}

}  // namespace tfjs_norm
