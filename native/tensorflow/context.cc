#include "tensorflow/context.h"

#include <cstdint>

namespace tfjs_norm::tensorflow {
namespace {

// TensorFlow aligns host memory to 64 bytes only, OpContext promises more.
constexpr size_t kTempAlignment = 256;

void* AlignUp(void* data) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(data);
  return reinterpret_cast<void*>((address + kTempAlignment - 1) & ~(kTempAlignment - 1));
}

}  // namespace

Status Context::Open() {
  const int count = tf_.NumInputs(context_);
  inputs_.resize(count);
  const Arrangement arrangement = InputsOf(op_, count);
  for (int i = 0; i < count; ++i) {
    TF_Tensor* handle = nullptr;
    tf_.GetInput(context_, i, &handle, status_.get());
    handles_.push_back(Own(tf_, handle));
    const char* name = op_.inputs[arrangement.argument(i)].name;
    NORM_RETURN_IF_ERROR(FromTensorFlow(tf_, status_.get(), op_.name, name));

    const TF_DataType type = tf_.TensorType(handle);
    if (type != kFloat) {
      return NORM_INVALID("%s: %s must be float32 (TensorFlow data type %d), got data type %d",
                          op_.name, name, kFloat, type);
    }
    Tensor& input = inputs_[i];
    input.dims.resize(tf_.NumDims(handle));
    for (size_t d = 0; d < input.dims.size(); ++d) {
      input.dims[d] = tf_.Dim(handle, static_cast<int>(d));
    }
    input.data = static_cast<float*>(tf_.TensorData(handle));
  }
  return Ok();
}

Status Context::AllocateOutput(int index, const Dims& dims, Tensor* output) {
  const size_t bytes = static_cast<size_t>(ElementCount(dims)) * sizeof(float);
  TF_Tensor* handle = tf_.AllocateOutput(context_, index, kFloat, dims.data(),
                                         static_cast<int>(dims.size()), bytes, status_.get());
  handles_.push_back(Own(tf_, handle));
  const int argument = OutputsOf(op_, inputs_.size()).argument(index);
  NORM_RETURN_IF_ERROR(FromTensorFlow(tf_, status_.get(), op_.name, op_.outputs[argument].name));
  output->dims = dims;
  output->data = static_cast<float*>(tf_.TensorData(handle));
  return Ok();
}

Status Context::AllocateTemp(size_t bytes, void** data) {
  // A temporary may be released while the device still works on it: TensorFlow's allocator hands
  // its memory only to work that comes later on the same stream.
  const int64_t size = static_cast<int64_t>(bytes + kTempAlignment);
  TF_AllocatorAttributes attributes = {kAllocatorAttributesSize, 0};
  TF_Tensor* handle = tf_.AllocateTemp(context_, kUint8, &size, 1, &attributes, status_.get());
  handles_.push_back(Own(tf_, handle));
  NORM_RETURN_IF_ERROR(FromTensorFlow(tf_, status_.get(), op_.name, "temporary memory"));
  *data = AlignUp(tf_.TensorData(handle));
  return Ok();
}

}  // namespace tfjs_norm::tensorflow
