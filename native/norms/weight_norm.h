// Weight normalization (arXiv 1602.07868) and weight standardization (arXiv 1903.10520), of any
// number of weights at once: each output's weights are divided by their length or deviation and
// multiplied by a gain.
//
//   forward    per weight and kept entry k (an output unit), over its n values (the fan-in):
//              u = x - c,  c = mean x where centred, else 0;  Q = sum u^2
//              norm                s = 1 / sqrt(max(Q, eps))
//              deviation           s = 1 / (sqrt(Q / n) + eps)
//              unbiased_deviation  s = 1 / (sqrt(Q / max(n - 1, 1)) + eps)
//              root_of_variance    s = 1 / sqrt(Q / n + eps)
//              y = gamma * s * u
//   backward   G0 = sum dy, G1 = sum dy * u, s' = ds/dQ:
//              dgamma = s * G1
//              dx = gamma * (s * (dy - [centred] G0 / n) + 2 s' G1 u)
//              2 s' = -s^3 (norm, where Q > eps; else 0),  -s^2 / (sqrt(Q / k) k) (deviations, with
//              k = n or n - 1; 0 where Q = 0),  -s^3 / n (root of the variance)
//
// Weight norm is norm, uncentred, eps 1e-12; centred weight norm (arXiv 1710.02338) centred; scaled
// weight standardization (arXiv 2101.08692) centred with eps 1e-4, for its n var is Q. Weight
// standardization is centred, by deviation (the authors' TensorFlow snippet) or unbiased_deviation
// (their PyTorch snippet), or root_of_variance with eps inside.
//
// Where Q is below eps the norm is clamped and constant, so the term along u is dropped: dx stays
// finite for a weight of zeros. Centred with n = 1: u = 0, so y and dx are 0. No elements: dgamma
// 0. A zero of an uncentred weight stays exactly zero.
//
// Saved for backward: Moments [3, kept entries of all weights]: c as hi and lo, and Q / n.
#pragma once

#include <cstddef>
#include <vector>

#include "core/status.h"
#include "core/view.h"
#include "core/weight_view.h"

namespace tfjs_norm {

enum class Divisor { kNorm, kDeviation, kUnbiasedDeviation, kRootOfVariance };

struct WeightNormSettings {
  Divisor divisor = Divisor::kNorm;
  bool center = false;
  double epsilon = 0;
};

struct WeightNormForward {
  struct Weight {
    WeightView view;
    const float* x = nullptr;
    const float* gamma = nullptr;  // [kept]; null: 1
    float* y = nullptr;
  };

  WeightNormSettings settings;
  std::vector<Weight> weights;
  Moments moments;  // one after the other, the kept entries of each weight
};

struct WeightNormBackward {
  struct Weight {
    WeightView view;
    const float* dy = nullptr;
    const float* x = nullptr;
    const float* gamma = nullptr;  // [kept]; null: 1
    float* dx = nullptr;
    float* dgamma = nullptr;  // [kept]; null: not wanted
  };

  WeightNormSettings settings;
  std::vector<Weight> weights;
  Moments moments;
};

namespace cuda {
size_t WorkspaceBytes(const WeightNormForward& args);
size_t WorkspaceBytes(const WeightNormBackward& args);
Status Run(const WeightNormForward& args, void* workspace, void* stream);
Status Run(const WeightNormBackward& args, void* workspace, void* stream);
}  // namespace cuda

namespace host {
size_t WorkspaceBytes(const WeightNormForward& args);
size_t WorkspaceBytes(const WeightNormBackward& args);
Status Run(const WeightNormForward& args, void* workspace);
Status Run(const WeightNormBackward& args, void* workspace);
}  // namespace host

}  // namespace tfjs_norm
