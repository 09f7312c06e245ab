// adaptive_grad_clip.h on the host: two sums of squares, and a pass that multiplies.
#include <algorithm>

#include "core/host_pipeline.h"
#include "core/workspace.h"
#include "norms/adaptive_grad_clip.h"
#include "norms/weight_list_cpu.h"

namespace tfjs_norm {
namespace host {
namespace {

struct Arrays {
  double* sum;  // what the pass sums beside the squares
  double* gradients;
  double* weights;
  float* zeros;
  float* factors;
  unsigned char* workspace;

  Arrays(const View& view, Workspace* arena) {
    for (double** array : {&sum, &gradients, &weights}) *array = arena->Take<double>(view.channels);
    for (float** array : {&zeros, &factors}) *array = arena->Take<float>(view.channels);
    const size_t bytes = SumPerChannelWorkspaceBytes(view, Map::kAffine);
    workspace = arena->Take<unsigned char>(static_cast<int64_t>(bytes));
  }
};

size_t BytesOf(const AdaptiveGradClip::Weight& weight) {
  Workspace arena;
  Arrays(ViewOf(weight.view), &arena);
  return arena.bytes();
}

void RunOne(const GradClipSettings& settings, const AdaptiveGradClip::Weight& weight,
            void* workspace) {
  const View view = ViewOf(weight.view);
  if (view.size() == 0) return;
  Workspace arena(workspace);
  const Arrays arrays(view, &arena);
  std::fill_n(arrays.zeros, view.channels, 0.0f);
  const auto sum_squares = [&](const float* x, double* squares) {
    double* const sums[] = {arrays.sum, squares};
    SumPerChannel(view, x, x, {Map::kAffine, {arrays.zeros}}, nullptr, sums, arrays.workspace);
  };
  sum_squares(weight.gradient, arrays.gradients);
  sum_squares(weight.weight, arrays.weights);
  for (int64_t c = 0; c < view.channels; ++c) {
    arrays.factors[c] =
        static_cast<float>(ClipFactor(settings, arrays.gradients[c], arrays.weights[c]));
  }
  const Coefficients by = {Map::kAffine, {arrays.zeros, arrays.factors, arrays.zeros}};
  ApplyPerChannel(view, weight.gradient, by, weight.y);
}

}  // namespace

size_t WorkspaceBytes(const AdaptiveGradClip& args) {
  return ListRoom(args.weights, BytesOf).bytes();
}

Status Run(const AdaptiveGradClip& args, void* workspace) {
  ForWeights(args.weights, ListRoom(args.weights, BytesOf), workspace,
             [&](const AdaptiveGradClip::Weight& weight, int64_t, void* space) {
               RunOne(args.settings, weight, space);
             });
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
