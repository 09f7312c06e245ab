// Finding the TensorFlow of this process. Nothing is loaded: only what the process has loaded
// already counts.
#pragma once

#include <memory>
#include <string>

#include "core/status.h"
#include "tensorflow/c_api.h"

namespace tfjs_norm::tensorflow {

// TensorFlow's functions by their names without TF_.
struct Api {
#define NORM_MEMBER(name, result, arguments) result(*name) arguments = nullptr;
  NORM_TENSORFLOW_SYMBOLS(NORM_MEMBER)
#undef NORM_MEMBER
  std::string path;  // of the library that registers ops and kernels
};

// The same table for the life of the process once there is one; null while no usable TensorFlow is
// loaded, and then *why says what was looked for or which symbol is missing in which file and
// version.
const Api* FindTensorFlow(Status* why);

// For code that only TensorFlow calls: the table that FindTensorFlow gave to the registration.
const Api& TensorFlow();

using StatusHandle = std::unique_ptr<TF_Status, void (*)(TF_Status*)>;
using TensorHandle = std::unique_ptr<TF_Tensor, void (*)(TF_Tensor*)>;
using ShapeHandle = std::unique_ptr<TF_ShapeHandle, void (*)(TF_ShapeHandle*)>;

inline StatusHandle NewStatus(const Api& tf) { return {tf.NewStatus(), tf.DeleteStatus}; }
inline TensorHandle Own(const Api& tf, TF_Tensor* tensor) { return {tensor, tf.DeleteTensor}; }
inline ShapeHandle NewShape(const Api& tf) { return {tf.NewShapeHandle(), tf.DeleteShapeHandle}; }

// TensorFlow's status as ours, with "op: what: " before its message.
Status FromTensorFlow(const Api& tf, const TF_Status* status, const char* op, const char* what);
void ToTensorFlow(const Api& tf, const Status& status, TF_Status* to);

}  // namespace tfjs_norm::tensorflow
