// Online norm (equations in online_norm.h), in training and at inference.
//
// x has any rank >= 2, its channels on axis 1 or the last one, its samples on axis 0, in the order
// in which they count. States are [C], or [2, C]: high and low parts. At inference they come back
// as they are, and the control states may be [0]. Saved for backward: moments [5, N, C] of the
// (sample, channel) pairs.
#include "norms/ops.h"
#include "norms/set_arguments.h"

namespace tfjs_norm {
namespace {

AttributeDecl Above0(const char* name, double default_value, const char* doc) {
  AttributeDecl attribute = {name, AttributeDecl::Type::kFloat, default_value};
  attribute.minimum = 0;
  attribute.minimum_excluded = true;
  attribute.doc = doc;
  return attribute;
}

AttributeDecl TrainingAttribute() {
  AttributeDecl attribute = {"training", AttributeDecl::Type::kBool, 1};
  attribute.doc = "Whether the states follow x; else they are constants.";
  return attribute;
}

AttributeDecl ErrorCompensationAttribute() {
  AttributeDecl attribute = {"error_compensation", AttributeDecl::Type::kInt, 1};
  attribute.minimum = 0;
  attribute.maximum = 2;
  attribute.doc = "0 none, 1 clamp, 2 layer scaling.";
  return attribute;
}

AttributeDecl ControlRateAttribute() {
  AttributeDecl attribute = {"control_rate", AttributeDecl::Type::kFloat, 0.01};
  attribute.minimum = 0;
  attribute.maximum = 1;
  attribute.doc = "1 - the decay of the control process.";
  return attribute;
}

std::vector<AttributeDecl> SharedAttributesAnd(const std::vector<AttributeDecl>& own) {
  std::vector<AttributeDecl> attributes = {
      SampleAxisAttribute(),
      TrainingAttribute(),
      ErrorCompensationAttribute(),
      Above0("clamp_value", 5, "The bound of |y| with error_compensation 1."),
      Above0("scaling_epsilon", 1e-5,
             "Added to the mean square of a sample with error_compensation 2."),
      ScaleAttribute(),
      CenterAttribute()};
  attributes.insert(attributes.end(), own.begin(), own.end());
  return attributes;
}

ArgumentDecl StateArgument(const char* name, const char* doc) {
  ArgumentDecl argument = {name};
  argument.min_rank = 1;
  argument.max_rank = 2;
  argument.doc = doc;
  return argument;
}

constexpr char kStateDoc[] = "[C], or [2, C]: high and low parts.";
constexpr char kControlDoc[] = "[C], or [2, C]: high and low parts; at inference also [0].";

ArgumentDecl OnlineMomentsArgument() {
  return RankArgument("moments", 3,
                      "[5, N, C]: mean (high and low part) and biased variance of the pair; its "
                      "mean minus the running mean, and the running deviation, before it.");
}

Dims MomentsOf(const SetLayout& layout) { return {5, layout.view.rows, layout.view.channels}; }

// Both states of a pair of inputs, which are alike.
Status CheckStates(const OpDecl& op, const std::vector<Dims>& inputs, int first,
                   const Dims& channels) {
  const char* name = op.inputs[first].name;
  const Dims& got = inputs[first];
  if (got != channels && got != Dims{2, channels[0]}) {
    return NORM_INVALID("%s must have shape %s or %s, got %s", name, ToString(channels).c_str(),
                        ToString({2, channels[0]}).c_str(), ToString(got).c_str());
  }
  return CheckShape(op.inputs[first + 1].name, inputs[first + 1], got);
}

OnlineState StateOf(const Tensor& from, const Tensor& to) {
  return {DataOrNull(from), DataOrNull(to), from.dims.size() == 2};
}

// Everything but what is saved.
void Fill(const OpContext& context, const Attributes& attributes, const SetLayout& layout, int x,
          OnlineNorm* args) {
  args->view = layout.view;
  args->training = attributes.Bool("training");
  args->compensation = static_cast<ErrorCompensation>(attributes.Int("error_compensation"));
  args->clamp_value = attributes.Number("clamp_value");
  args->scaling_epsilon = attributes.Number("scaling_epsilon");
  args->x = context.input(x).data;
  args->gamma = DataOrNull(context.input(x + 1));
  args->beta = DataOrNull(context.input(x + 2));
}

Status InferForward(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, inputs[0], &layout));
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[1], inputs[2]));
  NORM_RETURN_IF_ERROR(CheckStates(attributes.op(), inputs, 3, layout.channels()));
  *outputs = {inputs[0], inputs[3], inputs[4], MomentsOf(layout)};
  return Ok();
}

