// The arithmetic of one (sample, channel) pair of switchable_norm.h, in double, for host and CUDA.
#pragma once

#include <cmath>

#include "core/host_device.h"
#include "norms/statistic.h"

namespace tfjs_norm {
namespace switchable {

// One value for each of the three statistics; batch is 0 where it takes no part.
struct Triple {
  double instance;
  double layer;
  double batch;

  NORM_HOST_DEVICE double Dot(const Triple& other) const {
    return instance * other.instance + layer * other.layer + batch * other.batch;
  }
  NORM_HOST_DEVICE void Merge(const Triple& other) {
    instance += other.instance;
    layer += other.layer;
    batch += other.batch;
  }
};

NORM_HOST_DEVICE Triple Softmax(const float* logits, bool use_batch) {
  const double a = logits[0];
  const double b = logits[1];
  const double c = use_batch ? static_cast<double>(logits[2]) : a;
  double largest = a > b ? a : b;
  largest = largest > c ? largest : c;
  Triple w = {exp(a - largest), exp(b - largest), use_batch ? exp(c - largest) : 0.0};
  const double scale = 1.0 / (w.instance + w.layer + w.batch);
  w.instance *= scale;
  w.layer *= scale;
  w.batch *= scale;
  return w;
}

// The gradient of the logits from that of their softmax; batch is dropped where there is none.
NORM_HOST_DEVICE void SoftmaxGradient(const Triple& w, const Triple& dw, bool use_batch,
                                      float* dlogits) {
  // Relative to one of the three: equal gradients give exactly 0.
  const double base = dw.instance;
  const Triple d = {0.0, dw.layer - base, use_batch ? dw.batch - base : 0.0};
  const double mean = w.Dot(d);
  dlogits[0] = static_cast<float>(w.instance * (d.instance - mean));
  dlogits[1] = static_cast<float>(w.layer * (d.layer - mean));
  if (use_batch) dlogits[2] = static_cast<float>(w.batch * (d.batch - mean));
}

struct Weights {
  Triple mean;
  Triple variance;
};

NORM_HOST_DEVICE Weights WeightsOf(const float* mean_logits, const float* variance_logits,
                                   bool use_batch) {
  return {Softmax(mean_logits, use_batch), Softmax(variance_logits, use_batch)};
}

// m and v (times f) of a pair with the statistics of its sample and its channel.
struct Pair {
  Triple below;  // m - m_k
  Triple variance;
  double d;
  double rho;

  static NORM_HOST_DEVICE Triple Below(const Statistic& own, const Statistic& layer,
                                       const Statistic& batch, bool use_batch) {
    return {0.0, own.mean - layer.mean, use_batch ? own.mean - batch.mean : 0.0};
  }
  NORM_HOST_DEVICE Pair(const Weights& weights, const Statistic& own, const Statistic& layer,
                        const Statistic& batch, bool use_batch, double epsilon)
      : below(Below(own, layer, batch, use_batch)),
        variance{own.variance, layer.variance, use_batch ? batch.variance : 0.0},
        d(weights.mean.Dot(below)),
        rho(1.0 / sqrt(weights.variance.Dot(variance) + epsilon)) {}
};

// What a pair adds to the sums over its sample, its channel and all pairs.
struct PairGradient {
  double q;   // Q
  double mu;  // dmu
  double v;   // dV

  NORM_HOST_DEVICE PairGradient(const Pair& pair, double gamma, double g0, double g1)
      : q(pair.rho * (g1 + pair.d * g0)),
        mu(-gamma * pair.rho * g0),
        v(-0.5 * pair.rho * pair.rho * gamma * q) {}
};

// dmu and dV of a pair, or their means over a sample or a channel (0 for a channel whose statistics
// are given).
struct SetGradient {
  double mu;
  double v;
};

struct Slopes {
  double p, q, t;

  // p_of is A of the pair, below its m - m_k.
  NORM_HOST_DEVICE Slopes(const Weights& w, const Triple& below, const SetGradient& own,
                          const SetGradient& layer, const SetGradient& batch, double p_of,
                          double factor, double positions) {
    const double per_position = 1.0 / positions;
    p = p_of;
    q = 2.0 * factor * per_position *
        (w.variance.instance * own.v + w.variance.layer * layer.v + w.variance.batch * batch.v);
    t = (w.mean.instance * own.mu + w.mean.layer * layer.mu + w.mean.batch * batch.mu +
         2.0 * (w.variance.layer * layer.v * below.layer +
                w.variance.batch * batch.v * below.batch)) *
        per_position;
    if (positions == 1.0) {
      t -= own.mu;
      p = q = 0.0;
    }
  }
};

}  // namespace switchable
}  // namespace tfjs_norm
