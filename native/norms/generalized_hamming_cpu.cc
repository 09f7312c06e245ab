// The passes of generalized_hamming.h on the host: maps of the core, with their numbers in arrays.
#include <algorithm>

#include "core/host_pipeline.h"
#include "core/host_plan.h"
#include "core/workspace.h"
#include "norms/generalized_hamming.h"

namespace tfjs_norm {
namespace host {
namespace {

// A map's arrays over the channels of a view, in the order that the zone maps want.
struct MapArrays {
  static constexpr int kCount = 4;
  float* arrays[kCount];

  MapArrays(const View& view, Workspace* arena) {
    for (float*& array : arrays) array = arena->Take<float>(view.channels);
  }

  // low, high, a, b; or theta, r, a, b.
  template <class Args>
  void Fill(const Args& args, const View& view) const {
    HammingMap map = args.map;
    map.relu = args.threshold == HammingThreshold::kRelu;
    int64_t channel = 0;
    int64_t place = 0;
    for (int64_t i = 0; i < view.channels; ++i) {
      const float taps = args.taps[place];
      const float r = args.r ? args.r[channel] : 0.0f;
      if (args.threshold == HammingThreshold::kSoft) {
        const HammingSoft soft = map.Soft(taps, r);
        Set(i, soft.theta, soft.r, soft.a, soft.b);
      } else {
        const HammingZone zone = map.Zone(taps, r);
        Set(i, zone.low, zone.high, zone.a, zone.b);
      }
      if (++channel == args.shape.channels) {
        channel = 0;
        place += args.shape.taps_by_place;
      }
    }
  }

  Coefficients Zone() const { return {Map::kZone, {arrays[0], arrays[1], arrays[2], arrays[3]}}; }
  Coefficients Soft() const {
    return {Map::kSoftZone, {arrays[0], arrays[1], arrays[2], arrays[3]}};
  }
  // The first array becomes the center.
  Coefficients Affine(const View& view, bool offset) const {
    std::fill_n(arrays[0], view.channels, 0.0f);
    if (!offset) std::fill_n(arrays[3], view.channels, 0.0f);
    return {Map::kAffine, {arrays[0], arrays[2], arrays[3]}};
  }

 private:
  void Set(int64_t i, float k0, float k1, float k2, float k3) const {
    const float values[kCount] = {k0, k1, k2, k3};
    for (int k = 0; k < kCount; ++k) arrays[k][i] = values[k];
  }
};

struct BackwardArrays {
  MapArrays map;
  double* sums = nullptr;
  unsigned char* workspace = nullptr;

  BackwardArrays(const HammingBackward& args, const View& view, Workspace* arena)
      : map(view, arena) {
    if (args.threshold != HammingThreshold::kSoft) return;
    sums = arena->Take<double>(view.channels);
    workspace = arena->Take<unsigned char>(
        static_cast<int64_t>(SumPerChannelWorkspaceBytes(view, Map::kSoftZone)));
  }
};

}  // namespace

size_t WorkspaceBytes(const HammingForward& args) {
  Workspace arena;
  MapArrays(HammingView(args.shape, args.threshold), &arena);
  return arena.bytes();
}

size_t WorkspaceBytes(const HammingBackward& args) {
  Workspace arena;
  BackwardArrays(args, HammingView(args.shape, args.threshold), &arena);
  return arena.bytes();
}

Status Run(const HammingForward& args, void* workspace) {
  const View view = HammingView(args.shape, args.threshold);
  if (view.size() == 0) return Ok();
  Workspace arena(workspace);
  const MapArrays map(view, &arena);
  map.Fill(args, view);
  if (args.threshold == HammingThreshold::kSoft) {
    ApplyPerChannel(view, args.acc, map.Soft(), args.y);
  } else if (args.threshold == HammingThreshold::kNone) {
    ApplyPerChannel(view, args.acc, map.Affine(view, true), args.y);
  } else {
    ApplyPerChannel(view, args.acc, map.Zone(), args.y);
  }
  return Ok();
}

Status Run(const HammingBackward& args, void* workspace) {
  const View view = HammingView(args.shape, args.threshold);
  if (view.size() == 0) return Ok();
  Workspace arena(workspace);
  const BackwardArrays arrays(args, view, &arena);
  const MapArrays& map = arrays.map;
  map.Fill(args, view);
  if (args.threshold == HammingThreshold::kNone) {
    ApplyPerChannel(view, args.dy, map.Affine(view, false), args.dacc);
    return Ok();
  }
  if (args.threshold != HammingThreshold::kSoft) {
    ApplyGradPerChannel(view, args.dy, args.acc, map.Zone(), args.dacc);
    return Ok();
  }
  double* const sums[] = {arrays.sums};
  SumPerChannel(view, args.dy, args.acc, map.Soft(), args.dacc, sums, arrays.workspace);
  // The places of a channel are merged into the first one.
  const int64_t channels = args.shape.channels;
  MergePieces(view.channels / channels, channels, channels, arrays.sums);
  for (int64_t c = 0; c < channels; ++c) {
    args.dr[c] = static_cast<float>(args.map.alpha * arrays.sums[c]);
  }
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
