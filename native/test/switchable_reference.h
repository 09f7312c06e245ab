// The definition of switchable_norm.h in double precision. The gradients go backwards through it
// step by step, one adjoint for every statistic, not by the closed form of the kernels.
#pragma once

#include <algorithm>

#include "norms/switchable_norm.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

struct Switchable {
  Values y, moving_mean, moving_variance;
};

struct SwitchableGradients {
  Values dx, dgamma, dbeta, dmean_logits, dvariance_logits;
  double largest_rho = 0;
  double mean_terms = 0;  // the size of what is summed up in the logits' gradients
  double variance_terms = 0;
};

struct SwitchableStatistics {
  Values w, u;                        // softmax
  Values mean, variance;              // [N, C]
  Values m[3], v[3];                  // of each pair: its own, its sample's, its channel's
  Values mixed_mean, rho;             // [N, C]
  Values batch_mean, batch_variance;  // [C], of x
  double factor = 1;
};

inline Values SoftmaxOf(const float* logits, int count) {
  double largest = logits[0];
  for (int k = 0; k < count; ++k) largest = std::max(largest, double{logits[k]});
  Values w;
  double sum = 0;
  for (int k = 0; k < count; ++k) {
    w.push_back(std::exp(logits[k] - largest));
    sum += w.back();
  }
  for (double& value : w) value /= sum;
  return w;
}

inline SwitchableStatistics StatisticsOf(const SwitchableNorm& args) {
  const View& view = args.view;
  const int64_t rows = view.rows;
  const int64_t channels = view.channels;
  SwitchableStatistics s;
  s.w = SoftmaxOf(args.mean_logits, args.use_batch ? 3 : 2);
  s.u = SoftmaxOf(args.variance_logits, args.use_batch ? 3 : 2);
  const double positions = static_cast<double>(view.positions);
  if (args.unbiased_spatial_variance && positions > 1) s.factor = positions / (positions - 1);
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      const Statistic own = StatisticOf(view, args.x, n, 1, c, 1);
      s.mean.push_back(own.mean);
      s.variance.push_back(s.factor * own.variance);
    }
  }
  const auto merge = [&](int64_t first, int64_t stride, int64_t count) {
    Statistic set;
    for (int64_t i = 0; i < count; ++i) set.mean += s.mean[first + i * stride];
    set.mean /= static_cast<double>(count);
    double rest = 0;
    for (int64_t i = 0; i < count; ++i) rest += s.mean[first + i * stride] - set.mean;
    set.mean += rest / static_cast<double>(count);
    for (int64_t i = 0; i < count; ++i) {
      const double d = s.mean[first + i * stride] - set.mean;
      set.variance += (s.variance[first + i * stride] + d * d) / static_cast<double>(count);
    }
    return set;
  };
  for (int64_t c = 0; c < channels; ++c) {
    const Statistic batch = merge(c, channels, rows);
    s.batch_mean.push_back(batch.mean);
    s.batch_variance.push_back(batch.variance);
  }
  s.m[0] = s.mean;
  s.v[0] = s.variance;
  for (int64_t n = 0; n < rows; ++n) {
    const Statistic layer = merge(n * channels, 1, channels);
    for (int64_t c = 0; c < channels; ++c) {
      s.m[1].push_back(layer.mean);
      s.v[1].push_back(layer.variance);
      const bool given = args.use_batch && !args.training;
      s.m[2].push_back(given ? args.moving_mean[c] : s.batch_mean[c]);
      s.v[2].push_back(given ? args.moving_variance[c] : s.batch_variance[c]);
    }
  }
  for (size_t i = 0; i < s.mean.size(); ++i) {
    double mean = 0;
    double variance = 0;
    for (size_t k = 0; k < s.w.size(); ++k) {
      mean += s.w[k] * (s.m[k][i] - s.mean[i]);
      variance += s.u[k] * s.v[k][i];
    }
    s.mixed_mean.push_back(s.mean[i] + mean);
    s.rho.push_back(1 / std::sqrt(variance + args.epsilon));
  }
  return s;
}

