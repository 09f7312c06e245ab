// The part of TensorFlow's C ABI that this library uses, in our own words. The ABI holds from
// TensorFlow 2.9 to today, so one binary serves every TensorFlow, and no TensorFlow header or
// library is needed to build it. Nothing here is linked: symbols.h looks every name up when the
// library meets a TensorFlow.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tfjs_norm::tensorflow {

// Handles: TensorFlow's, only ever pointed to.
struct TF_Status;
struct TF_Tensor;
struct TF_OpDefinitionBuilder;
struct TF_ShapeInferenceContext;
struct TF_ShapeHandle;
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;

using TF_Code = int;      // an enum: 0 is success; core/status.h has the values we raise
using TF_DataType = int;  // an enum
using TF_Bool = unsigned char;

constexpr TF_DataType kFloat = 1;
constexpr TF_DataType kUint8 = 4;

struct TF_Buffer {
  const void* data;
  size_t length;
  void (*data_deallocator)(void* data, size_t length);
};

// struct_size is what TensorFlow knows of the struct's age: the offset where its last field ends.
struct TF_AllocatorAttributes {
  size_t struct_size;
  TF_Bool on_host;
};
constexpr size_t kAllocatorAttributesSize =
    offsetof(TF_AllocatorAttributes, on_host) + sizeof(TF_Bool);

// Called by TensorFlow. Neither carries user data: only a kernel has any, once it is created.
using ShapeFunction = void (*)(TF_ShapeInferenceContext*, TF_Status*);
using CreateFunction = void* (*)(TF_OpKernelConstruction*);
using ComputeFunction = void (*)(void* kernel, TF_OpKernelContext*);
using DeleteFunction = void (*)(void* kernel);

// X(name without TF_, result, arguments)
#define NORM_TENSORFLOW_SYMBOLS(X)                                                                \
  X(Version, const char*, ())                                                                     \
  X(NewStatus, TF_Status*, ())                                                                    \
  X(DeleteStatus, void, (TF_Status*))                                                             \
  X(SetStatus, void, (TF_Status*, TF_Code, const char* message))                                  \
  X(GetCode, TF_Code, (const TF_Status*))                                                         \
  X(Message, const char*, (const TF_Status*))                                                     \
  X(DeleteBuffer, void, (TF_Buffer*))                                                             \
                                                                                                  \
  X(DeleteTensor, void, (TF_Tensor*))                                                             \
  X(TensorType, TF_DataType, (const TF_Tensor*))                                                  \
  X(NumDims, int, (const TF_Tensor*))                                                             \
  X(Dim, int64_t, (const TF_Tensor*, int index))                                                  \
  X(TensorData, void*, (const TF_Tensor*))                                                        \
                                                                                                  \
  X(NewOpDefinitionBuilder, TF_OpDefinitionBuilder*, (const char* op))                            \
  X(OpDefinitionBuilderAddInput, void, (TF_OpDefinitionBuilder*, const char* spec))               \
  X(OpDefinitionBuilderAddOutput, void, (TF_OpDefinitionBuilder*, const char* spec))              \
  X(OpDefinitionBuilderAddAttr, void, (TF_OpDefinitionBuilder*, const char* spec))                \
  X(OpDefinitionBuilderSetShapeInferenceFunction, void, (TF_OpDefinitionBuilder*, ShapeFunction)) \
  /* Takes the builder, whatever the outcome. */                                                  \
  X(RegisterOpDefinition, void, (TF_OpDefinitionBuilder*, TF_Status*))                            \
                                                                                                  \
  X(NewShapeHandle, TF_ShapeHandle*, ())                                                          \
  X(DeleteShapeHandle, void, (TF_ShapeHandle*))                                                   \
  X(ShapeInferenceContextNumInputs, int64_t, (TF_ShapeInferenceContext*))                         \
  X(ShapeInferenceContextGetInput, void,                                                          \
    (TF_ShapeInferenceContext*, int index, TF_ShapeHandle*, TF_Status*))                          \
  X(ShapeInferenceContextSetOutput, void,                                                         \
    (TF_ShapeInferenceContext*, int index, TF_ShapeHandle*, TF_Status*))                          \
  X(ShapeInferenceContextSetUnknownShape, void, (TF_ShapeInferenceContext*, TF_Status*))          \
  X(ShapeInferenceContextRankKnown, int, (TF_ShapeInferenceContext*, TF_ShapeHandle*))            \
  X(ShapeInferenceContextRank, int64_t, (TF_ShapeInferenceContext*, TF_ShapeHandle*))             \
  X(ShapeInferenceContextWithRank, void,                                                          \
    (TF_ShapeInferenceContext*, TF_ShapeHandle*, int64_t rank, TF_ShapeHandle* result,            \
     TF_Status*))                                                                                 \
                                                                                                  \
  X(GetRegisteredKernelsForOp, TF_Buffer*, (const char* op, TF_Status*))                          \
  X(NewKernelBuilder, TF_KernelBuilder*,                                                          \
    (const char* op, const char* device, CreateFunction, ComputeFunction, DeleteFunction))        \
  /* Takes the builder, whatever the outcome. */                                                  \
  X(RegisterKernelBuilder, void, (const char* name, TF_KernelBuilder*, TF_Status*))               \
                                                                                                  \
  X(OpKernelConstruction_GetAttrInt64, void,                                                      \
    (TF_OpKernelConstruction*, const char* name, int64_t*, TF_Status*))                           \
  X(OpKernelConstruction_GetAttrFloat, void,                                                      \
    (TF_OpKernelConstruction*, const char* name, float*, TF_Status*))                             \
  X(OpKernelConstruction_GetAttrBool, void,                                                       \
    (TF_OpKernelConstruction*, const char* name, TF_Bool*, TF_Status*))                           \
  X(OpKernelConstruction_Failure, void, (TF_OpKernelConstruction*, TF_Status*))                   \
                                                                                                  \
  X(NumInputs, int, (TF_OpKernelContext*))                                                        \
  X(GetInput, void, (TF_OpKernelContext*, int index, TF_Tensor**, TF_Status*))                    \
  X(AllocateOutput, TF_Tensor*,                                                                   \
    (TF_OpKernelContext*, int index, TF_DataType, const int64_t* dims, int rank, size_t bytes,    \
     TF_Status*))                                                                                 \
  X(AllocateTemp, TF_Tensor*,                                                                     \
    (TF_OpKernelContext*, TF_DataType, const int64_t* dims, int rank, TF_AllocatorAttributes*,    \
     TF_Status*))                                                                                 \
  X(OpKernelContext_Failure, void, (TF_OpKernelContext*, TF_Status*))

}  // namespace tfjs_norm::tensorflow
