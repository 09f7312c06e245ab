// Equi-normalization (equations in equi_norm.h) of lists of weights: the coefficients of a step,
// and the scaling by them.
#include "norms/op_arguments.h"
#include "norms/ops.h"

namespace tfjs_norm {
namespace {

// Numbers up to here are exact in float32.
constexpr int64_t kMostEntries = 1 << 22;

enum Input { kFactors, kWeights, kRows, kColumns, kOrder, kStarts, kShares, kExponents };

ArgumentDecl List(ArgumentDecl argument) {
  argument.list = true;
  return argument;
}

ArgumentDecl Entries(const char* name, const char* doc) { return VectorArgument(name, doc); }

AttributeDecl PowerOfNorm() {
  AttributeDecl attribute = {"p", AttributeDecl::Type::kFloat, 2};
  attribute.minimum = 0;
  attribute.minimum_excluded = true;
  attribute.doc = "The norm whose power is balanced.";
  return attribute;
}

AttributeDecl PowerOfFactors() {
  AttributeDecl attribute = {"power", AttributeDecl::Type::kInt, 1};
  attribute.minimum = -2;
  attribute.maximum = 2;
  attribute.doc = "1 for weights, -1 for sums of gradients, -2 for sums of their squares.";
  return attribute;
}

Status LayoutOf(const Dims& x, EquiWeight* weight) {
  const int64_t rank = static_cast<int64_t>(x.size());
  weight->columns = x[rank - 1];
  weight->rows = rank > 1 ? x[rank - 2] : 1;
  weight->outer = Product(x, 0, rank > 1 ? rank - 2 : 0);
  if (weight->all_rows() > std::numeric_limits<int32_t>::max() / 2 ||
      weight->columns > kMostEntries || weight->rows > kMostEntries) {
    return NORM_INVALID("weights must have at most %lld rows and columns, got shape %s",
                        static_cast<long long>(kMostEntries), ToString(x).c_str());
  }
  return Ok();
}

struct Layout {
  std::vector<EquiWeight> weights;
  int64_t positions = 0;
};

// `first` are the places of the lists of weights, rows and columns.
Status LayoutOf(const std::vector<Dims>& inputs, int count, const int (&first)[3], Layout* layout) {
  for (int i = 0; i < count; ++i) {
    EquiWeight weight;
    NORM_RETURN_IF_ERROR(LayoutOf(inputs[first[0] + i], &weight));
    NORM_RETURN_IF_ERROR(CheckShape("rows", inputs[first[1] + i], {weight.rows}));
    NORM_RETURN_IF_ERROR(CheckShape("columns", inputs[first[2] + i], {weight.columns}));
    layout->positions += weight.rows + weight.columns;
    layout->weights.push_back(weight);
  }
  if (layout->positions > kMostEntries) {
    return NORM_INVALID("weights must have at most %lld rows and columns together, got %lld",
                        static_cast<long long>(kMostEntries),
                        static_cast<long long>(layout->positions));
  }
  return Ok();
}

Status CheckEntries(const Dims& factors) {
  if (factors[0] >= 1 && factors[0] <= kMostEntries / 2) return Ok();
  return NORM_INVALID("factors must have 1 to %lld entries, got shape %s",
                      static_cast<long long>(kMostEntries / 2), ToString(factors).c_str());
}

// The weights of a call, with their data.
Status WeightsOf(const OpContext& context, int count, const int (&first)[3], Layout* layout) {
  std::vector<Dims> dims;
  for (int i = 0; i < first[2] + count; ++i) dims.push_back(context.input(i).dims);
  NORM_RETURN_IF_ERROR(LayoutOf(dims, count, first, layout));
  for (int i = 0; i < count; ++i) {
    EquiWeight& weight = layout->weights[i];
    weight.x = context.input(first[0] + i).data;
    weight.row_entries = context.input(first[1] + i).data;
    weight.column_entries = context.input(first[2] + i).data;
  }
  return Ok();
}

int CountOf(const Attributes& attributes, size_t inputs) {
  return EntriesOf(attributes.op(), inputs);
}

Status InferFactors(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  const Arrangement at = InputsOf(attributes.op(), inputs.size());
  const Dims& factors = inputs[at.at(kFactors)];
  NORM_RETURN_IF_ERROR(CheckEntries(factors));
  Layout layout;
  NORM_RETURN_IF_ERROR(LayoutOf(inputs, CountOf(attributes, inputs.size()),
                                {at.at(kWeights), at.at(kRows), at.at(kColumns)}, &layout));
  NORM_RETURN_IF_ERROR(CheckShape("order", inputs[at.at(kOrder)], {layout.positions}));
  const Dims& starts = inputs[at.at(kStarts)];
  if (starts[0] != 2 * factors[0] + 1) {
    return NORM_INVALID(
        "starts must have shape [%lld], two for each of the factors and one, got %s",
        static_cast<long long>(2 * factors[0] + 1), ToString(starts).c_str());
  }
  NORM_RETURN_IF_ERROR(CheckShape("shares", inputs[at.at(kShares)], {layout.positions}));
  NORM_RETURN_IF_ERROR(CheckShape("exponents", inputs[at.at(kExponents)], factors));
  *outputs = {factors};
  return Ok();
}

Status ComputeFactors(OpContext& context, const Attributes& attributes,
                      const std::vector<Dims>& output_dims, Device device) {
  const int count = CountOf(attributes, static_cast<size_t>(context.input_count()));
  const Arrangement at(attributes.op().inputs, count);
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  Layout layout;
  NORM_RETURN_IF_ERROR(
      WeightsOf(context, count, {at.at(kWeights), at.at(kRows), at.at(kColumns)}, &layout));
  EquiNorm args;
  args.weights = layout.weights;
  args.entries = output_dims[0][0];
  args.positions = layout.positions;
  args.power = attributes.Number("p");
  args.factors = context.input(at.at(kFactors)).data;
  args.order = context.input(at.at(kOrder)).data;
  args.starts = context.input(at.at(kStarts)).data;
  args.shares = context.input(at.at(kShares)).data;
  args.exponents = context.input(at.at(kExponents)).data;
  args.new_factors = outputs[0].data;
  return RunKernels(context, device, args);
}

enum ScaleInput { kX, kXRows, kXColumns, kXFactors };

Status InferScale(const Attributes& attributes, const std::vector<Dims>& inputs,
                  std::vector<Dims>* outputs) {
  const Arrangement at = InputsOf(attributes.op(), inputs.size());
  const int count = CountOf(attributes, inputs.size());
  NORM_RETURN_IF_ERROR(CheckEntries(inputs[at.at(kXFactors)]));
  Layout layout;
  NORM_RETURN_IF_ERROR(
      LayoutOf(inputs, count, {at.at(kX), at.at(kXRows), at.at(kXColumns)}, &layout));
  outputs->assign(inputs.begin(), inputs.begin() + count);
  return Ok();
}

Status ComputeScale(OpContext& context, const Attributes& attributes,
                    const std::vector<Dims>& output_dims, Device device) {
  const int count = static_cast<int>(output_dims.size());
  const Arrangement at(attributes.op().inputs, count);
  std::vector<Tensor> outputs;
  NORM_RETURN_IF_ERROR(AllocateOutputs(context, output_dims, &outputs));
  Layout layout;
  NORM_RETURN_IF_ERROR(
      WeightsOf(context, count, {at.at(kX), at.at(kXRows), at.at(kXColumns)}, &layout));
  const Tensor& factors = context.input(at.at(kXFactors));
  EquiScale args;
  args.weights = layout.weights;
  for (const Tensor& output : outputs) args.y.push_back(output.data);
  args.entries = factors.size();
  args.power = static_cast<int>(attributes.Int("power"));
  args.factors = factors.data;
  return RunKernels(context, device, args);
}

ArgumentDecl FactorsArgument() {
  return Entries("factors", "[E]: the coefficient of each unit of a group");
}
ArgumentDecl RowsArgument() {
  return List(Entries("rows", "the entry of each row, from 1 on; negative: its consumer; 0: none"));
}
ArgumentDecl ColumnsArgument() { return List(Entries("columns", "of each column, alike")); }

}  // namespace

const std::vector<OpDecl>& EquiNormOps() {
  static const auto& ops = *new std::vector<OpDecl>{
      {"TfjsEquiNorm",
       "A step of equi-normalization: the coefficients that balance a network's weights.",
       {FactorsArgument(), List(AnyRankArgument("weights", 1)), RowsArgument(), ColumnsArgument(),
        Entries("order", "[T]: rows and columns of all weights, those of an entry side by side"),
        Entries("starts", "[2E + 1]: where in order the producers and the consumers of each begin"),
        Entries("shares", "[T]: what each is multiplied with, in the order of order"),
        Entries("exponents", "[E]: 1 / (2p); 0: the entry stays")},
       {LikeArgument("new_factors", 0, "")},
       {PowerOfNorm()},
       InferFactors,
       ComputeFactors},
      {"TfjsEquiNormScale",
       "Weights of any number, scaled by the coefficients of TfjsEquiNorm.",
       {List(AnyRankArgument("x", 1)), RowsArgument(), ColumnsArgument(), FactorsArgument()},
       {List(LikeArgument("y", 0, "x, scaled"))},
       {PowerOfFactors()},
       InferScale,
       ComputeScale},
  };
  return ops;
}

}  // namespace tfjs_norm
