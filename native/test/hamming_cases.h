// Cases of generalized_hamming.h, for kernel_check and the host tests.
#pragma once

#include <string>
#include <vector>

#include "norms/generalized_hamming.h"

namespace tfjs_norm::test {

constexpr HammingThreshold kHammingThresholds[] = {HammingThreshold::kNone, HammingThreshold::kRelu,
                                                   HammingThreshold::kDouble,
                                                   HammingThreshold::kSoft};

struct HammingCase {
  HammingShape shape;
  HammingThreshold threshold = HammingThreshold::kNone;
  HammingMap map;
  int shift = 0;  // of acc, y, dy and dacc from a 256-byte boundary, in floats

  bool has_r() const {
    return threshold == HammingThreshold::kDouble || threshold == HammingThreshold::kSoft;
  }
  int64_t taps() const { return shape.taps_by_place ? shape.places : 1; }
  std::string Name() const {
    return "Hamming [" + std::to_string(shape.samples) + "," + std::to_string(shape.places) + "," +
           std::to_string(shape.channels) + "] threshold " +
           std::to_string(static_cast<int>(threshold)) + ", output " +
           std::to_string(static_cast<int>(map.output)) + ", alpha " + std::to_string(map.alpha) +
           (shape.taps_by_place ? ", taps by place" : "") + ", shift " + std::to_string(shift);
  }
};

// Each threshold on each shape, the outputs in turn.
inline std::vector<HammingCase> AwkwardHamming(bool quick) {
  std::vector<HammingCase> cases;
  const auto add = [&](int64_t samples, int64_t places, int64_t channels, bool by_place) {
    for (const HammingThreshold threshold : kHammingThresholds) {
      HammingCase c;
      c.shape = {samples, places, channels, by_place};
      c.threshold = threshold;
      c.map.output = static_cast<HammingOutput>((cases.size() + cases.size() / 4) % 4);
      c.map.alpha = 3;
      cases.push_back(c);
    }
  };
  for (const bool by_place : {false, true}) {
    add(1, 1, 1, by_place);
    add(7, 1, 33, by_place);
    add(3, 20, 8, by_place);
    add(2, 9, 127, by_place);
    add(70, 5, 1, by_place);
    add(0, 4, 6, by_place);
    if (quick) continue;
    add(600, 1, 24, by_place);
    add(2, 300, 7, by_place);
    add(4, 49, 512, by_place);
  }
  if (quick) return cases;
  add(2, 1, 65537, false);
  add(30000, 1, 3, false);
  add(1, 70000, 2, false);
  return cases;
}

}  // namespace tfjs_norm::test
