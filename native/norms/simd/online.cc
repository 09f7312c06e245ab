// The steps of norms/online_norm_simd.h: online_steps.h over the channels, which the compiler
// vectorises.
#include "core/host_simd.h"
#include "norms/online_norm_simd.h"
#include "norms/online_steps.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

using online::Compensated;
using online::Control;
using online::ControlStep;
using online::Line;
using online::Running;
using online::Slopes;

void Output(const OnlineOutput& s) {
  const double scale = 1.0 / s.zeta;
#pragma GCC ivdep
  for (int64_t c = 0; c < s.channels; ++c) {
    const Line line(s.offset[c], s.deviation[c], s.gamma[c], s.beta[c]);
    s.a[c] = static_cast<float>(line.a * scale);
    s.b[c] = static_cast<float>(line.b * scale - line.a * scale * s.low[c]);
  }
}

template <bool kTraining>
void ForwardOf(const OnlineForwardStep& s) {
#pragma GCC ivdep
  for (int64_t c = 0; c < s.channels; ++c) {
    Running running = {s.running_mean[c], s.running_variance[c]};
    const float offset = static_cast<float>(s.mean[c] - running.mean);
    const float deviation = static_cast<float>(sqrt(running.variance + s.epsilon));
    s.offset[c] = offset;
    s.deviation[c] = deviation;
    const Line line(offset, deviation, s.gamma[c], s.beta[c]);
    s.a[c] = static_cast<float>(line.a);
    s.b[c] = static_cast<float>(line.b - line.a * s.low[c]);
    if (kTraining) {
      running.Follow(s.mean[c], s.variance[c], s.rate);
      s.running_mean[c] = running.mean;
      s.running_variance[c] = running.variance;
    }
  }
}

template <bool kTraining, bool kScaled>
void BackwardOf(const OnlineBackwardStep& s) {
  const double per_position = 1.0 / s.positions;
  const double rate = kTraining ? s.rate : 0.0;
#pragma GCC ivdep
  for (int64_t c = 0; c < s.channels; ++c) {
    const Line line(s.offset[c], s.deviation[c], s.gamma[c], s.beta[c]);
    const double variance = s.variance[c];
    Compensated g;
    g.g0 = s.sum_g[c];
    g.g1 = s.sum_gx[c];
    if (kScaled) g = s.scale->Apply(line, variance, g.g0, g.g1, s.positions);
    Control control = {kTraining ? s.u[c] : 0.0, kTraining ? s.v[c] : 0.0};
    const Slopes slopes(line, g, control, s.gamma[c], rate);
    s.p[c] = static_cast<float>(slopes.p);
    s.q[c] = static_cast<float>(slopes.q);
    s.t[c] = static_cast<float>(slopes.t - slopes.q * s.low[c]);
    const ControlStep step(line, g, variance, s.gamma[c], per_position, rate);
    s.dgamma[c] += step.g_hat;
    s.dbeta[c] += g.g0;
    if (kTraining) {
      control.Follow(step, rate);
      s.u[c] = control.u;
      s.v[c] = control.v;
    }
  }
}

void Forward(const OnlineForwardStep& s) { s.training ? ForwardOf<true>(s) : ForwardOf<false>(s); }

void Backward(const OnlineBackwardStep& s) {
  if (s.scale) {
    s.training ? BackwardOf<true, true>(s) : BackwardOf<false, true>(s);
  } else {
    s.training ? BackwardOf<true, false>(s) : BackwardOf<false, false>(s);
  }
}

}  // namespace

void RegisterOnline(SimdKernels* kernels) {
  kernels->online_output = Output;
  kernels->online_forward = Forward;
  kernels->online_backward = Backward;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
