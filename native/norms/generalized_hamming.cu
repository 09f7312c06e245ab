// The passes of generalized_hamming.h on CUDA: maps of the core with numbers made from taps and r
// on the way.
#include "core/apply.cuh"
#include "core/column_sums.cuh"
#include "core/grad_sums.cuh"
#include "core/tile_pairs.cuh"
#include "core/workspace.h"
#include "norms/generalized_hamming.h"

namespace tfjs_norm {
namespace cuda {
namespace {

template <class Args>
HammingNumbers NumbersOf(const Args& args) {
  HammingNumbers numbers;
  numbers.map = args.map;
  numbers.map.relu = args.threshold == HammingThreshold::kRelu;
  numbers.channels = args.shape.channels;
  numbers.places = args.shape.taps_by_place;
  numbers.taps = args.taps;
  numbers.r = args.r;
  return numbers;
}

template <int V, int W>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 3)
    ZoneGradKernel(Tiling tiling, const float* dy, const float* x, HammingZones zones, float* dx) {
  for (int64_t tile = blockIdx.x; tile < tiling.tiles; tile += gridDim.x) {
    const Slot slot = tiling.At(tile);
    if (slot.count == 0) continue;
    const ZoneMap<W> map = zones.At<W>(slot.pair);
    const auto gradient = [&](float g, float v, int w) { return map.Grad(g, v, w); };
    MapPairs<V, W>(tiling, slot, dy, x, gradient, dx);
  }
}

// dr from the sums of a * dy * df/dr, where r was alpha * r.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    HammingRadiusKernel(ColumnTiling columns, const float* sums, float alpha, float* dr) {
  SharedArena arena;
  const float* const arrays[] = {sums};
  SumColumns(columns, static_cast<int>(blockIdx.x), arrays, arena.Take<Sums<1>>(kThreads),
             [&](int64_t channel, const Sums<1>& sum) {
               dr[channel] = static_cast<float>(alpha * sum.of[0]);
             });
}

float* TakeSums(Workspace& space, const Tiling& tiling) {
  return space.Take<float>(tiling.partials());
}

}  // namespace

size_t WorkspaceBytes(const HammingForward&) { return 0; }

Status Run(const HammingForward& args, void*, void* stream) {
  const View view = HammingView(args.shape, args.threshold);
  if (view.size() == 0) return Ok();
  const Tiling tiling = TilingFor(view, args.acc, args.y);
  const HammingNumbers numbers = NumbersOf(args);
  if (args.threshold == HammingThreshold::kSoft) {
    return LaunchApply(tiling, args.acc, HammingSofts{numbers}, args.y, stream);
  }
  return LaunchApply(tiling, args.acc, HammingZones{numbers}, args.y, stream);
}

size_t WorkspaceBytes(const HammingBackward& args) {
  if (args.threshold != HammingThreshold::kSoft) return 0;
  return MaxOverVectors(HammingView(args.shape, args.threshold), [&](const Tiling& tiling) {
    Workspace space;
    TakeSums(space, tiling);
    return space.bytes();
  });
}

Status Run(const HammingBackward& args, void* workspace, void* stream) {
  const View view = HammingView(args.shape, args.threshold);
  if (view.size() == 0) return Ok();
  const HammingNumbers numbers = NumbersOf(args);
  if (args.threshold == HammingThreshold::kNone) {
    return LaunchApply(TilingFor(view, args.dy, args.dacc), args.dy, HammingZones{numbers, false},
                       args.dacc, stream);
  }
  const Tiling tiling = TilingFor(view, args.dy, args.acc, args.dacc);
  if (args.threshold != HammingThreshold::kSoft) {
    return ForTiling(tiling, [&](auto v, auto w) {
      const LaunchConfig config = {"ZoneGrad", dim3(tiling.grid()), dim3(kThreads), 0, stream};
      return Launch(config, ZoneGradKernel<decltype(v)::value, decltype(w)::value>, tiling, args.dy,
                    args.acc, HammingZones{numbers}, args.dacc);
    });
  }
  Workspace space(workspace);
  GradPartials partials;
  partials.g0 = TakeSums(space, tiling);
  NORM_RETURN_IF_ERROR(LaunchGradSums(tiling, args.dy, args.acc, HammingSofts{numbers}, partials,
                                      args.dacc, stream));
  // [chunks, places, channels]
  const int64_t channels = args.shape.channels;
  const ColumnTiling columns = ColumnTiling::Make(tiling.partials() / channels, channels);
  const LaunchConfig radius = {"HammingRadius", dim3(columns.tiles), dim3(kThreads),
                               SharedBytes<Sums<1>>(kThreads), stream};
  return Launch(radius, HammingRadiusKernel, columns, static_cast<const float*>(partials.g0),
                args.map.alpha, args.dr);
}

}  // namespace cuda
}  // namespace tfjs_norm
