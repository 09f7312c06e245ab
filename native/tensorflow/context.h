// A running TensorFlow kernel as the OpContext a compute sees. Inputs are TensorFlow's own buffers,
// outputs and temporaries come from its allocator for the kernel's device; every handle is released
// with the context.
#pragma once

#include <vector>

#include "core/op.h"
#include "tensorflow/symbols.h"

namespace tfjs_norm::tensorflow {

class Context final : public OpContext {
 public:
  // `stream` is the CUDA stream of the kernel's device, null on TensorFlow's CPU.
  Context(const Api& tf, TF_OpKernelContext* context, const OpDecl& op, void* stream)
      : tf_(tf), context_(context), op_(op), stream_(stream), status_(NewStatus(tf)) {}

  // Takes hold of the inputs and checks their type. Nothing else works before it.
  Status Open();

  int input_count() const override { return static_cast<int>(inputs_.size()); }
  const Tensor& input(int index) const override { return inputs_[index]; }
  Status AllocateOutput(int index, const Dims& dims, Tensor* output) override;
  Status AllocateTemp(size_t bytes, void** data) override;
  void* stream() const override { return stream_; }

 private:
  const Api& tf_;
  TF_OpKernelContext* const context_;
  const OpDecl& op_;
  void* const stream_;
  StatusHandle status_;
  std::vector<Tensor> inputs_;
  std::vector<TensorHandle> handles_;
};

}  // namespace tfjs_norm::tensorflow
