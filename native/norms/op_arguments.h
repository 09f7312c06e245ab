// What the op declarations share: attributes, checks of the arguments, the way from a context to a
// kernel.
#pragma once

#include <vector>

#include "core/op.h"
#include "norms/adaptive_grad_clip.h"
#include "norms/attentive_norm.h"
#include "norms/dynamic_tanh.h"
#include "norms/equi_norm.h"
#include "norms/filter_response_norm.h"
#include "norms/fixup.h"
#include "norms/generalized_hamming.h"
#include "norms/global_response_norm.h"
#include "norms/online_norm.h"
#include "norms/row_norm.h"
#include "norms/selu.h"
#include "norms/set_norm.h"
#include "norms/stochastic_norm.h"
#include "norms/switchable_norm.h"
#include "norms/weight_norm.h"

namespace tfjs_norm {

AttributeDecl AxisAttribute(const char* name, const char* doc);
AttributeDecl EpsilonAttribute(double default_value, const char* name = "epsilon");
AttributeDecl UpdateRateAttribute(double default_value, const char* name = "update_rate");
AttributeDecl GroupsAttribute();
AttributeDecl FlagAttribute(const char* name, bool default_value, const char* doc);
AttributeDecl ScaleAttribute(bool default_value = true);
AttributeDecl CenterAttribute(bool default_value = true);

// Arguments of one known rank, of any rank from a lowest one on, and outputs of an input's shape.
ArgumentDecl RankArgument(const char* name, int rank, const char* doc);
ArgumentDecl AnyRankArgument(const char* name, int min_rank);
ArgumentDecl LikeArgument(const char* name, int like_input, const char* doc);
inline ArgumentDecl VectorArgument(const char* name, const char* doc) {
  return RankArgument(name, 1, doc);
}

// The non-negative axis, or an error that names the attribute.
Status ResolveAxis(const Attributes& attributes, const char* name, const Dims& x, int64_t* axis);

// Product of the extents first .. last-1.
int64_t Product(const Dims& dims, int64_t first, int64_t last);

Status CheckShape(const char* name, const Dims& got, const Dims& expected);
// gamma or beta: `expected` if the flag attribute (scale, center) is true, else [0].
Status CheckParameter(const Attributes& attributes, const char* name, const char* flag,
                      const Dims& got, const Dims& expected);
// `expected` if the flag attribute is true, else [0]: the shape of a parameter and of its gradient.
Dims ParameterShape(const Attributes& attributes, const char* flag, const Dims& expected);

// Empty tensors are null to the kernels: no such argument.
inline float* DataOrNull(const Tensor& tensor) { return tensor.size() > 0 ? tensor.data : nullptr; }

Status AllocateOutputs(OpContext& context, const std::vector<Dims>& dims,
                       std::vector<Tensor>* outputs);

// The result for x without elements: output i is a copy of input copies[i], or zero where that is
// -1.
Status RunEmpty(OpContext& context, Device device, const std::vector<Tensor>& outputs,
                const std::vector<int>& copies = {});

// Args: one of the structs of the norms, pointers set.
template <typename Args>
Status RunKernels(OpContext& context, Device device, const Args& args) {
  void* workspace = nullptr;
#ifndef NORM_KIND_host
  if (device == Device::kCuda) {
    NORM_RETURN_IF_ERROR(context.AllocateTemp(cuda::WorkspaceBytes(args), &workspace));
    return cuda::Run(args, workspace, context.stream());
  }
#else
  (void)device;  // RunOp has refused the others
#endif
  NORM_RETURN_IF_ERROR(context.AllocateTemp(host::WorkspaceBytes(args), &workspace));
  return host::Run(args, workspace);
}

}  // namespace tfjs_norm
