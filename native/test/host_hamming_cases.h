// generalized_hamming.h against the double-precision reference, for the host tests.
#pragma once

#include "test/hamming_cases.h"
#include "test/hamming_reference.h"
#include "test/host_cases.h"

namespace tfjs_norm::test {

inline void CheckHamming(const HammingCase& c) {
  const std::string name = c.Name() + " on " + host::Simd().name;
  const int64_t size = c.shape.size();
  const Array acc = Random(size, 0.2, 3);
  const Array dy = Random(size);
  Array r = Random(c.shape.channels, 0.5, 0.1);
  Array taps = Random(c.taps(), 20, 4);
  for (int64_t i = 0; i < taps.size(); ++i) taps[i] = std::max(1.0f, std::round(taps[i]));
  const auto fill = [&](auto& args) {
    args.shape = c.shape;
    args.map = c.map;
    args.threshold = c.threshold;
    args.acc = acc.data();
    args.taps = taps.data();
    args.r = c.has_r() ? r.data() : nullptr;
  };
  Array y(size, Uniform(0, 3)), dacc(size, Uniform(0, 3)), dr(c.shape.channels);
  HammingForward forward;
  fill(forward);
  forward.y = y.data();
  RunOn(forward);
  ExpectNear(y, reference::Run(forward), name + " y");
  HammingBackward backward;
  fill(backward);
  backward.dy = dy.data();
  backward.dacc = dacc.data();
  const bool soft = c.threshold == HammingThreshold::kSoft;
  backward.dr = soft ? dr.data() : nullptr;
  RunOn(backward);
  const reference::HammingGradients want = reference::Run(backward);
  ExpectNear(dacc, want.dacc, name + " dacc");
  if (soft && size > 0) ExpectNear(dr, want.dr, name + " dr", want.dr_terms);
}

}  // namespace tfjs_norm::test
