// The host's vectorised steps of online_norm.h (norms/simd/online.cc): one sample, some adjacent
// channels, whose numbers the arrays hold.
//
// Plain structs only, as in core/host_simd.h.
#pragma once

#include <cstdint>

namespace tfjs_norm {
namespace online {
struct LayerScale;
}

namespace host {

// out = a * (x - center) + b of the sample, over zeta.
struct OnlineOutput {
  int64_t channels;
  const double* gamma;
  const double* beta;
  const double* low;  // of the mean: what the center leaves out
  const float* offset;
  const float* deviation;
  double zeta;
  float* a;
  float* b;
};

// The same with the statistics before the sample, which are saved; in training they follow.
struct OnlineForwardStep {
  int64_t channels;
  bool training;
  double rate;
  double epsilon;
  const double* gamma;
  const double* beta;
  const double* mean;
  const double* variance;
  const double* low;
  double* running_mean;
  double* running_variance;
  float* offset;
  float* deviation;
  float* a;
  float* b;
};

// dx = p * dy + q * (x - center) + t; in training the control states follow.
struct OnlineBackwardStep {
  int64_t channels;
  bool training;
  double rate;
  double positions;
  const online::LayerScale* scale;  // null without layer scaling
  const double* gamma;
  const double* beta;
  const double* low;
  const double* sum_g;
  const double* sum_gx;
  const float* variance;
  const float* offset;
  const float* deviation;
  double* u;
  double* v;
  double* dgamma;  // added to
  double* dbeta;
  float* p;
  float* q;
  float* t;
};

}  // namespace host
}  // namespace tfjs_norm
