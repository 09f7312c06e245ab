// Generalized Hamming networks: what follows the products of a dense or convolutional layer of
// shifted operands, element by element.
//
//   forward    c = (2 / L) * acc,  acc = sum over the L taps of (x - 1/2) * (w - 1/2)
//              t = c | max(0, c) | c where |c| > r, else 0 |
//                  c * (sigmoid(alpha * (c - r)) + sigmoid(alpha * (-c - r)))
//              y = 1/2 - t | t - 1/2 | t | (L / 2) * (t - 1/2)
//   backward   dacc = dy * dy/dt * dt/dc * 2 / L,  dr[channel] = sum dy * dy/dt * dt/dr
//
// t is the threshold: none, relu, double, soft; y the output: distance 1/2 - t, similarity,
// centered, raw. L is one number, or one for each place of a sample where padding is not counted.
// The first three thresholds are a * acc + b outside of a zone of acc, which has b; on its ends
// dt/dc is 0. Without a threshold backward reads dy alone. A NaN stays one. Nothing is saved but
// acc. No elements: dr = 0. Paper: arXiv 1710.10328.
#pragma once

#include <cstddef>

#include "core/hamming_map.h"
#include "core/status.h"
#include "core/view.h"

namespace tfjs_norm {

enum class HammingThreshold { kNone, kRelu, kDouble, kSoft };

// acc[sample, place, channel], places in one piece.
struct HammingShape {
  int64_t samples = 0;
  int64_t places = 0;
  int64_t channels = 0;
  bool taps_by_place = false;  // taps are [places], else one number

  int64_t size() const { return samples * places * channels; }
};

struct HammingForward {
  HammingShape shape;
  HammingMap map;  // `relu` is the kernels' own affair
  HammingThreshold threshold = HammingThreshold::kNone;
  const float* acc = nullptr;
  const float* taps = nullptr;
  const float* r = nullptr;  // [channels]; double and soft
  float* y = nullptr;
};

struct HammingBackward {
  HammingShape shape;
  HammingMap map;
  HammingThreshold threshold = HammingThreshold::kNone;
  const float* dy = nullptr;
  const float* acc = nullptr;
  const float* taps = nullptr;
  const float* r = nullptr;
  float* dacc = nullptr;
  float* dr = nullptr;  // [channels]; soft
};

// As in set_norm.h. CUDA: one launch, backward of the soft threshold two. Host: the workspace of a
// map with numbers per place is as large as a sample.
namespace host {
size_t WorkspaceBytes(const HammingForward& args);
size_t WorkspaceBytes(const HammingBackward& args);
Status Run(const HammingForward& args, void* workspace);
Status Run(const HammingBackward& args, void* workspace);
}  // namespace host

namespace cuda {
size_t WorkspaceBytes(const HammingForward& args);
size_t WorkspaceBytes(const HammingBackward& args);
Status Run(const HammingForward& args, void* workspace, void* stream);
Status Run(const HammingBackward& args, void* workspace, void* stream);
}  // namespace cuda

// The view whose channels have a number each: all elements are alike, those of a channel, or those
// of a place and channel.
inline View HammingView(const HammingShape& shape, HammingThreshold threshold) {
  const bool by_channel =
      threshold == HammingThreshold::kDouble || threshold == HammingThreshold::kSoft;
  View view;
  view.channels = 1;
  if (shape.taps_by_place) {
    view.channels = shape.places * shape.channels;
  } else if (by_channel) {
    view.channels = shape.channels;
  }
  view.positions = view.channels > 0 ? shape.size() / view.channels : 0;
  view.rows = 1;
  return view;
}

}  // namespace tfjs_norm
