// The element-wise steps of Fixup, SkipInit and ReZero (equations in fixup.h), on float32 tensors
// of any shape: one op whose parts are attributes.
//
// dx is an output only where it is not dy, dz, the residual's gradient, only where it is neither dy
// nor dx: [0] otherwise.
#include "norms/fixup.h"
#include "norms/op_arguments.h"
#include "norms/ops.h"

namespace tfjs_norm {
namespace {

std::vector<AttributeDecl> FixupAttributes() {
  const char* const given = "Whether there is one; its tensor has shape [0] otherwise.";
  return {FlagAttribute("relu", false, "f(z) = max(z, 0), not z."),
          FlagAttribute("use_scale", false, given), FlagAttribute("use_bias", false, given),
          FlagAttribute("use_shift", false, given), FlagAttribute("use_residual", false, given)};
}

Status CheckScalars(const Attributes& attributes, const Dims& scale, const Dims& bias) {
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "scale", "use_scale", scale, {1}));
  return CheckParameter(attributes, "bias", "use_bias", bias, {1});
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  NORM_RETURN_IF_ERROR(CheckScalars(attributes, inputs[1], inputs[2]));
  NORM_RETURN_IF_ERROR(CheckParameter(attributes, "shift", "use_shift", inputs[3], {1}));
  NORM_RETURN_IF_ERROR(
      CheckParameter(attributes, "residual", "use_residual", inputs[4], inputs[0]));
  *outputs = {inputs[0]};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  FixupForward args;
  args.size = outputs[0].size();
  args.relu = attributes.Bool("relu");
  args.x = context.input(0).data;
  args.scalars = {DataOrNull(context.input(1)), DataOrNull(context.input(2)),
                  DataOrNull(context.input(3))};
  args.residual = DataOrNull(context.input(4));
  args.y = outputs[0].data;
  return RunKernels(context, device, args);
}

// Whether x has another gradient than dy, for which backward reads x.
bool HasDx(const Attributes& attributes) {
  return attributes.Bool("relu") || attributes.Bool("use_scale");
}
// Whether the residual has a gradient of its own.
bool HasDz(const Attributes& attributes) {
  return attributes.Bool("relu") && attributes.Bool("use_scale") && attributes.Bool("use_residual");
}
bool ReadsResidual(const Attributes& attributes) {
  return attributes.Bool("relu") && attributes.Bool("use_residual");
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  const Dims& dy = inputs[0];
  const auto when = [](bool condition, const Dims& shape) { return condition ? shape : Dims{0}; };
  NORM_RETURN_IF_ERROR(CheckShape("x", inputs[1], when(HasDx(attributes), dy)));
  NORM_RETURN_IF_ERROR(CheckScalars(attributes, inputs[2], inputs[3]));
  NORM_RETURN_IF_ERROR(CheckShape("residual", inputs[4], when(ReadsResidual(attributes), dy)));
  *outputs = {when(HasDx(attributes), dy), when(HasDz(attributes), dy),
              ParameterShape(attributes, "use_scale", {1}),
              ParameterShape(attributes, "use_bias", {1}),
              ParameterShape(attributes, "use_shift", {1})};
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  FixupBackward args;
  args.size = context.input(0).size();
  args.relu = attributes.Bool("relu");
  args.dy = context.input(0).data;
  args.x = DataOrNull(context.input(1));
  args.scalars = {DataOrNull(context.input(2)), DataOrNull(context.input(3)), nullptr};
  args.residual = DataOrNull(context.input(4));
  args.dx = DataOrNull(outputs[0]);
  args.dz = DataOrNull(outputs[1]);
  args.sums = {DataOrNull(outputs[2]), DataOrNull(outputs[3]), DataOrNull(outputs[4])};
  return RunKernels(context, device, args);
}

ArgumentDecl Scalar(const char* name) { return VectorArgument(name, "[1]"); }

// Of a shape that is known only when the op runs.
ArgumentDecl Optional(const char* name, const char* doc) {
  ArgumentDecl argument = {name};
  argument.doc = doc;
  return argument;
}

}  // namespace

const std::vector<OpDecl>& FixupOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsFixup",
       "f(scale * x + bias + residual) + shift, with scalars and f(z) = max(z, 0) or z.",
       {ArgumentDecl{"x"}, Scalar("scale"), Scalar("bias"), Scalar("shift"),
        Optional("residual", "x's shape")},
       {LikeArgument("y", 0, "")},
       FixupAttributes(),
       InferForward,
       Forward},
      {"TfjsFixupGrad",
       "Gradient of TfjsFixup.",
       {ArgumentDecl{"dy"}, Optional("x", "[0] without relu and scale"), Scalar("scale"),
        Scalar("bias"), Optional("residual", "[0] without relu")},
       {Optional("dx", "[0] without relu and scale: dy"),
        Optional("dz",
                 "That of the residual; [0] without one, without relu (dy) and without scale (dx)"),
        Scalar("dscale"), Scalar("dbias"), Scalar("dshift")},
       FixupAttributes(),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
