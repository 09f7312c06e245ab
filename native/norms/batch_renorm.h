// Batch renormalization (arXiv 1702.03275): batch norm that is pulled towards running statistics,
// so that training and inference see the same activations. A set normalizer (set_norm.h) whose sets
// are whole channels, with mean mu, variance var and S = sqrt(var + eps):
//
//   forward    R = max(running stddev, sqrt(eps))
//              r = min(max(S / R, rmin), rmax)
//              d = min(max((mu - running mean) / R, -dmax), dmax)
//              y = gamma * (r * (x - mu) / S + d) + beta
//   backward   r and d are constants. With gamma r for gamma dx is that of the set norm; with its
//              dgamma' and dbeta,
//              dgamma = r * dgamma' + d * dbeta
//   running    mean and stddev follow mu and S after r and d were taken
//
// The paper bounds r by 1 / rmax and rmax, and infers with the same running statistics; Keras has a
// bound of its own below, and a second pair of running statistics for inference. r and d are those
// of the running statistics before the step. Saved for backward: corrections [2, C], r and d.
//
// Edge cases: one value: x = mu, so y = gamma * d + beta, dx = 0, dgamma = d * dbeta. No elements:
// statistics unchanged, corrections 0. A running stddev of 0, or below: sqrt(eps), which no S is
// below. rmax = rmin = 1 and dmax = 0: batch norm, in every bit. NaN reaches its own channel only.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "core/host_device.h"
#include "norms/running.h"

namespace tfjs_norm {

struct Correction {
  double r = 1;
  double d = 0;
};

struct Renorm {
  Running running;                  // mean and stddev
  const float* clipping = nullptr;  // [3]: rmax, rmin, dmax; null: no renormalization
  float* corrections = nullptr;     // [2, C]: r, d

  // The correction of a channel, which is saved on the way.
  NORM_HOST_DEVICE Correction Correct(int64_t channel, int64_t channels, double mean, double stddev,
                                      double epsilon) const {
    Correction of;
    if (!clipping) return of;
    // Comparisons that let NaN through.
    const double least = sqrt(epsilon);
    const double spread = running.spread[channel];
    const double scale = spread < least ? least : spread;
    of.r = stddev / scale;
    of.r = of.r < clipping[1] ? clipping[1] : of.r;
    // Finite, as what is saved: r / S is 0 where S has left the floats.
    const double rmax = clipping[0] < FLT_MAX ? clipping[0] : FLT_MAX;
    of.r = of.r > rmax ? rmax : of.r;
    of.d = (mean - running.mean[channel]) / scale;
    of.d = of.d < -clipping[2] ? -clipping[2] : of.d;
    of.d = of.d > clipping[2] ? clipping[2] : of.d;
    corrections[channel] = static_cast<float>(of.r);
    corrections[channels + channel] = static_cast<float>(of.d);
    return of;
  }
};

// What forward saved; r = 1 and d = 0 where there is no renormalization.
NORM_HOST_DEVICE Correction SavedCorrection(const float* corrections, int64_t channel,
                                            int64_t channels) {
  Correction of;
  if (!corrections) return of;
  of.r = corrections[channel];
  of.d = corrections[channels + channel];
  return of;
}

}  // namespace tfjs_norm
