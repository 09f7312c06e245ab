// A direct call of the C face as the OpContext a compute sees: all memory is the caller's, but for
// temporary memory where he brings none.
#pragma once

#include <vector>

#include "core/c_api.h"
#include "core/op.h"

namespace tfjs_norm {

class DirectContext final : public OpContext {
 public:
  DirectContext(const OpDecl& op, const NormCall& call, std::vector<Tensor> inputs)
      : op_(op), call_(call), inputs_(std::move(inputs)) {}
  // On CUDA, temporary memory of our own is freed when the work that uses it is done.
  ~DirectContext() override;

  int input_count() const override { return static_cast<int>(inputs_.size()); }
  const Tensor& input(int index) const override { return inputs_[index]; }
  Status AllocateOutput(int index, const Dims& dims, Tensor* output) override;
  Status AllocateTemp(size_t bytes, void** data) override;
  void* stream() const override { return call_.stream; }

 private:
  Device device() const { return call_.device == NORM_CUDA ? Device::kCuda : Device::kHost; }

  const OpDecl& op_;
  const NormCall& call_;
  const std::vector<Tensor> inputs_;
  void* temp_ = nullptr;
};

}  // namespace tfjs_norm
