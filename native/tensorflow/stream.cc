// The one file against TensorFlow's headers; stream_abi.h says why. Every member it calls is inline
// or virtual, so it links with no TensorFlow library.
#include "xla/stream_executor/stream.h"

#include "tensorflow/core/framework/device_base.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/stream_abi.h"

const char* norm_stream_tensorflow_version() { return NORM_TENSORFLOW_VERSION; }

void* norm_stream_of(void* op_kernel_context) {
  // A TF_OpKernelContext is TensorFlow's OpKernelContext under an opaque name.
  auto* context = static_cast<tensorflow::OpKernelContext*>(op_kernel_context);
  tensorflow::DeviceContext* device = context->op_device_context();
  if (device == nullptr || device->stream() == nullptr) return nullptr;
  return device->stream()->platform_specific_handle().stream;
}
