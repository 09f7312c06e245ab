// The definitions of generalized_hamming.h, word for word in double precision.
#pragma once

#include "norms/generalized_hamming.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

// y of one acc, and its derivatives by acc and r.
struct HammingValue {
  double y, by_acc, by_r;
};

inline HammingValue HammingOf(double acc, double taps, double r, HammingThreshold threshold,
                              const HammingMap& map) {
  const double c = 2 / taps * acc;
  double t = c, by_c = 1, by_r = 0;
  if (threshold == HammingThreshold::kSoft) {
    const double alpha = map.alpha;
    const auto sigmoid = [](double u) { return 1 / (1 + std::exp(-u)); };
    const double above = sigmoid(alpha * (c - r));
    const double below = sigmoid(alpha * (-c - r));
    const double rises = above * (1 - above);
    const double falls = below * (1 - below);
    t = c * (above + below);
    by_c = above + below + alpha * c * (rises - falls);
    by_r = -alpha * c * (rises + falls);
  } else {
    const bool relu = threshold == HammingThreshold::kRelu && c <= 0;
    const bool fuzzy = threshold == HammingThreshold::kDouble && r > 0 && std::fabs(c) <= r;
    if (relu || fuzzy) t = by_c = 0;
  }
  double factor = 1, offset = 0;
  if (map.output == HammingOutput::kDistance) factor = -1, offset = 0.5;
  if (map.output == HammingOutput::kSimilarity) offset = -0.5;
  if (map.output == HammingOutput::kRaw) factor = taps / 2, offset = -taps / 4;
  return {factor * t + offset, factor * by_c * 2 / taps, factor * by_r};
}

template <class Args>
HammingValue HammingAt(const Args& args, int64_t i) {
  const HammingShape& shape = args.shape;
  const int64_t place = shape.taps_by_place ? i / shape.channels % shape.places : 0;
  return HammingOf(args.acc[i], args.taps[place], At(args.r, i % shape.channels, 0), args.threshold,
                   args.map);
}

inline Values Run(const HammingForward& args) {
  Values y;
  for (int64_t i = 0; i < args.shape.size(); ++i) y.push_back(HammingAt(args, i).y);
  return y;
}

struct HammingGradients {
  Values dacc, dr;
  double dr_terms = 1;  // the largest sum of |terms| of a dr
};

inline HammingGradients Run(const HammingBackward& args) {
  HammingGradients gradients;
  gradients.dr.assign(static_cast<size_t>(args.shape.channels), 0);
  Values terms = gradients.dr;
  for (int64_t i = 0; i < args.shape.size(); ++i) {
    const HammingValue value = HammingAt(args, i);
    const int64_t channel = i % args.shape.channels;
    gradients.dacc.push_back(args.dy[i] * value.by_acc);
    gradients.dr[channel] += args.dy[i] * value.by_r;
    terms[channel] += std::fabs(args.dy[i] * value.by_r);
    gradients.dr_terms = std::max(gradients.dr_terms, terms[channel]);
  }
  return gradients;
}

}  // namespace reference
}  // namespace tfjs_norm
