// An op is declared once, here and in norms/*_op.cc; the TensorFlow face, the C face, the N-API
// face and the JSON description are all made from the declaration. A compute sees an OpContext,
// never a framework.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"

namespace tfjs_norm {

using Dims = std::vector<int64_t>;

int64_t ElementCount(const Dims& dims);
std::string ToString(const Dims& dims);  // "[2,3,4]"

enum class Device { kHost, kCuda };

struct Tensor {
  Dims dims;
  float* data = nullptr;  // float32 is the one data type of this library

  int64_t size() const { return ElementCount(dims); }
};

struct AttributeDecl {
  enum class Type { kInt, kFloat, kBool };
  const char* name;
  Type type;
  double default_value;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool minimum_excluded = false;
  const char* doc = "";
};

// What the TensorFlow shape function knows of an argument before any value is known.
struct ArgumentDecl {
  const char* name;
  int min_rank = 0;
  int max_rank = 1 << 20;
  int like_input = -1;  // outputs: same shape as that input; -1: only known when the op runs
  const char* doc = "";
  // Any number of tensors from 1 on, the same for every list of an op (TensorFlow: attribute N).
  bool list = false;
};

// Where the tensors of one call lie: the arguments in their order, a list's one after the other.
class Arrangement {
 public:
  Arrangement(const std::vector<ArgumentDecl>& arguments, int entries);

  int size() const { return static_cast<int>(arguments_.size()); }
  // The place of the argument's first tensor.
  int at(int argument) const { return first_[argument]; }
  int argument(int tensor) const { return arguments_[tensor]; }
  // Which tensor of its list; 0 where the argument is none.
  int entry(int tensor) const { return tensor - first_[arguments_[tensor]]; }

 private:
  std::vector<int> first_;      // by argument
  std::vector<int> arguments_;  // by tensor
};

// Attribute values of one op instance, in the order of the declaration.
class Attributes {
 public:
  Attributes(const struct OpDecl* op, std::vector<double> values)
      : op_(op), values_(std::move(values)) {}
  double Number(const char* name) const;
  int64_t Int(const char* name) const { return static_cast<int64_t>(Number(name)); }
  bool Bool(const char* name) const { return Number(name) != 0; }
  const struct OpDecl& op() const { return *op_; }

 private:
  const struct OpDecl* op_;
  std::vector<double> values_;
};

class OpContext {
 public:
  virtual ~OpContext() = default;
  virtual int input_count() const = 0;
  virtual const Tensor& input(int index) const = 0;
  // Outputs are asked for once each, in any order; a failed call leaves no output behind.
  virtual Status AllocateOutput(int index, const Dims& dims, Tensor* output) = 0;
  // 256-byte aligned, uninitialised, valid until the op's work on its stream is done. A compute
  // asks exactly once, 0 bytes too, after its outputs and before any work: so the need can be
  // measured.
  virtual Status AllocateTemp(size_t bytes, void** data) = 0;
  virtual void* stream() const = 0;  // cudaStream_t on Device::kCuda, null on the host
};

struct OpDecl {
  const char* name;  // the TensorFlow op name and the tfjs kernel name
  const char* summary;
  std::vector<ArgumentDecl> inputs;
  std::vector<ArgumentDecl> outputs;
  std::vector<AttributeDecl> attributes;
  // Checks the shapes and attribute values against each other and gives the output shapes.
  Status (*infer)(const Attributes& attributes, const std::vector<Dims>& inputs,
                  std::vector<Dims>* outputs);
  Status (*compute)(OpContext& context, const Attributes& attributes,
                    const std::vector<Dims>& output_dims, Device device);
};

int ListCount(const std::vector<ArgumentDecl>& arguments);
// The length of the lists of a call with so many inputs, 1 where the op has none; 0 where no length
// fits.
int EntriesOf(const OpDecl& op, size_t input_count);
Arrangement InputsOf(const OpDecl& op, size_t input_count);
Arrangement OutputsOf(const OpDecl& op, size_t input_count);

// Every op of the library, in a fixed order (registry.cc lists them).
const std::vector<const OpDecl*>& AllOps();
const OpDecl* FindOp(const char* name);

// Checks domains and fills in defaults.
Status MakeAttributes(const OpDecl& op, const std::vector<std::pair<std::string, double>>& given,
                      Attributes* attributes);

Status CheckInputCount(const OpDecl& op, size_t count);

// Checks the number of inputs, ranks and sizes, then asks the op's own infer.
Status InferOutputs(const Attributes& attributes, const std::vector<Dims>& inputs,
                    std::vector<Dims>* outputs);

// The bytes of temporary memory that a run on inputs of these shapes asks for.
Status MeasureWorkspace(const Attributes& attributes, const std::vector<Dims>& inputs,
                        Device device, size_t* bytes);

// The one way an op runs, whatever the face: checks ranks, infers, opens the NVTX range, counts the
// call and its allocations, honours injected faults, computes. Messages start with the op's name.
Status RunOp(const Attributes& attributes, int input_count, OpContext& context, Device device);

}  // namespace tfjs_norm
