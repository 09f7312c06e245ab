// The host's vectorised steps of switchable_norm.h (norms/simd/switchable.cc): some adjacent
// channels of one sample, whose numbers the arrays hold.
//
// Plain structs only, as in core/host_simd.h.
#pragma once

#include <cstdint>

#include "core/host_pairs.h"
#include "norms/statistic.h"

namespace tfjs_norm {
namespace switchable {
struct Weights;
}

namespace host {

// The statistics that the pairs are normalized by.
struct SwitchableSets {
  const switchable::Weights* weights;
  double epsilon;
  double factor;  // f, of the pairs' variances
  Statistic layer;
  bool use_batch;
  const Statistic* batch;  // of the channels
};

// y = a * (x - hi) + b
struct SwitchableForwardStep {
  SavedPairs pairs;
  SwitchableSets sets;
  bool one_value;
  const double* gamma;
  const double* beta;
  float* a;
  float* b;
};

// Sums over a sample's channels: of dmu and dV; and for the logits' gradients of dmu * (m_k - m)
// for layer and batch, of dV * v_k for instance and batch.
constexpr int kSampleSums = 6;

// Turns G0 and G1 into dmu and dV, and sums them.
struct SwitchableGradSums {
  SavedPairs pairs;
  SwitchableSets sets;
  const double* gamma;
  double* sum_g;   // becomes dmu
  double* sum_gx;  // becomes dV
  float* p;
  double* of_pairs;  // [kSampleSums]
  double* mu;        // of the channels, added to, as are the others; null without batch of x
  double* v;
  double* dgamma;
  double* dbeta;
};

// dx = p * dy + q * (x - hi) + t
struct SwitchableBackwardStep {
  SavedPairs pairs;
  SwitchableSets sets;
  double positions;
  bool one_value;
  double layer_mu;  // means of dmu and dV over the sample
  double layer_v;
  const double* batch_mu;  // and over the channels; null where those of x take no part
  const double* batch_v;
  const double* mu;  // dmu and dV
  const double* v;
  float* p;
  float* q;
  float* t;
};

}  // namespace host
}  // namespace tfjs_norm
