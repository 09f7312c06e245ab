#include "tensorflow/kernel.h"

#include <utility>

#include "tensorflow/context.h"
#include "tensorflow/gpu_stream.h"

namespace tfjs_norm::tensorflow {
namespace {

struct Kernel {
  Attributes attributes;
  Placement placement;
};

Status ReadAttribute(const Api& tf, const AttributeDecl& attribute, const char* op,
                     TF_OpKernelConstruction* construction, double* value) {
  const StatusHandle status = NewStatus(tf);
  const std::string what = std::string("attribute ") + attribute.name;
  switch (attribute.type) {
    case AttributeDecl::Type::kInt: {
      int64_t number = 0;
      tf.OpKernelConstruction_GetAttrInt64(construction, attribute.name, &number, status.get());
      *value = static_cast<double>(number);
      break;
    }
    case AttributeDecl::Type::kFloat: {
      float number = 0;
      tf.OpKernelConstruction_GetAttrFloat(construction, attribute.name, &number, status.get());
      *value = static_cast<double>(number);
      break;
    }
    case AttributeDecl::Type::kBool: {
      TF_Bool truth = 0;
      tf.OpKernelConstruction_GetAttrBool(construction, attribute.name, &truth, status.get());
      *value = truth != 0 ? 1 : 0;
      break;
    }
  }
  return FromTensorFlow(tf, status.get(), op, what.c_str());
}

Status ReadAttributes(const Api& tf, const OpDecl& op, TF_OpKernelConstruction* construction,
                      Attributes* attributes) {
  std::vector<std::pair<std::string, double>> given;
  for (const AttributeDecl& attribute : op.attributes) {
    double value = 0;
    NORM_RETURN_IF_ERROR(ReadAttribute(tf, attribute, op.name, construction, &value));
    given.emplace_back(attribute.name, value);
  }
  return MakeAttributes(op, given, attributes);
}

Status Run(const Api& tf, const Kernel& kernel, TF_OpKernelContext* tf_context) {
  const OpDecl& op = kernel.attributes.op();
  void* stream = nullptr;
  if (kernel.placement.needs_stream) {
    NORM_RETURN_IF_ERROR(GpuStream(tf, op.name, tf_context, &stream));
  }
  Context context(tf, tf_context, op, stream);
  NORM_RETURN_IF_ERROR(context.Open());
  return RunOp(kernel.attributes, context.input_count(), context, kernel.placement.device);
}

void ComputeKernel(void* kernel, TF_OpKernelContext* context) {
  const Api& tf = TensorFlow();
  const Status status = Run(tf, *static_cast<const Kernel*>(kernel), context);
  if (status.ok()) return;
  const StatusHandle failure = NewStatus(tf);
  ToTensorFlow(tf, status, failure.get());
  tf.OpKernelContext_Failure(context, failure.get());
}

void DeleteKernel(void* kernel) { delete static_cast<Kernel*>(kernel); }

}  // namespace

Status DefineKernel(const Api& tf, const OpDecl& op, const Placement& placement,
                    CreateFunction create) {
  TF_KernelBuilder* builder = tf.NewKernelBuilder(op.name, placement.tensorflow_device, create,
                                                  ComputeKernel, DeleteKernel);
  const StatusHandle status = NewStatus(tf);
  tf.RegisterKernelBuilder(op.name, builder, status.get());
  const std::string what = std::string(placement.tensorflow_device) + " kernel";
  return FromTensorFlow(tf, status.get(), op.name, what.c_str());
}

void* CreateKernel(const OpDecl& op, const Placement& placement,
                   TF_OpKernelConstruction* construction) {
  const Api& tf = TensorFlow();
  Attributes attributes(&op, {});
  Status status = ReadAttributes(tf, op, construction, &attributes);
  if (status.ok() && placement.needs_stream) status = CheckGpuStream(tf, op.name);
  if (status.ok()) return new Kernel{std::move(attributes), placement};

  const StatusHandle failure = NewStatus(tf);
  ToTensorFlow(tf, status, failure.get());
  tf.OpKernelConstruction_Failure(construction, failure.get());
  return nullptr;
}

}  // namespace tfjs_norm::tensorflow
