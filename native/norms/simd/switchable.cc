// The steps of norms/switchable_norm_simd.h: switchable_mix.h over the channels, which the compiler
// vectorises.
#include "core/host_simd.h"
#include "norms/switchable_mix.h"
#include "norms/switchable_norm_simd.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

using switchable::Pair;
using switchable::PairGradient;
using switchable::SetGradient;
using switchable::Slopes;
using switchable::Triple;
using switchable::Weights;

// Every step works on copies of its arguments: no store of it can change those, so that its loop
// can be vectorised.

inline __attribute__((always_inline)) Statistic OwnOf(const SavedPairs& pairs,
                                                      const SwitchableSets& sets, int64_t c) {
  return {static_cast<double>(pairs.hi[c]) + pairs.lo[c], sets.factor * pairs.variance[c]};
}
template <bool kBatch>
inline __attribute__((always_inline)) Statistic BatchOf(const SwitchableSets& sets, int64_t c) {
  return {kBatch ? sets.batch[c].mean : 0, kBatch ? sets.batch[c].variance : 0};
}

template <bool kBatch>
inline __attribute__((always_inline)) Pair PairOf(const SavedPairs& pairs,
                                                  const SwitchableSets& sets,
                                                  const Weights& weights, int64_t c) {
  return Pair(weights, OwnOf(pairs, sets, c), sets.layer, BatchOf<kBatch>(sets, c), kBatch,
              sets.epsilon);
}

template <bool kBatch>
void ForwardOf(SwitchableForwardStep s) {
  const Weights weights = *s.sets.weights;
  const double scale = s.one_value ? 0.0 : 1.0;
#pragma omp simd
  for (int64_t c = 0; c < s.pairs.channels; ++c) {
    const Pair pair = PairOf<kBatch>(s.pairs, s.sets, weights, c);
    const double a = scale * s.gamma[c] * pair.rho;
    s.a[c] = static_cast<float>(a);
    s.b[c] = static_cast<float>(s.beta[c] + a * (pair.d - s.pairs.lo[c]));
  }
}

template <bool kBatch, bool kChannels>
void GradSumsOf(SwitchableGradSums s) {
  const Weights weights = *s.sets.weights;
  double mu = 0, v = 0, mean_layer = 0, mean_batch = 0, variance_instance = 0, variance_batch = 0;
#pragma omp simd reduction(+ : mu, v, mean_layer, mean_batch, variance_instance, variance_batch)
  for (int64_t c = 0; c < s.pairs.channels; ++c) {
    const Pair pair = PairOf<kBatch>(s.pairs, s.sets, weights, c);
    const double g = s.sum_g[c];
    const PairGradient gradient(pair, s.gamma[c], g, s.sum_gx[c]);
    s.p[c] = static_cast<float>(s.gamma[c] * pair.rho);
    s.sum_g[c] = gradient.mu;
    s.sum_gx[c] = gradient.v;
    mu += gradient.mu;
    v += gradient.v;
    mean_layer -= gradient.mu * pair.below.layer;
    mean_batch -= gradient.mu * pair.below.batch;
    variance_instance += gradient.v * pair.variance.instance;
    variance_batch += gradient.v * pair.variance.batch;
    if (kChannels) {
      s.mu[c] += gradient.mu;
      s.v[c] += gradient.v;
    }
    s.dgamma[c] += gradient.q;
    s.dbeta[c] += g;
  }
  const double sums[kSampleSums] = {
      mu, v, mean_layer, mean_batch, variance_instance, variance_batch};
  for (int i = 0; i < kSampleSums; ++i) s.of_pairs[i] = sums[i];
}

template <bool kBatch, bool kChannels>
void BackwardOf(SwitchableBackwardStep s) {
  const Weights weights = *s.sets.weights;
  const double scale = s.one_value ? 0.0 : 1.0;
#pragma omp simd
  for (int64_t c = 0; c < s.pairs.channels; ++c) {
    const Triple below =
        Pair::Below(OwnOf(s.pairs, s.sets, c), s.sets.layer, BatchOf<kBatch>(s.sets, c), kBatch);
    const SetGradient batch = {kChannels ? s.batch_mu[c] : 0, kChannels ? s.batch_v[c] : 0};
    const Slopes slopes(weights, below, {s.mu[c], s.v[c]}, {s.layer_mu, s.layer_v}, batch, s.p[c],
                        s.sets.factor, s.positions);
    s.p[c] = static_cast<float>(slopes.p);
    s.q[c] = static_cast<float>(slopes.q);
    s.t[c] = static_cast<float>(scale * slopes.t - slopes.q * s.pairs.lo[c]);
  }
}

void Forward(const SwitchableForwardStep& s) {
  s.sets.use_batch ? ForwardOf<true>(s) : ForwardOf<false>(s);
}

void GradSums(const SwitchableGradSums& s) {
  if (!s.sets.use_batch) return GradSumsOf<false, false>(s);
  s.mu ? GradSumsOf<true, true>(s) : GradSumsOf<true, false>(s);
}

void Backward(const SwitchableBackwardStep& s) {
  if (!s.sets.use_batch) return BackwardOf<false, false>(s);
  s.batch_mu ? BackwardOf<true, true>(s) : BackwardOf<true, false>(s);
}

}  // namespace

void RegisterSwitchable(SimdKernels* kernels) {
  kernels->switchable_forward = Forward;
  kernels->switchable_grad_sums = GradSums;
  kernels->switchable_backward = Backward;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
