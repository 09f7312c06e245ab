// The one shape every channel-wise normalizer works on: x[row, position, channel].
//
// A row is the smallest unit whose statistics a method can tell apart along the batch: a sample for
// group and instance norm, a whole (ghost) batch for channels-last batch norm.
#pragma once

#include <cstdint>

namespace tfjs_norm {

struct View {
  int64_t rows = 0;       // R
  int64_t positions = 0;  // S: pixels of a row
  int64_t channels = 0;   // C
  // true: x[(r * S + s) * C + c]; false (channels first): x[(r * C + c) * S + s].
  bool channels_last = true;

  int64_t size() const { return rows * positions * channels; }
  int64_t pairs() const { return rows * channels; }
};

// Per-(row, channel) statistics over the positions, each an [R, C] array. The mean is the
// unevaluated pair hi + lo: a single float32 mean costs |mean| / std * 2^-24 in y. Always subtract
// as (x - hi) - lo.
struct Moments {
  float* hi = nullptr;
  float* lo = nullptr;
  float* variance = nullptr;  // biased: mean over s of (x - mean)^2

  // The layout of the `moments` tensor the ops save for backward: [3, R, C].
  static Moments From(float* base, int64_t pairs) { return {base, base + pairs, base + 2 * pairs}; }
};

}  // namespace tfjs_norm
