// A call through the C face with its memory: inputs filled from a seed or given, outputs on the
// device asked for and copied back.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/c_api.h"
#include "core/op.h"

namespace tfjs_norm::test {

struct Values {
  Dims shape;
  std::vector<float> data;
};

inline Values Filled(const Dims& shape, float value) {
  return {shape, std::vector<float>(static_cast<size_t>(ElementCount(shape)), value)};
}

// Between 0.5 and 2, so that every input may be a variance too.
inline Values Random(const Dims& shape, unsigned seed) {
  Values values = Filled(shape, 0);
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> distribution(0.5f, 2.0f);
  for (float& value : values.data) value = distribution(generator);
  return values;
}

class DirectCall {
 public:
  DirectCall(std::string op, int32_t device, std::vector<Values> inputs,
             std::map<std::string, double> attributes)
      : op_(std::move(op)),
        device_(device),
        inputs_(std::move(inputs)),
        names_(std::move(attributes)) {
    for (const auto& [name, value] : names_) attributes_.push_back({name.c_str(), value});
    const OpDecl* decl = FindOp(op_.c_str());
    if (decl != nullptr) outputs_.resize(OutputsOf(*decl, inputs_.size()).size());
    for (const Values& input : inputs_) {
      NormTensor tensor = {};
      tensor.rank = static_cast<int32_t>(input.shape.size());
      for (size_t d = 0; d < input.shape.size() && d < NORM_MAX_RANK; ++d) {
        tensor.dims[d] = input.shape[d];
      }
      tensors_.push_back(tensor);
    }
    call.op = op_.c_str();
    call.device = device;
    call.inputs = tensors_.data();
    call.input_count = static_cast<int32_t>(tensors_.size());
    call.attributes = attributes_.data();
    call.attribute_count = static_cast<int32_t>(attributes_.size());
    call.outputs = outputs_.data();
    call.output_count = static_cast<int32_t>(outputs_.size());
    call.error = error_;
    call.error_size = sizeof error_;
  }
  ~DirectCall() {
    for (void* buffer : buffers_) norm_free(device_, buffer);
  }
  DirectCall(const DirectCall&) = delete;
  DirectCall& operator=(const DirectCall&) = delete;

  Status Infer() { return ToStatus(norm_infer(&call)); }
  Status WorkspaceBytes(size_t* bytes) { return ToStatus(norm_workspace_bytes(&call, bytes)); }

  // Memory for the inputs and, after Infer, for the outputs.
  Status Allocate() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      NORM_RETURN_IF_ERROR(Buffer(tensors_[i], &tensors_[i].data));
      const size_t bytes = inputs_[i].data.size() * sizeof(float);
      NORM_RETURN_IF_ERROR(MemoryStatus(
          norm_copy_to_device(call.device, tensors_[i].data, inputs_[i].data.data(), bytes)));
    }
    for (NormTensor& output : outputs_) NORM_RETURN_IF_ERROR(Buffer(output, &output.data));
    return Ok();
  }

  Status Launch() { return ToStatus(norm_run(&call)); }

  Status Run(std::vector<Values>* results) {
    NORM_RETURN_IF_ERROR(Infer());
    NORM_RETURN_IF_ERROR(Allocate());
    NORM_RETURN_IF_ERROR(Launch());
    return CopyBack(results);
  }

  Status CopyBack(std::vector<Values>* results) {
    results->clear();
    for (const NormTensor& output : outputs_) {
      Values values = Filled(Dims(output.dims, output.dims + output.rank), 0);
      NORM_RETURN_IF_ERROR(MemoryStatus(norm_copy_to_host(
          call.device, values.data.data(), output.data, values.data.size() * sizeof(float))));
      results->push_back(std::move(values));
    }
    return Ok();
  }

  Dims output_shape(int index) const {
    const NormTensor& output = outputs_[index];
    return Dims(output.dims, output.dims + output.rank);
  }

  NormCall call = {};

 private:
  Status ToStatus(int32_t code) const {
    return code == 0 ? Ok() : Status(static_cast<Code>(code), error_);
  }
  static Status MemoryStatus(int32_t code) {
    return code == 0 ? Ok() : Status(static_cast<Code>(code), norm_memory_error());
  }

  Status Buffer(const NormTensor& tensor, float** data) {
    size_t bytes = sizeof(float);
    for (int32_t d = 0; d < tensor.rank; ++d) bytes *= static_cast<size_t>(tensor.dims[d]);
    void* buffer = nullptr;
    NORM_RETURN_IF_ERROR(MemoryStatus(norm_malloc(call.device, bytes, &buffer)));
    buffers_.push_back(buffer);
    *data = static_cast<float*>(buffer);
    return Ok();
  }

  const std::string op_;
  const int32_t device_;
  const std::vector<Values> inputs_;
  const std::map<std::string, double> names_;
  std::vector<NormAttribute> attributes_;
  std::vector<NormTensor> tensors_;
  std::vector<NormTensor> outputs_;
  std::vector<void*> buffers_;
  char error_[1024] = {};
};