inline Switchable Run(const SwitchableNormForward& args) {
  const SwitchableStatistics s = StatisticsOf(args);
  Switchable out;
  out.y.resize(args.view.size());
  ForEachElement(args.view, [&](int64_t i, int64_t pair, int64_t c) {
    out.y[i] =
        At(args.gamma, c, 1) * s.rho[pair] * (args.x[i] - s.mixed_mean[pair]) + At(args.beta, c, 0);
  });
  for (int64_t c = 0; args.use_batch && c < args.view.channels; ++c) {
    const double rate = args.training ? args.update_rate : 0;
    out.moving_mean.push_back(args.moving_mean[c] + rate * (s.batch_mean[c] - args.moving_mean[c]));
    out.moving_variance.push_back(args.moving_variance[c] +
                                  rate * (s.batch_variance[c] - args.moving_variance[c]));
  }
  return out;
}

inline SwitchableGradients Run(const SwitchableNormBackward& args) {
  const View& view = args.view;
  const int64_t channels = view.channels;
  const SwitchableStatistics s = StatisticsOf(args);
  const size_t pairs = s.mean.size();
  SwitchableGradients out;
  out.dx.resize(view.size());
  out.dgamma.assign(channels, 0);
  out.dbeta.assign(channels, 0);
  Values dmixed_mean(pairs), dmixed_variance(pairs);
  ForEachElement(view, [&](int64_t i, int64_t pair, int64_t c) {
    const double xhat = s.rho[pair] * (args.x[i] - s.mixed_mean[pair]);
    const double g = At(args.gamma, c, 1) * args.dy[i];
    dmixed_mean[pair] -= s.rho[pair] * g;
    dmixed_variance[pair] -= 0.5 * s.rho[pair] * s.rho[pair] * g * xhat;
    out.dgamma[c] += args.dy[i] * xhat;
    out.dbeta[c] += args.dy[i];
    out.largest_rho = std::max(out.largest_rho, s.rho[pair]);
  });

  Values dmean(pairs), dvariance(pairs), dw, du;
  for (size_t k = 0; k < s.w.size(); ++k) {
    // The pairs that share the statistic of pair i: itself, its sample's, its channel's.
    const auto set_of = [&](size_t i) { return k == 0 ? i : k == 1 ? i / channels : i % channels; };
    Values of_mean(pairs), of_variance(pairs), size(pairs);
    double sum_w = 0;
    double sum_u = 0;
    for (size_t i = 0; i < pairs; ++i) {
      of_mean[set_of(i)] += s.w[k] * dmixed_mean[i];
      of_variance[set_of(i)] += s.u[k] * dmixed_variance[i];
      size[set_of(i)] += 1;
      sum_w += dmixed_mean[i] * (s.m[k][i] - s.mean[i]);
      sum_u += dmixed_variance[i] * s.v[k][i];
      out.mean_terms += std::fabs(dmixed_mean[i] * (s.m[k][i] - s.mean[i]));
      out.variance_terms += std::fabs(dmixed_variance[i] * s.v[k][i]);
    }
    dw.push_back(sum_w);
    du.push_back(sum_u);
    if (k == 2 && !args.training) continue;
    for (size_t i = 0; i < pairs; ++i) {
      const size_t set = set_of(i);
      dmean[i] += of_mean[set] / size[set];
      dvariance[i] += of_variance[set] / size[set];
      dmean[i] += 2 * of_variance[set] * (s.mean[i] - s.m[k][i]) / size[set];
    }
  }
  const double positions = static_cast<double>(view.positions);
  ForEachElement(view, [&](int64_t i, int64_t pair, int64_t c) {
    out.dx[i] = s.rho[pair] * At(args.gamma, c, 1) * args.dy[i] + dmean[pair] / positions +
                2 * s.factor * dvariance[pair] * (args.x[i] - s.mean[pair]) / positions;
  });
  const auto through = [](const Values& weights, const Values& gradients) {
    double mean = 0;
    for (size_t k = 0; k < weights.size(); ++k) mean += weights[k] * gradients[k];
    Values out;
    for (size_t k = 0; k < weights.size(); ++k) out.push_back(weights[k] * (gradients[k] - mean));
    return out;
  };
  out.dmean_logits = through(s.w, dw);
  out.dvariance_logits = through(s.u, du);
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
