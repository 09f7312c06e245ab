// The steps of norms/attentive_norm_simd.h: attentive_mix.h over the channels, which the compiler
// vectorises; of copies of their arguments, which no store changes.
#include "core/host_simd.h"
#include "norms/attentive_mix.h"
#include "norms/attentive_norm_simd.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

using attentive::SlopeRule;
using attentive::Slopes;
using attentive::SqueezeRule;

inline __attribute__((always_inline)) double MeanOf(const SavedPairs& pairs, int64_t c) {
  return static_cast<double>(pairs.hi[c]) + pairs.lo[c];
}

void Squeeze(const AttentiveSqueeze& step) {
  const AttentiveSqueeze s = step;
  const SqueezeRule rule = *s.rule;
#pragma omp simd
  for (int64_t c = 0; c < s.pairs.channels; ++c) {
    const double scale = rule.Scale(s.pairs.variance[c]);
    s.scales[c] = scale;
    s.squeezed[c] = MeanOf(s.pairs, c) * scale;
  }
}

void Forward(const AttentiveForwardStep& step) {
  const AttentiveForwardStep s = step;
  const double scale = s.one_value ? 0.0 : 1.0;
#pragma omp simd
  for (int64_t c = 0; c < s.pairs.channels; ++c) {
    const double a = scale * s.scale[c] * s.set_rho[c];
    s.a[c] = static_cast<float>(a);
    s.b[c] = static_cast<float>(s.offset[c] + a * (MeanOf(s.pairs, c) - s.set_mean[c]) -
                                a * s.pairs.lo[c]);
  }
}

void Gradients(const AttentiveGradients& step) {
  const AttentiveGradients s = step;
#pragma omp simd
  for (int64_t c = 0; c < s.pairs.channels; ++c) {
    const double g0 = s.sum_g[c];
    s.q[c] = s.set_rho[c] * (s.sum_gx[c] + (MeanOf(s.pairs, c) - s.set_mean[c]) * g0);
    s.g0[c] = g0;
  }
}

void ChannelSums(const AttentiveChannelSums& step) {
  const AttentiveChannelSums s = step;
#pragma omp simd
  for (int64_t c = 0; c < s.channels; ++c) {
    s.of_g0[c] += s.mixed[c] * s.g0[c];
    s.of_q[c] += s.mixed[c] * s.q[c];
  }
}

void Backward(const AttentiveBackwardStep& step) {
  const AttentiveBackwardStep s = step;
  const SlopeRule rule = *s.rule;
#pragma omp simd
  for (int64_t c = 0; c < s.pairs.channels; ++c) {
    const double mean = MeanOf(s.pairs, c);
    const double squeezed = mean * s.scales[c];
    const Slopes slopes(rule, {s.set_p[c], s.set_q[c]}, s.set_rho[c], mean - s.set_mean[c],
                        s.mixed[c], squeezed, s.scales[c], s.squeezed_gradient[c], s.g0[c]);
    s.p[c] = static_cast<float>(slopes.p);
    s.q[c] = static_cast<float>(slopes.q);
    s.t[c] = static_cast<float>(slopes.t - slopes.q * s.pairs.lo[c]);
    s.mixed[c] = squeezed;
  }
}

}  // namespace

void RegisterAttentive(SimdKernels* kernels) {
  kernels->attentive_squeeze = Squeeze;
  kernels->attentive_forward = Forward;
  kernels->attentive_gradients = Gradients;
  kernels->attentive_channel_sums = ChannelSums;
  kernels->attentive_backward = Backward;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
