// What the declarations of the set normalizers (set_norm.h) share: gradient inputs dy, x, gamma,
// moments; gradient outputs dx, dgamma, dbeta; attributes epsilon, scale, center.
#pragma once

#include <vector>

#include "norms/op_arguments.h"

namespace tfjs_norm {

struct SetLayout {
  View view;
  int64_t rows_per_set = 1;
  int64_t channels_per_set = 1;

  Dims channels() const { return {view.channels}; }
  Dims moments() const { return {3, view.rows, view.channels}; }
};

inline ArgumentDecl SetArgument(const char* name) { return AnyRankArgument(name, 2); }
ArgumentDecl MomentsArgument();
std::vector<ArgumentDecl> SetGradInputs();
std::vector<ArgumentDecl> SetGradOutputs();

// A sample is a row; the channels are on axis 1 or the last one. One set per pair.
AttributeDecl SampleAxisAttribute();
Status SampleLayout(const Attributes& attributes, const Dims& x, SetLayout* layout);

// One set per group of channels, as the attribute groups says.
Status SplitGroups(const Attributes& attributes, SetLayout* layout);

// Channels on any axis, whose statistics are those of ghost batches of so many samples, 0: of all.
// The last axis gives the view [ghosts, N/ghosts * S, C]; any other gives [product of the axes
// before, product of the axes after, C], channels first.
AttributeDecl ChannelAxisAttribute();
Status BatchLayout(const Attributes& attributes, int64_t virtual_batch_size, const Dims& x,
                   SetLayout* layout);

// gamma and beta of a forward op.
Status CheckSetAffine(const Attributes& attributes, const SetLayout& layout, const Dims& gamma,
                      const Dims& beta);

Status InferSetBackward(const Attributes& attributes, const SetLayout& layout,
                        const std::vector<Dims>& inputs, std::vector<Dims>* outputs);

// `outputs`: what the forward op allocated; y first, moments last. `args` brings what only one of
// the normalizers has.
Status RunSetForward(OpContext& context, const Attributes& attributes, const SetLayout& layout,
                     const std::vector<Tensor>& outputs, Device device, SetNormForward args = {});
Status RunSetBackward(OpContext& context, const Attributes& attributes, const SetLayout& layout,
                      const std::vector<Dims>& output_dims, Device device,
                      SetNormBackward args = {});

}  // namespace tfjs_norm
