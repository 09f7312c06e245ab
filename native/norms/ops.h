// The op declarations, one family per *_op.cc. registry.cc lists them for every face.
#pragma once

#include <vector>

#include "core/op.h"

namespace tfjs_norm {

const std::vector<OpDecl>& AdaptiveGradClipOps();
const std::vector<OpDecl>& AttentiveNormOps();
const std::vector<OpDecl>& BatchNormOps();
const std::vector<OpDecl>& BatchRenormOps();
const std::vector<OpDecl>& DynamicTanhOps();
const std::vector<OpDecl>& EquiNormOps();
const std::vector<OpDecl>& EvoNormS0Ops();
const std::vector<OpDecl>& GlobalResponseNormOps();
const std::vector<OpDecl>& FilterResponseNormOps();
const std::vector<OpDecl>& FixupOps();      // SkipInit and ReZero too
const std::vector<OpDecl>& GroupNormOps();  // instance norm is groups = channels
const std::vector<OpDecl>& HammingOps();
const std::vector<OpDecl>& LayerNormOps();
const std::vector<OpDecl>& MeanOnlyBatchNormOps();
const std::vector<OpDecl>& OnlineNormOps();
const std::vector<OpDecl>& RmsNormOps();
const std::vector<OpDecl>& SeluOps();  // and alpha dropout
const std::vector<OpDecl>& StochasticNormOps();
const std::vector<OpDecl>& SwitchableNormOps();
const std::vector<OpDecl>& WeightNormOps();  // weight standardization too

}  // namespace tfjs_norm
