// The CUDA stream of TensorFlow's own GPU device, through libtfjs_cuda_norm_stream.so beside this
// library. A stream is never guessed: where the library is missing or was built for another
// TensorFlow, the GPU kernels refuse.
#pragma once

#include <string>

#include "tensorflow/symbols.h"

namespace tfjs_norm::tensorflow {

struct StreamLibrary {
  std::string path;     // where it is, or should be
  std::string version;  // of the TensorFlow it was built for; empty when it could not be loaded
  Status status;        // why it cannot be loaded
};

// Loads it on the first call.
const StreamLibrary& LoadStreamLibrary();

// Whether a GPU kernel of `op` can have its stream, with the remedy in the message.
Status CheckGpuStream(const Api& tf, const char* op);
Status GpuStream(const Api& tf, const char* op, TF_OpKernelContext* context, void** stream);

}  // namespace tfjs_norm::tensorflow
