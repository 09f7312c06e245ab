// The contexts that RunOp and MeasureWorkspace put between an op and its caller's context.
#pragma once

#include <vector>

#include "core/counters.h"
#include "core/known_buffers.h"
#include "core/op.h"

namespace tfjs_norm {

// Counts what an op allocates and lets tests refuse it; empty tensors take no memory and do not
// count.
class CountedContext final : public OpContext {
 public:
  CountedContext(const OpDecl& op, int input_count, OpContext& context)
      : op_(op), outputs_(OutputsOf(op, input_count)), context_(context) {
    const Arrangement inputs = InputsOf(op, input_count);
    for (int i = 0; i < inputs.size(); ++i) {
      const Tensor& input = context.input(i);
      known_.Add(input.data, static_cast<size_t>(input.size()) * sizeof(float), false,
                 op.inputs[inputs.argument(i)].name);
    }
  }
  ~CountedContext() override { AfterFree(temp_bytes_); }

  int input_count() const override { return context_.input_count(); }
  const Tensor& input(int index) const override { return context_.input(index); }
  void* stream() const override { return context_.stream(); }

  Status AllocateOutput(int index, const Dims& dims, Tensor* output) override {
    const size_t bytes = static_cast<size_t>(ElementCount(dims)) * sizeof(float);
    const char* name = op_.outputs[outputs_.argument(index)].name;
    if (bytes > 0) {
      NORM_RETURN_IF_ERROR(BeforeAllocation(name, AllocationKind::kOutput, bytes));
    }
    NORM_RETURN_IF_ERROR(context_.AllocateOutput(index, dims, output));
    known_.Add(output->data, bytes, true, name);
    return Ok();
  }

  Status AllocateTemp(size_t bytes, void** data) override {
    *data = nullptr;
    if (bytes == 0) return Ok();
    NORM_RETURN_IF_ERROR(BeforeAllocation("temporary memory", AllocationKind::kTemp, bytes));
    NORM_RETURN_IF_ERROR(context_.AllocateTemp(bytes, data));
    known_.Add(*data, bytes, true, "temporary memory");
    AfterAllocation(bytes);
    temp_bytes_ += bytes;
    return Ok();
  }

 private:
  const OpDecl& op_;
  const Arrangement outputs_;
  OpContext& context_;
  KnownBuffers known_;
  size_t temp_bytes_ = 0;
};

// Stops a compute at its request for temporary memory: the one moment when the need is known and no
// memory has been touched.
class MeasuringContext final : public OpContext {
 public:
  explicit MeasuringContext(const std::vector<Dims>& inputs) {
    for (const Dims& dims : inputs) inputs_.push_back(Placeholder(dims));
  }
  bool asked() const { return asked_; }
  size_t bytes() const { return bytes_; }

  int input_count() const override { return static_cast<int>(inputs_.size()); }
  const Tensor& input(int index) const override { return inputs_[index]; }
  void* stream() const override { return nullptr; }
  Status AllocateOutput(int, const Dims& dims, Tensor* output) override {
    *output = Placeholder(dims);
    return Ok();
  }
  Status AllocateTemp(size_t bytes, void**) override {
    asked_ = true;
    bytes_ = bytes;
    return Error(Code::kFailedPrecondition, "only measured");
  }

 private:
  // Never read or written; not null because null means "no such argument" to the kernels.
  static Tensor Placeholder(const Dims& dims) {
    constexpr uintptr_t kAlignment = 256;
    return {dims, ElementCount(dims) > 0 ? reinterpret_cast<float*>(kAlignment) : nullptr};
  }

  std::vector<Tensor> inputs_;
  bool asked_ = false;
  size_t bytes_ = 0;
};

}  // namespace tfjs_norm
