// The epilogue of generalized Hamming layers (equations in generalized_hamming.h): acc has the
// channels last; taps are [1], or one number for each place of a sample, in row-major order.
#include "norms/generalized_hamming.h"
#include "norms/op_arguments.h"
#include "norms/ops.h"

namespace tfjs_norm {
namespace {

HammingThreshold ThresholdOf(const Attributes& attributes) {
  return static_cast<HammingThreshold>(attributes.Int("threshold"));
}

HammingMap MapOf(const Attributes& attributes) {
  HammingMap map;
  map.output = static_cast<HammingOutput>(attributes.Int("output"));
  map.alpha = static_cast<float>(attributes.Number("alpha"));
  return map;
}

Status ShapeOf(const Attributes& attributes, const Dims& acc, const Dims& taps, const Dims& r,
               HammingShape* shape) {
  const int64_t rank = static_cast<int64_t>(acc.size());
  shape->samples = acc.front();
  shape->places = Product(acc, 1, rank - 1);
  shape->channels = acc.back();
  const Dims one = {1};
  shape->taps_by_place = taps != one && taps == Dims{shape->places};
  if (taps != one && !shape->taps_by_place) {
    return NORM_INVALID("taps must have shape [1] or [%lld], got %s",
                        static_cast<long long>(shape->places), ToString(taps).c_str());
  }
  const HammingThreshold threshold = ThresholdOf(attributes);
  const bool used = threshold == HammingThreshold::kDouble || threshold == HammingThreshold::kSoft;
  return CheckShape("r", r, {used ? shape->channels : 0});
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  HammingShape shape;
  NORM_RETURN_IF_ERROR(ShapeOf(attributes, inputs[0], inputs[1], inputs[2], &shape));
  *outputs = {inputs[0]};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& acc = context.input(0);
  HammingForward args;
  NORM_RETURN_IF_ERROR(
      ShapeOf(attributes, acc.dims, context.input(1).dims, context.input(2).dims, &args.shape));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (acc.size() == 0) return RunEmpty(context, device, outputs);
  args.map = MapOf(attributes);
  args.threshold = ThresholdOf(attributes);
  args.acc = acc.data;
  args.taps = context.input(1).data;
  args.r = DataOrNull(context.input(2));
  args.y = outputs[0].data;
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  HammingShape shape;
  NORM_RETURN_IF_ERROR(ShapeOf(attributes, inputs[1], inputs[2], inputs[3], &shape));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  const bool soft = ThresholdOf(attributes) == HammingThreshold::kSoft;
  *outputs = {inputs[1], {soft ? shape.channels : 0}};
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  const Tensor& acc = context.input(1);
  HammingBackward args;
  NORM_RETURN_IF_ERROR(
      ShapeOf(attributes, acc.dims, context.input(2).dims, context.input(3).dims, &args.shape));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (acc.size() == 0) return RunEmpty(context, device, outputs);
  args.map = MapOf(attributes);
  args.threshold = ThresholdOf(attributes);
  args.dy = context.input(0).data;
  args.acc = acc.data;
  args.taps = context.input(2).data;
  args.r = DataOrNull(context.input(3));
  args.dacc = outputs[0].data;
  args.dr = DataOrNull(outputs[1]);
  return RunKernels(context, device, args);
}

std::vector<AttributeDecl> HammingAttributes() {
  AttributeDecl output = {"output", AttributeDecl::Type::kInt, 0};
  output.minimum = 0;
  output.maximum = 3;
  output.doc = "0: distance; 1: similarity; 2: centered; 3: raw.";
  AttributeDecl threshold = {"threshold", AttributeDecl::Type::kInt, 0};
  threshold.minimum = 0;
  threshold.maximum = 3;
  threshold.doc = "0: none; 1: relu; 2: double; 3: soft.";
  AttributeDecl alpha = {"alpha", AttributeDecl::Type::kFloat, 1};
  alpha.minimum = 0;
  alpha.minimum_excluded = true;
  alpha.doc = "The steepness of the soft threshold.";
  return {output, threshold, alpha};
}

ArgumentDecl Radius() {
  return VectorArgument("r", "[channels]; [0] with threshold none and relu");
}

ArgumentDecl Taps() { return VectorArgument("taps", "[1], or [places of a sample]"); }

}  // namespace

const std::vector<OpDecl>& HammingOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsHammingEpilogue",
       "Generalized Hamming distances from sums of products of shifted operands.",
       {AnyRankArgument("acc", 2), Taps(), Radius()},
       {LikeArgument("y", 0, "acc's shape")},
       HammingAttributes(),
       InferForward,
       Forward},
      {"TfjsHammingEpilogueGrad",
       "Gradient of TfjsHammingEpilogue.",
       {AnyRankArgument("dy", 2), AnyRankArgument("acc", 2), Taps(), Radius()},
       {LikeArgument("dacc", 1, ""), VectorArgument("dr", "[channels]; [0] unless soft")},
       HammingAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
