#include "core/grad_apply.cuh"
#include "core/tile_pairs.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

// The gradient of z, y = p * z + ..: dy; with bounds, that within them; of a map, dy * df/dx.
struct AllOfDy {
  static constexpr int kBlocks = 3;  // resident per multiprocessor

  template <int W>
  struct Of {
    NORM_DEVICE float Passed(float g, float, float, int) const { return g; }
  };
  template <int W>
  NORM_DEVICE Of<W> At(int64_t) const {
    return {};
  }
};

struct BoundedDy {
  static constexpr int kBlocks = 2;  // its coefficients fill the registers of a third

  const float* a;
  const float* b;
  ChannelBounds bounds;

  template <int W>
  struct Of {
    float a[W], b[W];
    Limits<W> limits;
    NORM_DEVICE float Passed(float g, float, float xc, int w) const {
      return limits.Hold(fmaf(a[w], xc, b[w]), w) ? g : 0.0f;
    }
  };
  template <int W>
  NORM_DEVICE Of<W> At(int64_t pair) const {
    Of<W> of;
    LoadTo(of.a, a + pair);
    LoadTo(of.b, b + pair);
    of.limits = bounds.At<W>(pair);
    return of;
  }
};

struct GatedDy {
  static constexpr int kBlocks = 2;

  ChannelGate gate;

  template <int W>
  struct Of {
    Gate<W> gate;
    NORM_DEVICE float Passed(float g, float x, float, int w) const {
      return g * gate.At(x, w).by_x;
    }
  };
  template <int W>
  NORM_DEVICE Of<W> At(int64_t pair) const {
    return {gate.At<W>(pair)};
  }
};

template <int V, int W, class Part>
NORM_DEVICE void ApplyTile(const Tiling& tiling, int64_t tile, const float* dy, const float* x,
                           const GradCoefficients& coefficients, const Part& part, float* dx) {
  const Slot slot = tiling.At(tile);
  if (slot.count == 0) return;
  float hi[W], lo[W], p[W], q[W], t[W];
  LoadCenter(hi, lo, coefficients.hi, coefficients.lo, slot.pair);
  LoadTo(p, coefficients.p + slot.pair);
  LoadTo(q, coefficients.q + slot.pair);
  LoadTo(t, coefficients.t + slot.pair);
  const auto z = part.template At<W>(slot.pair);
  const auto gradient = [&](float g, float v, int w) {
    const float xc = (v - hi[w]) - lo[w];
    return fmaf(p[w], z.Passed(g, v, xc, w), fmaf(q[w], xc, t[w]));
  };
  MapPairs<V, W>(tiling, slot, dy, x, gradient, dx);
}

// The first parameters.tiles blocks sum parameter gradients, the others write dx.
template <int V, int W, class Part>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, Part::kBlocks)
    GradApplyKernel(Tiling tiling, const float* dy, const float* x, GradCoefficients coefficients,
                    Part part, float* dx, ParameterSums parameters) {
  const int block = static_cast<int>(blockIdx.x) - parameters.tiles;
  if (block < 0) {
    SharedArena arena;
    parameters.Run(static_cast<int>(blockIdx.x), arena.Take<Sums<1>>(kThreads));
  } else {
    const int64_t blocks = static_cast<int64_t>(gridDim.x) - parameters.tiles;
    for (int64_t tile = block; tile < tiling.tiles; tile += blocks) {
      ApplyTile<V, W>(tiling, tiling.tiles - 1 - tile, dy, x, coefficients, part, dx);
    }
  }
}

template <class Part>
Status LaunchFor(const Tiling& tiling, const float* dy, const float* x,
                 const GradCoefficients& coefficients, const Part& part, float* dx,
                 const ParameterSums& parameters, void* stream) {
  return ForTiling(tiling, [&](auto v, auto w) {
    const LaunchConfig config = {"GradApply", dim3(tiling.grid() + parameters.tiles),
                                 dim3(kThreads), SharedBytes<Sums<1>>(kThreads), stream};
    return Launch(config, GradApplyKernel<decltype(v)::value, decltype(w)::value, Part>, tiling, dy,
                  x, coefficients, part, dx, parameters);
  });
}

}  // namespace

Status LaunchGradApply(const Tiling& tiling, const float* dy, const float* x,
                       const GradCoefficients& coefficients, float* dx,
                       const ParameterSums& parameters, void* stream) {
  return LaunchFor(tiling, dy, x, coefficients, AllOfDy(), dx, parameters, stream);
}

Status LaunchGradApply(const Tiling& tiling, const float* dy, const float* x,
                       const GradCoefficients& coefficients, const PairAffine& output,
                       const ChannelBounds& bounds, float* dx, const ParameterSums& parameters,
                       void* stream) {
  const BoundedDy part = {output.a, output.b, bounds};
  return LaunchFor(tiling, dy, x, coefficients, part, dx, parameters, stream);
}

Status LaunchGradApply(const Tiling& tiling, const float* dy, const float* x,
                       const GradCoefficients& coefficients, const ChannelGate& gate, float* dx,
                       const ParameterSums& parameters, void* stream) {
  return LaunchFor(tiling, dy, x, coefficients, GatedDy{gate}, dx, parameters, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
