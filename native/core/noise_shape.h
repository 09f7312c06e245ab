// Which elements of a tensor share a random word: those that differ only along the shared axes, as
// if the random tensor had extent 1 there and were broadcast.
#pragma once

#include <cstdint>

#include "core/philox.h"

namespace tfjs_norm {

// Neighbouring axes of one kind joined into segments, so kinds alternate.
struct NoiseShape {
  static constexpr int kMaxSegments = 16;

  int segments = 0;
  int64_t extents[kMaxSegments] = {};
  uint32_t own = 0;  // bit s: along segment s every coordinate has a word of its own

  void Append(int64_t extent, bool own_words) {
    // One element: either kind, so no segment of its own.
    if (extent == 1) return;
    if (segments > 0 && LastIsOwn() == own_words) {
      extents[segments - 1] *= extent;
      return;
    }
    if (own_words) own |= 1u << segments;
    extents[segments++] = extent;
  }

  // After the last axis.
  void Close() {
    if (segments > 0) return;
    extents[segments++] = 1;
    own = 1;
  }

  NORM_PHILOX bool LastIsOwn() const { return own >> (segments - 1) & 1; }
  NORM_PHILOX int64_t last() const { return extents[segments - 1]; }

  // Of the element's word in its stream, given by its row-major index in the first `count`
  // segments: all of them, or all but the last for the first word of a line along the last.
  template <class Index>
  NORM_PHILOX Index WordOf(Index element, int count) const {
    Index word = 0;
    Index stride = 1;
    for (int s = count - 1; s >= 0; --s) {
      const Index extent = static_cast<Index>(extents[s]);
      const Index rest = element / extent;
      if (own >> s & 1) {
        word += (element - rest * extent) * stride;
        stride *= extent;
      }
      element = rest;
    }
    return word;
  }
};

}  // namespace tfjs_norm
