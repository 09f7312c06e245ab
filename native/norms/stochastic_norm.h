// Normalization by random parameters: what the randomness of batch statistics does to a normalized
// tensor, without the statistics; and the same with noise that is learned.
//
//   batch      y = gamma * v * (x - u) + beta
//              u = z1 / sqrt(n), v = sqrt(n / chi2), as if mean and variance were those of n values
//   learned    y = exp(m + exp(rho) * e1) * x + (b + exp(tau) * e2)
//
//   dx = a * dy, a being the factor of x;  with g0 = sum dy, g1 = sum dy * (x - u)
//   batch      dgamma = sum v * g1, dbeta = sum g0;  of given u and v: du = -a * g0, dv = gamma *
//   g1 learned    dm = sum a * g1, drho = sum a * g1 * exp(rho) * e1,
//              db = sum g0, dtau = sum g0 * exp(tau) * e2
//
// u and v, or e1 and e2, are of a channel, the same for the whole batch, or of a sample and channel
// each; then the sums are over the samples too. They are given, or drawn (stochastic_noise.h), as a
// function of the stream and of the pair's number alone, so that backward draws them again. A
// non-finite x reaches y at its place, and gradients of its channel's factors. Papers: Shekhovtsov
// & Flach, arXiv 1811.00639; the forms are ours where the paper could not be read.
#pragma once

#include <cstddef>

#include "core/status.h"
#include "core/view.h"
#include "norms/stochastic_noise.h"

namespace tfjs_norm {

struct StochasticForward {
  View view;  // a row is a sample where noise.samples is not 1
  StochasticNoise noise;
  const float* x = nullptr;
  float* y = nullptr;
};

struct StochasticBackward {
  View view;
  StochasticNoise noise;
  const float* dy = nullptr;
  const float* x = nullptr;
  float* dx = nullptr;
  // In the order of noise.parameters; null where not wanted. [channels], but du and dv, which are
  // the second and the fourth with NoiseForm::kBatch: [samples, channels].
  float* gradients[StochasticNoise::kParameters] = {};
};

// As in set_norm.h. Workspaces: some numbers per pair. CUDA: two launches forward; three backward,
// one more where samples have noise of their own.
namespace host {
size_t WorkspaceBytes(const StochasticForward& args);
size_t WorkspaceBytes(const StochasticBackward& args);
Status Run(const StochasticForward& args, void* workspace);
Status Run(const StochasticBackward& args, void* workspace);
}  // namespace host

namespace cuda {
size_t WorkspaceBytes(const StochasticForward& args);
size_t WorkspaceBytes(const StochasticBackward& args);
Status Run(const StochasticForward& args, void* workspace, void* stream);
Status Run(const StochasticBackward& args, void* workspace, void* stream);
}  // namespace cuda

// The view of the tensor part whose elements have one noise: the whole, or a sample.
inline View NoiseView(const View& view, const StochasticNoise& noise) {
  View part = view;
  if (noise.samples != 1) part.rows = 1;
  return part;
}

}  // namespace tfjs_norm
