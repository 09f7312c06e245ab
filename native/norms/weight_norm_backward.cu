// Backward of weight_norm.h, launched as its forward.
#include "norms/weight_pairs.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

// G0 = sum dy and G1 = sum dy * u of a column; dx = p * dy + q * u + t.
struct GradientMethod {
  WeightNormSettings settings;
  Moments moments;

  template <int W>
  struct Columns {
    float hi[W] = {};
    float lo[W] = {};

    NORM_DEVICE Columns(const GradientMethod& method, const WeightTiling& t,
                        const WeightSlot& slot) {
      if (!method.settings.center || !slot.active()) return;
      NORM_UNROLL
      for (int w = 0; w < W; ++w) {
        hi[w] = method.moments.hi[t.first_column + slot.column + w];
        lo[w] = method.moments.lo[t.first_column + slot.column + w];
      }
    }
    NORM_DEVICE float Centered(float x, int w) const { return (x - hi[w]) - lo[w]; }
    NORM_DEVICE void Add(float dy, float x, int w, float* g0, float* g1) const {
      *g0 += dy;
      *g1 = fmaf(dy, Centered(x, w), *g1);
    }
    NORM_DEVICE float Out(float dy, float x, float p, float q, float t, int w) const {
      return fmaf(p, dy, fmaf(q, Centered(x, w), t));
    }
  };

  // Writes the gradient of a column's gain.
  NORM_DEVICE PairNumbers Finish(const WeightTiling& t, const float* gamma, float* dgamma,
                                 bool save, int column, const Sums<2>& sum) const {
    const double fan = static_cast<double>(t.fan());
    const double square = static_cast<double>(moments.variance[t.first_column + column]);
    const double gain = gamma ? static_cast<double>(gamma[column]) : 1.0;
    const WeightGradient gradient =
        GradientOf(settings, square * fan, fan, gain, sum.of[0], sum.of[1]);
    if (save && dgamma) dgamma[column] = static_cast<float>(gradient.dgamma);
    return {static_cast<float>(gradient.p), static_cast<float>(gradient.q),
            static_cast<float>(gradient.t)};
  }
};

}  // namespace

size_t WorkspaceBytes(const WeightNormBackward& args) {
  Workspace space;
  TakePairPartials(args.weights, space);
  return space.bytes();
}

Status Run(const WeightNormBackward& args, void* workspace, void* stream) {
  using Weight = WeightNormBackward::Weight;
  Workspace space(workspace);
  Sums<2>* const partials = TakePairPartials(args.weights, space);
  const std::vector<WeightTiling> tilings =
      TilingsOf(args.weights, &Weight::dy, &Weight::x, &Weight::dx);
  std::vector<PairArrays> arrays;
  std::vector<Fill> empty;
  for (const Weight& weight : args.weights) {
    arrays.push_back({weight.dy, weight.x, weight.gamma, weight.dx, weight.dgamma});
    if (weight.view.fan() == 0) empty.push_back({weight.dgamma, nullptr, weight.view.kept});
  }
  NORM_RETURN_IF_ERROR(LaunchFills(empty, stream));
  const GradientMethod method = {args.settings, args.moments};
  return LaunchPairs({"WeightNormGradPieces", "WeightNormGrad"}, method, partials, tilings, arrays,
                     stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
