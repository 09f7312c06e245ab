// What the channels-last kernels share: vectors run along the channels, the passes run down the
// positions.
//
// A tensor with few channels is read as one with `fold` times as many and as many times fewer
// positions, so that vectors are full; the replicas of a channel are merged at the end, in order.
#pragma once

#include "core/host_simd.h"
#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

constexpr int64_t kFoldBelow = 4 * kLanes;
constexpr int64_t kMaxFolded = 2 * kFoldBelow * kLanes;
constexpr int64_t kMaxWidth = kMaxColumns > kMaxFolded ? kMaxColumns : kMaxFolded;

struct Folded {
  int64_t fold;
  int64_t positions;  // of the folded tensor; a rest of positions % fold is left over
  int64_t width;
  int64_t stride;
};

Folded Fold(const Columns& block) {
  int64_t fold = 1;
  if (block.channels == block.stride && block.channels < kFoldBelow) {
    while (fold * block.channels % kLanes != 0) fold *= 2;
    while (fold * block.channels < kFoldBelow) fold *= 2;
    if (block.positions < 2 * fold) fold = 1;
  }
  return {fold, block.positions / fold, block.channels * fold,
          fold == 1 ? block.stride : block.channels * fold};
}

// One channel array, once per replica; `values` itself where nothing is folded.
const float* Replicate(const float* values, int64_t channels, int64_t fold, float* storage) {
  if (fold == 1) return values;
  for (int64_t f = 0; f < fold; ++f) {
    for (int64_t c = 0; c < channels; ++c) storage[f * channels + c] = values[c];
  }
  return storage;
}

void MergeReplicas(const double* sums, int64_t channels, int64_t fold, double* out) {
  for (int64_t c = 0; c < channels; ++c) {
    double total = sums[c];
    for (int64_t f = 1; f < fold; ++f) total += sums[f * channels + c];
    out[c] = total;
  }
}

// Fetches the next group of positions while this one is summed: in the order of memory where they
// are contiguous, for a walk that jumps from position to position defeats the processor's own
// prefetching.
template <int kPositions>
class Ahead {
 public:
  Ahead(int64_t width, int64_t stride)
      : start_(kPositions * stride),
        per_channel_(width == stride ? kPositions : 1),
        per_position_(width == stride ? kLanes : stride) {}
  void Fetch(const float* group, int64_t c) const {
    for (int u = 0; u < kPositions; ++u) {
      __builtin_prefetch(group + start_ + c * per_channel_ + u * per_position_);
    }
  }

 private:
  int64_t start_, per_channel_, per_position_;
};

}  // namespace
}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
