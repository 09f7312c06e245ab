// The host's vectorised steps of attentive_norm.h (norms/simd/attentive.cc): some adjacent channels
// of one sample, whose numbers the arrays hold.
//
// Plain structs only, as in core/host_simd.h.
#pragma once

#include <cstdint>

#include "core/host_pairs.h"

namespace tfjs_norm {
namespace attentive {
struct SlopeRule;
struct SqueezeRule;
}  // namespace attentive

namespace host {

// r and s.
struct AttentiveSqueeze {
  SavedPairs pairs;
  const attentive::SqueezeRule* rule;
  double* scales;
  double* squeezed;
};

// y = a * (x - hi) + b
struct AttentiveForwardStep {
  SavedPairs pairs;
  bool one_value;
  const double* set_mean;
  const double* set_rho;
  const double* scale;   // Ga
  const double* offset;  // Be
  float* a;
  float* b;
};

// Q, and G0 where it stays.
struct AttentiveGradients {
  SavedPairs pairs;
  const double* set_mean;
  const double* set_rho;
  const double* sum_g;
  const double* sum_gx;
  double* q;
  double* g0;
};

// Adds Ga G0 and Ga Q to those of the channels.
struct AttentiveChannelSums {
  int64_t channels;
  const double* mixed;
  const double* g0;
  const double* q;
  double* of_g0;
  double* of_q;
};

// dx = p * dy + q * (x - hi) + t
struct AttentiveBackwardStep {
  SavedPairs pairs;
  const attentive::SlopeRule* rule;
  const double* set_mean;
  const double* set_rho;
  const double* set_p;  // P_R / M and Q_R / M
  const double* set_q;
  const double* scales;             // r
  const double* squeezed_gradient;  // ds
  const double* g0;
  double* mixed;  // Ga; becomes s
  float* p;
  float* q;
  float* t;
};

}  // namespace host
}  // namespace tfjs_norm
