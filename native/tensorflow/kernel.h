// An op declaration as TensorFlow kernels: attributes are read once when a kernel is created, then
// every call goes through RunOp.
#pragma once

#include "core/op.h"
#include "tensorflow/symbols.h"

namespace tfjs_norm::tensorflow {

// A device of TensorFlow and the implementation that serves it.
struct Placement {
  const char* tensorflow_device;
  Device device;
  bool needs_stream;
};

// `create` must be the function that calls CreateKernel for this op and placement: TensorFlow
// passes it no user data.
Status DefineKernel(const Api& tf, const OpDecl& op, const Placement& placement,
                    CreateFunction create);

// Null after a failure, which is TensorFlow's to report.
void* CreateKernel(const OpDecl& op, const Placement& placement,
                   TF_OpKernelConstruction* construction);

}  // namespace tfjs_norm::tensorflow
