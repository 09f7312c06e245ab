// adaptive_grad_clip.h on CUDA: one launch for all gradients, as the backward of weight norm.
#include "norms/adaptive_grad_clip.h"
#include "norms/weight_pairs.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

struct ClipMethod {
  GradClipSettings settings;

  template <int W>
  struct Columns {
    NORM_DEVICE Columns(const ClipMethod&, const WeightTiling&, const WeightSlot&) {}
    NORM_DEVICE void Add(float gradient, float weight, int, float* gradients,
                         float* weights) const {
      *gradients = fmaf(gradient, gradient, *gradients);
      *weights = fmaf(weight, weight, *weights);
    }
    NORM_DEVICE float Out(float gradient, float, float factor, float, float, int) const {
      return factor * gradient;
    }
  };

  NORM_DEVICE PairNumbers Finish(const WeightTiling&, const float*, float*, bool, int,
                                 const Sums<2>& sum) const {
    return {static_cast<float>(ClipFactor(settings, sum.of[0], sum.of[1])), 0.0f, 0.0f};
  }
};

}  // namespace

size_t WorkspaceBytes(const AdaptiveGradClip& args) {
  Workspace space;
  TakePairPartials(args.weights, space);
  return space.bytes();
}

Status Run(const AdaptiveGradClip& args, void* workspace, void* stream) {
  using Weight = AdaptiveGradClip::Weight;
  Workspace space(workspace);
  Sums<2>* const partials = TakePairPartials(args.weights, space);
  const std::vector<WeightTiling> tilings =
      TilingsOf(args.weights, &Weight::gradient, &Weight::weight, &Weight::y);
  std::vector<PairArrays> arrays;
  for (const Weight& weight : args.weights) {
    arrays.push_back({weight.gradient, weight.weight, nullptr, weight.y, nullptr});
  }
  return LaunchPairs({"AdaptiveGradClipPieces", "AdaptiveGradClip"}, ClipMethod{args.settings},
                     partials, tilings, arrays, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
