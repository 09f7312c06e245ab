// What the declarations of the row normalizers (row_norm.h) share: inputs x, gamma, beta forward
// and dy, x, gamma, statistics backward; attributes begin_axis, epsilon, scale, center.
#pragma once

#include <vector>

#include "norms/op_arguments.h"

namespace tfjs_norm {

struct RowLayout {
  int64_t rows = 0;     // product of the extents before begin_axis
  int64_t columns = 0;  // product of the others
  Dims parameter;       // the extents from begin_axis on: the shape of gamma and beta
};

inline AttributeDecl BeginAxisAttribute() {
  return AxisAttribute("begin_axis",
                       "The first of the normalized axes; the others are those after it.");
}
inline ArgumentDecl RowArgument(const char* name) { return AnyRankArgument(name, 1); }

Status RowLayoutOf(const Attributes& attributes, const Dims& x, RowLayout* layout);

Status InferRowForward(const Attributes& attributes, const RowLayout& layout,
                       const std::vector<Dims>& inputs, const Dims& statistics,
                       std::vector<Dims>* outputs);
Status InferRowBackward(const Attributes& attributes, const RowLayout& layout,
                        const std::vector<Dims>& inputs, const char* statistics_name,
                        const Dims& statistics, std::vector<Dims>* outputs);

// `args` brings what only one of the normalizers has.
Status RunRowForward(OpContext& context, const Attributes& attributes,
                     const std::vector<Dims>& output_dims, Device device, RowNormForward args);
Status RunRowBackward(OpContext& context, const Attributes& attributes,
                      const std::vector<Dims>& output_dims, Device device, RowNormBackward args);

}  // namespace tfjs_norm
