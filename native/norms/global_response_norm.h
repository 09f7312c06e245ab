// Global response normalization (ConvNeXt V2, arXiv 2301.00808): each channel of a sample is scaled
// by how strong it is beside the sample's other channels, and added to x.
//
//   forward    per pair (n, c), over its S positions: G = sqrt(sum x^2)
//              per sample: M = mean_c G + eps;  N = G / M
//              y = (gamma * N + 1) * x + beta
//   backward   G0 = sum dy,  G1 = sum dy * x,  T = gamma * G1
//              dG = T / M - sum_c(T * G) / (C * M^2)
//              dx = (gamma * N + 1) * dy + dG / G * x
//              dgamma[c] = sum_n N * G1,  dbeta[c] = sum_n G0
//
// G is a sum, so it grows with the positions. sum x^2 = S * (v + m^2) of the pair's moments, so
// that a mean of 1e4 costs nothing; y is taken about zero, so that it is x to the last bit where
// gamma and beta are 0, as they are at first.
//
// Edge cases: G = 0: N = 0 and dG / G is taken as 0, for x is 0 there. No elements: parameter
// gradients 0. NaN reaches its own sample only, all channels of it. |x| beyond 1e18, whose squares
// leave the floats, may give NaN.
//
// Saved for backward: responses [N, C], G.
#pragma once

#include <cmath>
#include <cstddef>

#include "core/host_device.h"
#include "core/status.h"
#include "core/view.h"

namespace tfjs_norm {

// What forward and backward share. A row of the view is a sample.
struct GlobalResponseNorm {
  View view;
  double epsilon = 0;
  const float* x = nullptr;
  const float* gamma = nullptr;  // null: 1
  float* responses = nullptr;
};

struct GlobalResponseNormForward : GlobalResponseNorm {
  const float* beta = nullptr;  // null: 0
  float* y = nullptr;
};

struct GlobalResponseNormBackward : GlobalResponseNorm {
  const float* dy = nullptr;
  float* dx = nullptr;
  float* dgamma = nullptr;  // [C], null when not wanted
  float* dbeta = nullptr;   // [C], null when not wanted
};

// The arithmetic of host and CUDA, in double.
namespace global_response {

NORM_HOST_DEVICE float Response(double mean, double variance, double positions) {
  return static_cast<float>(sqrt(positions * (variance + mean * mean)));
}

// Of a sample: M, and sum_c(T * G) / (C * M^2).
struct Sample {
  double scale;
  double slope;

  NORM_HOST_DEVICE static Sample Of(double sum_g, double sum_tg, double channels, double epsilon) {
    const double scale = sum_g / channels + epsilon;
    return {scale, sum_tg / (channels * scale * scale)};
  }
};

// Of a pair: dx = p * dy + q * x.
struct Slopes {
  double p;
  double q;

  NORM_HOST_DEVICE static Slopes Of(const Sample& sample, double response, double gamma,
                                    double g1) {
    const double d = gamma * g1 / sample.scale - sample.slope;
    return {gamma * (response / sample.scale) + 1.0, response == 0.0 ? 0.0 : d / response};
  }
};

}  // namespace global_response

// `workspace` as in set_norm.h. The view has elements.
namespace host {
size_t WorkspaceBytes(const GlobalResponseNormForward& args);
size_t WorkspaceBytes(const GlobalResponseNormBackward& args);
Status Run(const GlobalResponseNormForward& args, void* workspace);
Status Run(const GlobalResponseNormBackward& args, void* workspace);
}  // namespace host

// Launches only, as in set_norm.h: three each, of which two pass over the tensor.
namespace cuda {
size_t WorkspaceBytes(const GlobalResponseNormForward& args);
size_t WorkspaceBytes(const GlobalResponseNormBackward& args);
Status Run(const GlobalResponseNormForward& args, void* workspace, void* stream);
Status Run(const GlobalResponseNormBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