// A valid call of every op, inputs in their order.
struct OpCase {
  const char* op;
  std::vector<Dims> inputs;
  std::map<std::string, double> attributes;
  std::vector<Dims> outputs;
  int64_t launches = 3;    // at most
  bool any_shape = false;  // of the first input

  std::vector<Values> values() const {
    std::vector<Values> all;
    const OpDecl& decl = *FindOp(op);
    const Arrangement arrangement = InputsOf(decl, inputs.size());
    for (const Dims& shape : inputs) {
      const unsigned index = static_cast<unsigned>(all.size());
      const int argument = arrangement.argument(static_cast<int>(index));
      const std::string name = decl.inputs[argument].name;
      if (name == "seed") {
        all.push_back(Filled(shape, 3));
      } else if (name.find("rho_") == 0) {
        all.push_back(Filled(shape, -2));  // logarithms of deviations
      } else {
        all.push_back(Random(shape, index + 1));
      }
    }
    return all;
  }
};

inline std::vector<OpCase> EveryOp() {
  const Dims x = {4, 5, 3, 6};
  const Dims c = {6};
  const Dims none = {0}, k = {5}, matrix = {5, 6};
  const std::map<std::string, double> attentive = {
      {"batch_backbone", 0}, {"groups", 3}, {"use_attention_bias", 1}};
  return {
      {"TfjsAdaptiveGradClip", {x, {3, 6}, x, {3, 6}}, {}, {x, {3, 6}}},
      {"TfjsAttentiveNorm",
       {x, matrix, matrix, matrix, k, k, k, none, none, k, k},
       attentive,
       {x, none, none, k, k, {4, 5}, {3, 4, 6}},
       5},
      {"TfjsAttentiveNormGrad",
       {x, x, matrix, matrix, matrix, k, k, k, none, none, k, k, {3, 4, 6}},
       attentive,
       {x, matrix, matrix, matrix, k, k, k},
       6},
      {"TfjsBatchNorm", {x, c, c, c, c}, {{"virtual_batch_size", 2}}, {x, c, c, {3, 2, 6}}},
      {"TfjsBatchNormGrad", {x, x, c, {3, 2, 6}}, {{"virtual_batch_size", 2}}, {x, c, c}},
      {"TfjsBatchRenorm",
       {x, c, c, c, c, c, c, {3}},
       {{"axis", 3}},
       {x, c, c, c, c, {2, 6}, {3, 1, 6}}},
      {"TfjsBatchRenormGrad", {x, x, c, {3, 1, 6}, {2, 6}}, {{"axis", 3}}, {x, c, c}},
      {"TfjsBatchNormInference", {x, c, c, c, c}, {}, {x}},
      {"TfjsBatchNormInferenceGrad", {x, x, c, c, c}, {}, {x, c, c, c, c}},
      {"TfjsGlobalResponseNorm", {x, c, c}, {}, {x, {4, 6}}},
      {"TfjsGlobalResponseNormGrad", {x, x, c, {4, 6}}, {}, {x, c, c}},
      {"TfjsFilterResponseNorm", {x, c, c, c, {0}}, {{"tlu", 1}}, {x, {3, 4, 6}}},
      {"TfjsFilterResponseNormGrad", {x, x, c, c, {0}, {3, 4, 6}}, {{"tlu", 1}}, {x, c, c, c, {0}}},
      {"TfjsEquiNorm", {{2}, x, {3}, c, {9}, {5}, {9}, {2}}, {}, {{2}}},
      {"TfjsEquiNormScale", {x, {3, 6}, {3}, {3}, c, c, {2}}, {{"power", -1}}, {x, {3, 6}}},
      {"TfjsFixup",
       {x, {1}, {1}, none, x},
       {{"use_scale", 1}, {"use_bias", 1}, {"use_residual", 1}},
       {x},
       1,
       true},
      {"TfjsFixupGrad",
       {x, x, {1}, {1}, x},
       {{"relu", 1}, {"use_scale", 1}, {"use_bias", 1}, {"use_shift", 1}, {"use_residual", 1}},
       {x, x, {1}, {1}, {1}},
       2,
       true},
      {"TfjsGroupNorm", {x, c, c}, {{"groups", 3}}, {x, {3, 4, 6}}},
      {"TfjsGroupNormGrad", {x, x, c, {3, 4, 6}}, {{"groups", 3}}, {x, c, c}},
      {"TfjsHammingEpilogue", {x, {1}, c}, {{"threshold", 3}}, {x}},
      {"TfjsHammingEpilogueGrad", {x, x, {1}, c}, {{"threshold", 3}}, {x, c}},
      {"TfjsLayerNorm", {x, {3, 6}, {3, 6}}, {{"begin_axis", 2}}, {x, {3, 20}}},
      {"TfjsLayerNormGrad", {x, x, {3, 6}, {3, 20}}, {{"begin_axis", 2}}, {x, {3, 6}, {3, 6}}},
      {"TfjsOnlineNorm", {x, c, c, c, c}, {}, {x, c, c, {5, 4, 6}}},
      {"TfjsOnlineNormGrad",
       {x, x, c, c, {2, 6}, {2, 6}, {5, 4, 6}},
       {},
       {x, c, c, {2, 6}, {2, 6}},
       4},
      {"TfjsRmsNorm", {x, c, c}, {{"center", 1}, {"partial", 4}}, {x, {60}}},
      {"TfjsRmsNormGrad", {x, x, c, {60}}, {{"center", 1}, {"partial", 4}}, {x, c, c}},
      {"TfjsSelu", {x}, {{"negative", 1.5}}, {x}, 1, true},
      {"TfjsSeluGrad", {x, x}, {{"negative", 1.5}}, {x}},
      {"TfjsAlphaDropout", {x, {8}}, {{"threshold", 1 << 23}}, {x}, 1, true},
      {"TfjsAlphaDropoutGrad", {x, {8}}, {{"threshold", 1 << 23}}, {x}, 1, true},
      {"TfjsSeluAlphaDropout",
       {x, {8}},
       {{"threshold", 1 << 23}, {"shared_axes", 6}},
       {x},
       1,
       true},
      {"TfjsSeluAlphaDropoutGrad", {x, x}, {{"offset", 0.25}}, {x}},
      {"TfjsMeanOnlyBatchNorm", {x, c, c}, {}, {x, c, {3, 1, 6}}},
      {"TfjsMeanOnlyBatchNormGrad", {x, x, {3, 1, 6}}, {}, {x, c}},
      {"TfjsStochasticAffine",
       {x, c, c, {4, 6}, {4, 6}, none},
       {{"per_sample", 1}, {"given", 1}},
       {x}},
      {"TfjsStochasticAffineGrad",
       {x, x, c, {4, 6}, {4, 6}, none},
       {{"per_sample", 1}, {"given", 1}},
       {x, c, c, {4, 6}, {4, 6}},
       4},
      {"TfjsBayesianAffine", {x, c, c, c, c, none, none, {8}}, {}, {x}},
      {"TfjsBayesianAffineGrad", {x, x, c, c, c, none, none, {8}}, {}, {x, c, c, c, c}},
      {"TfjsWeightNorm", {x, {3, 6}, c, c}, {}, {x, {3, 6}, {3, 12}}},
      {"TfjsWeightNormGrad", {x, {3, 6}, x, {3, 6}, c, c, {3, 12}}, {}, {x, {3, 6}, c, c}},
  };
}

}  // namespace tfjs_norm::test