Status Forward(OpContext& context, const Attributes& attributes,
               const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(0);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs, {-1, 3, 4});

  OnlineNormForward args;
  Fill(context, attributes, layout, 0, &args);
  args.SetSaved(outputs[3].data);
  args.epsilon = attributes.Number("epsilon");
  args.rate = attributes.Number("update_rate");
  args.mean = StateOf(context.input(3), outputs[1]);
  args.variance = StateOf(context.input(4), outputs[2]);
  args.y = outputs[0].data;
  return RunKernels(context, device, args);
}

Status InferBackward(const Attributes& attributes, const std::vector<Dims>& inputs,
                     std::vector<Dims>* outputs) {
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, inputs[1], &layout));
  NORM_RETURN_IF_ERROR(CheckShape("dy", inputs[0], inputs[1]));
  NORM_RETURN_IF_ERROR(CheckSetAffine(attributes, layout, inputs[2], inputs[3]));
  const Dims none = {0};
  if (attributes.Bool("training") || inputs[4] != none || inputs[5] != none) {
    NORM_RETURN_IF_ERROR(CheckStates(attributes.op(), inputs, 4, layout.channels()));
  }
  NORM_RETURN_IF_ERROR(CheckShape("moments", inputs[6], MomentsOf(layout)));
  *outputs = {inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]};
  return Ok();
}

Status Backward(OpContext& context, const Attributes& attributes,
                const std::vector<Dims>& output_dims, Device device) {
  const Tensor& x = context.input(1);
  SetLayout layout;
  NORM_RETURN_IF_ERROR(SampleLayout(attributes, x.dims, &layout));
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  if (x.size() == 0) return RunEmpty(context, device, outputs, {-1, -1, -1, 4, 5});

  OnlineNormBackward args;
  Fill(context, attributes, layout, 1, &args);
  args.SetSaved(context.input(6).data);
  args.rate = attributes.Number("control_rate");
  args.u = StateOf(context.input(4), outputs[3]);
  args.v = StateOf(context.input(5), outputs[4]);
  args.dy = context.input(0).data;
  args.dx = outputs[0].data;
  args.dgamma = DataOrNull(outputs[1]);
  args.dbeta = DataOrNull(outputs[2]);
  return RunKernels(context, device, args);
}

}  // namespace

const std::vector<OpDecl>& OnlineNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsOnlineNorm",
       "Online normalization: each sample by decaying statistics of the samples before it.",
       {SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]"), StateArgument("moving_mean", kStateDoc),
        StateArgument("moving_variance", kStateDoc)},
       {LikeArgument("y", 0, "x, normalized"), LikeArgument("new_moving_mean", 3, kStateDoc),
        LikeArgument("new_moving_variance", 4, kStateDoc), OnlineMomentsArgument()},
       SharedAttributesAnd({EpsilonAttribute(1e-5), UpdateRateAttribute(0.001)}),
       InferForward,
       Forward},
      {"TfjsOnlineNormGrad",
       "The controlled gradient of TfjsOnlineNorm's y, and the control states after it.",
       {SetArgument("dy"), SetArgument("x"), VectorArgument("gamma", "[C] or [0]"),
        VectorArgument("beta", "[C] or [0]"), StateArgument("u", kControlDoc),
        StateArgument("v", kControlDoc), OnlineMomentsArgument()},
       {LikeArgument("dx", 1, ""), LikeArgument("dgamma", 2, "[C], or [0] without scale"),
        LikeArgument("dbeta", 3, "[C], or [0] without center"), LikeArgument("new_u", 4, ""),
        LikeArgument("new_v", 5, "")},
       SharedAttributesAnd({ControlRateAttribute()}),
       InferBackward,
       Backward},
  };
  return ops;
}

}  // namespace tfjs_norm
