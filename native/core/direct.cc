#include "core/direct.h"

#include "core/devices.h"

namespace tfjs_norm {

DirectContext::~DirectContext() {
  if (temp_ == nullptr) return;
  // A failed launch is reported by the compute; whatever else the stream did is for its owner to
  // see.
  (void)Synchronize(device(), call_.stream);
  FreeOnDevice(device(), temp_);
}

Status DirectContext::AllocateOutput(int index, const Dims& dims, Tensor* output) {
  const NormTensor& given = call_.outputs[index];
  const char* name = op_.outputs[OutputsOf(op_, inputs_.size()).argument(index)].name;
  if (given.rank < 0 || given.rank > NORM_MAX_RANK ||
      Dims(given.dims, given.dims + given.rank) != dims) {
    return NORM_INVALID("output %s must have shape %s as norm_infer gives it", name,
                        ToString(dims).c_str());
  }
  *output = {dims, given.data};
  if (output->size() > 0 && given.data == nullptr) {
    return NORM_INVALID("output %s must have data for shape %s, got a null pointer", name,
                        ToString(dims).c_str());
  }
  return Ok();
}

Status DirectContext::AllocateTemp(size_t bytes, void** data) {
  if (call_.workspace == nullptr) {
    NORM_RETURN_IF_ERROR(AllocateOnDevice(device(), bytes, &temp_));
    *data = temp_;
    return Ok();
  }
  if (call_.workspace_bytes < bytes) {
    return NORM_INVALID("workspace must have at least %zu bytes, got %zu", bytes,
                        call_.workspace_bytes);
  }
  constexpr uintptr_t kAlignment = 256;
  if (reinterpret_cast<uintptr_t>(call_.workspace) % kAlignment != 0) {
    return NORM_INVALID("workspace must be aligned to 256 bytes, got %p", call_.workspace);
  }
  *data = call_.workspace;
  return Ok();
}

}  // namespace tfjs_norm
