#include <cstring>

#include "norms/ops.h"

namespace tfjs_norm {

const std::vector<const OpDecl*>& AllOps() {
  // Never destroyed: TensorFlow's threads may still run ops while the process exits.
  static const auto& ops = *[] {
    auto* all = new std::vector<const OpDecl*>;
    for (const auto& family : {
             AdaptiveGradClipOps,
             AttentiveNormOps,
             BatchNormOps,
             BatchRenormOps,
             DynamicTanhOps,
             EquiNormOps,
             EvoNormS0Ops,
             FilterResponseNormOps,
             FixupOps,
             GlobalResponseNormOps,
             GroupNormOps,
             HammingOps,
             LayerNormOps,
             MeanOnlyBatchNormOps,
             OnlineNormOps,
             RmsNormOps,
             SeluOps,
             StochasticNormOps,
             SwitchableNormOps,
             WeightNormOps,
         }) {
      for (const OpDecl& op : family()) all->push_back(&op);
    }
    return all;
  }();
  return ops;
}

const OpDecl* FindOp(const char* name) {
  for (const OpDecl* op : AllOps()) {
    if (std::strcmp(op->name, name) == 0) return op;
  }
  return nullptr;
}

}  // namespace tfjs_norm
