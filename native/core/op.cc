#include "core/op.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "core/counters.h"
#include "core/nvtx.h"
#include "core/op_contexts.h"

namespace tfjs_norm {
namespace {

// Every value up to here is an exact double, so integer attributes lose nothing on their way.
constexpr double kLargestInteger = 9007199254740992.0;

// As short as it can be and still be the same float32, so that 1.1 reads 1.1 whichever face it came
// through.
std::string Text(double value) {
  char text[32];
  constexpr double kPlain = 1e15;
  if (std::trunc(value) == value && std::fabs(value) < kPlain) {
    std::snprintf(text, sizeof text, "%.0f", value);
    return text;
  }
  constexpr int kEnough = 9;
  for (int digits = 6; digits <= kEnough; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtof(text, nullptr) == static_cast<float>(value)) break;
  }
  return text;
}

std::string DomainText(const AttributeDecl& attribute) {
  if (attribute.type == AttributeDecl::Type::kBool) return "a boolean";
  std::string text =
      attribute.type == AttributeDecl::Type::kInt ? "an integer" : "a finite float32 number";
  const bool below = std::isfinite(attribute.minimum);
  const bool above = std::isfinite(attribute.maximum);
  if (below && above) {
    text += (attribute.minimum_excluded ? " in (" : " in [") + Text(attribute.minimum) + ", " +
            Text(attribute.maximum) + "]";
  } else if (below) {
    text += (attribute.minimum_excluded ? " > " : " >= ") + Text(attribute.minimum);
  } else if (above) {
    text += " <= " + Text(attribute.maximum);
  }
  return text;
}

bool InDomain(const AttributeDecl& attribute, double value) {
  if (attribute.type == AttributeDecl::Type::kBool) return value == 0 || value == 1;
  if (!std::isfinite(value)) return false;
  if (attribute.type == AttributeDecl::Type::kInt &&
      (std::trunc(value) != value || std::fabs(value) > kLargestInteger)) {
    return false;
  }
  const bool above_minimum =
      attribute.minimum_excluded ? value > attribute.minimum : value >= attribute.minimum;
  return above_minimum && value <= attribute.maximum;
}

// Float attributes are float32 in TensorFlow: rounded here, every face computes the same bits.
double Rounded(const AttributeDecl& attribute, double value) {
  return attribute.type == AttributeDecl::Type::kFloat ? static_cast<float>(value) : value;
}

std::string AttributeNames(const OpDecl& op) {
  std::string names;
  for (const AttributeDecl& attribute : op.attributes) {
    if (!names.empty()) names += ", ";
    names += attribute.name;
  }
  return names;
}

Status WithOpName(const OpDecl& op, const Status& status) {
  const std::string prefix = std::string(op.name) + ": ";
  if (status.ok() || status.message().compare(0, prefix.size(), prefix) == 0) return status;
  return Status(status.code(), prefix + status.message());
}

Status CheckCount(const OpDecl& op, size_t count) {
  if (EntriesOf(op, count) > 0) return Ok();
  std::string names;
  for (const ArgumentDecl& input : op.inputs) {
    if (!names.empty()) names += ", ";
    names += input.name;
    if (input.list) names += "[]";
  }
  const int lists = ListCount(op.inputs);
  const size_t single = op.inputs.size() - lists;
  if (lists == 0) {
    return NORM_INVALID("expected %zu inputs (%s), got %zu", single, names.c_str(), count);
  }
  return NORM_INVALID("expected %d inputs for each entry of its lists and %zu others (%s), got %zu",
                      lists, single, names.c_str(), count);
}

// Rejects what cannot be a tensor in memory, so that no later product overflows.
Status CheckInput(const ArgumentDecl& argument, const Dims& dims) {
  const int rank = static_cast<int>(dims.size());
  if (rank < argument.min_rank || rank > argument.max_rank) {
    const char* relation = argument.min_rank == argument.max_rank ? ""
                           : rank < argument.min_rank             ? ">= "
                                                                  : "<= ";
    return NORM_INVALID("%s must have rank %s%d, got shape %s", argument.name, relation,
                        rank < argument.min_rank ? argument.min_rank : argument.max_rank,
                        ToString(dims).c_str());
  }
  constexpr int64_t kMostElements = std::numeric_limits<int64_t>::max() / 64;
  int64_t product = 1;
  for (const int64_t extent : dims) {
    if (extent < 0) {
      return NORM_INVALID("%s must have extents >= 0, got shape %s", argument.name,
                          ToString(dims).c_str());
    }
    // Products of some of the extents are formed too, so an extent of 0 does not excuse the others.
    if (extent == 0) continue;
    if (product > kMostElements / extent) {
      return NORM_INVALID("%s must fit into memory, got shape %s", argument.name,
                          ToString(dims).c_str());
    }
    product *= extent;
  }
  return Ok();
}

Status Infer(const Attributes& attributes, const std::vector<Dims>& inputs,
             std::vector<Dims>* outputs) {
  const OpDecl& op = attributes.op();
  NORM_RETURN_IF_ERROR(CheckCount(op, inputs.size()));
  const Arrangement arrangement = InputsOf(op, inputs.size());
  for (int i = 0; i < arrangement.size(); ++i) {
    NORM_RETURN_IF_ERROR(CheckInput(op.inputs[arrangement.argument(i)], inputs[i]));
  }
  return op.infer(attributes, inputs, outputs);
}

Status CheckDevice(Device device) {
#ifdef NORM_KIND_host
  if (device == Device::kCuda) {
    return Error(
        Code::kUnimplemented,
        "this library was built without nvcc and has no CUDA kernels; set CUDACXX to the path of "
        "nvcc and build again, or use the host device");
  }
#else
  (void)device;
#endif
  return Ok();
}

int FindInput(const OpDecl& op, const char* name) {
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (std::strcmp(op.inputs[i].name, name) == 0) return static_cast<int>(i);
  }
  return 0;
}

}  // namespace

