// What libtfjs_cuda_norm_stream.so exports. TensorFlow's C interface gives the stream of pluggable
// devices only, and its C++ interface, which gives it for TensorFlow's own GPU, is tied to one
// version: so the one expression that needs it lives in a library of its own, and says which
// TensorFlow it was built for.
#pragma once

#define NORM_STREAM_LIBRARY "libtfjs_cuda_norm_stream.so"

extern "C" {

// The version of the headers the library was built with, as TF_Version() of that TensorFlow gives
// it.
__attribute__((visibility("default"))) const char* norm_stream_tensorflow_version();

// The cudaStream_t of a kernel that runs on TensorFlow's GPU device, null where TensorFlow has none
// for it. `op_kernel_context` is the TF_OpKernelContext of the call.
__attribute__((visibility("default"))) void* norm_stream_of(void* op_kernel_context);
}
