// Batch renormalization in training (equations in batch_renorm.h); at inference it is
// TfjsBatchNormInference.
//
// x has any rank >= 2 and any channel axis, and the view of BatchLayout. The clipping is an input,
// not attributes: a schedule changes it from step to step, and TensorFlow keeps a kernel for every
// value of an attribute it has seen. Saved for backward: corrections [2, C], and moments [3, R, C]
// of the view's (row, channel) pairs.
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

constexpr const char* kState[] = {"moving_mean", "moving_stddev", "renorm_mean", "renorm_stddev"};
constexpr int kFirstState = 3;
constexpr int kClipping = 7;
constexpr int kSavedCorrections = 4;

ArgumentDecl CorrectionsArgument() {
  return RankArgument("corrections", 2, "[2, C]: r and d of each channel.");
}

Status LayoutOf(const Attributes& attributes, const Dims& x, SetLayout* layout) {
  return BatchLayout(attributes, 0, x, layout);
}

Dims CorrectionsOf(const SetLayout& layout) { return {2, layout.view.channels}; }

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[0], &layout));
  const Dims channels = layout.channels();
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  int input = kFirstState;
  for (const char* name : kState) NORM_RETURN_IF_ERROR(CheckShape(name, inputs[input++], channels));
  NORM_RETURN_IF_ERROR(CheckShape("clipping", inputs[kClipping], {3}));
  *outputs = {inputs[0],       channels, channels, channels, channels, CorrectionsOf(layout),
              layout.moments()};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs, {-1, 3, 4, 5, 6});

  const auto running = [&](int first, const char* rate) {
    return Running{context.input(kFirstState + first).data,
                   context.input(kFirstState + first + 1).data, outputs[1 + first].data,
                   outputs[2 + first].data, attributes.Number(rate)};
  };
  SetNormForward args;
  args.moving = running(0, "update_rate");
  args.renorm = {running(2, "renorm_update_rate"), context.input(kClipping).data, outputs[5].data};
  return RunSetForward(context, attributes, layout, outputs, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(InferSetBackward(attributes, layout, inputs, outputs));
  return CheckShape("corrections", inputs[kSavedCorrections], CorrectionsOf(layout));
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(attributes, context.input(1).dims, &layout));
  SetNormBackward args;
  args.corrections = context.input(kSavedCorrections).data;
  return RunSetBackward(context, attributes, layout, output_dims, device, args);
}

std::vector<ArgumentDecl> ForwardInputs() {
  std::vector<ArgumentDecl> inputs = {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
                                      VectorArgument("beta", "[C] or [0]")};
  for (const char* name : kState) inputs.push_back(VectorArgument(name, "[C]"));
  inputs.push_back(VectorArgument("clipping", "[3]: rmax, rmin, dmax."));
  return inputs;
}

std::vector<ArgumentDecl> GradInputs() {
  std::vector<ArgumentDecl> inputs = SetGradInputs();
  inputs.push_back(CorrectionsArgument());
  return inputs;
}

}  // namespace

const std::vector<OpDecl>& BatchRenormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsBatchRenorm",
       "Batch renormalization in training: batch normalization, corrected towards running "
       "statistics.",
       ForwardInputs(),
       {LikeArgument("y", 0, "x, normalized"), LikeArgument("new_moving_mean", 3, "[C]"),
        LikeArgument("new_moving_stddev", 4, "[C]"), LikeArgument("new_renorm_mean", 5, "[C]"),
        LikeArgument("new_renorm_stddev", 6, "[C]"), CorrectionsArgument(), MomentsArgument()},
       {ChannelAxisAttribute(), EpsilonAttribute(1e-3), UpdateRateAttribute(0.01),
        UpdateRateAttribute(0.01, "renorm_update_rate"), ScaleAttribute(), CenterAttribute()},
       InferForward,
       Forward},
      {"TfjsBatchRenormGrad",
       "Gradient of TfjsBatchRenorm's y; the corrections are constants.",
       GradInputs(),
       SetGradOutputs(),
       {ChannelAxisAttribute(), EpsilonAttribute(1e-3), ScaleAttribute(), CenterAttribute()},
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