Arrangement::Arrangement(const std::vector<ArgumentDecl>& arguments, int entries) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    first_.push_back(size());
    arguments_.insert(arguments_.end(), arguments[i].list ? entries : 1, static_cast<int>(i));
  }
}

int ListCount(const std::vector<ArgumentDecl>& arguments) {
  int count = 0;
  for (const ArgumentDecl& argument : arguments) count += argument.list ? 1 : 0;
  return count;
}

int EntriesOf(const OpDecl& op, size_t input_count) {
  const size_t lists = ListCount(op.inputs);
  const size_t single = op.inputs.size() - lists;
  if (lists == 0) return input_count == single ? 1 : 0;
  if (input_count < single || (input_count - single) % lists != 0) return 0;
  return static_cast<int>((input_count - single) / lists);
}

Arrangement InputsOf(const OpDecl& op, size_t input_count) {
  return Arrangement(op.inputs, EntriesOf(op, input_count));
}

Arrangement OutputsOf(const OpDecl& op, size_t input_count) {
  return Arrangement(op.outputs, EntriesOf(op, input_count));
}

int64_t ElementCount(const Dims& dims) {
  int64_t count = 1;
  for (const int64_t extent : dims) count *= extent;
  return count;
}

std::string ToString(const Dims& dims) {
  std::string text = "[";
  for (const int64_t extent : dims) {
    if (text.size() > 1) text += ',';
    text += std::to_string(extent);
  }
  return text + ']';
}

double Attributes::Number(const char* name) const {
  for (size_t i = 0; i < op_->attributes.size(); ++i) {
    if (std::strcmp(op_->attributes[i].name, name) == 0) return values_[i];
  }
  return std::numeric_limits<double>::quiet_NaN();
}

Status MakeAttributes(const OpDecl& op, const std::vector<std::pair<std::string, double>>& given,
                      Attributes* attributes) {
  std::vector<double> values;
  for (const AttributeDecl& attribute : op.attributes) {
    values.push_back(Rounded(attribute, attribute.default_value));
  }
  std::vector<bool> seen(values.size(), false);
  for (const auto& [name, value] : given) {
    size_t i = 0;
    while (i < values.size() && name != op.attributes[i].name) ++i;
    if (i == values.size()) {
      return NORM_INVALID("%s: unknown attribute %s, expected one of %s", op.name, name.c_str(),
                          AttributeNames(op).c_str());
    }
    if (seen[i]) {
      return NORM_INVALID("%s: expected attribute %s once, got it twice", op.name, name.c_str());
    }
    seen[i] = true;
    const AttributeDecl& attribute = op.attributes[i];
    values[i] = Rounded(attribute, value);
    if (!InDomain(attribute, values[i])) {
      return NORM_INVALID("%s: %s must be %s, got %s", op.name, attribute.name,
                          DomainText(attribute).c_str(), Text(value).c_str());
    }
  }
  *attributes = Attributes(&op, std::move(values));
  return Ok();
}

Status CheckInputCount(const OpDecl& op, size_t count) {
  return WithOpName(op, CheckCount(op, count));
}

Status InferOutputs(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs) {
  return WithOpName(attributes.op(), Infer(attributes, inputs, outputs));
}

Status MeasureWorkspace(const Attributes& attributes, const std::vector<Dims>& inputs,
                        Device device, size_t* bytes) {
  const OpDecl& op = attributes.op();
  std::vector<Dims> outputs;
  NORM_RETURN_IF_ERROR(InferOutputs(attributes, inputs, &outputs));
  NORM_RETURN_IF_ERROR(WithOpName(op, CheckDevice(device)));
  MeasuringContext context(inputs);
  const Status status = op.compute(context, attributes, outputs, device);
  *bytes = context.bytes();
  return context.asked() ? Ok() : WithOpName(op, status);
}

Status RunOp(const Attributes& attributes, int input_count, OpContext& context, Device device) {
  const OpDecl& op = attributes.op();
  NORM_RETURN_IF_ERROR(CheckInputCount(op, input_count));
  std::vector<Dims> inputs;
  for (int i = 0; i < input_count; ++i) inputs.push_back(context.input(i).dims);
  std::vector<Dims> outputs;
  NORM_RETURN_IF_ERROR(InferOutputs(attributes, inputs, &outputs));
  NORM_RETURN_IF_ERROR(WithOpName(op, CheckDevice(device)));

  const NvtxRange range(op.name, "x", inputs[InputsOf(op, inputs.size()).at(FindInput(op, "x"))]);
  CountOpCall(op.name);
  CountedContext counted(op, input_count, context);
  return WithOpName(op, op.compute(counted, attributes, outputs, device));
}

}  // namespace tfjs_norm
