// The definitions of set_norm.h and row_norm.h, word for word in double precision: the oracle of
// the native tests. Everything is recomputed from the inputs; saved statistics are not read.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "norms/row_norm.h"
#include "norms/set_norm.h"

namespace tfjs_norm {
namespace reference {

using Values = std::vector<double>;

struct SetForward {
  Values y;
  Values mean, variance;  // [R, C]: of a pair's own positions, not of its set
  // [C], empty unless asked for; of moving and of renorm.running
  Values moving_mean, moving_spread, renorm_mean, renorm_spread;
  Values corrections;  // [2, C]
};

struct RowForward {
  Values y;
  Values mean;      // [rows], zero for rms
  Values variance;  // [rows], the mean square for rms
};

struct Backward {
  Values dx, dgamma, dbeta;
  Values dmean, dvariance;  // channel affine only
};

inline double At(const float* values, int64_t index, double otherwise) {
  return values ? static_cast<double>(values[index]) : otherwise;
}

inline int64_t Offset(const View& view, int64_t row, int64_t position, int64_t channel) {
  return view.channels_last ? (row * view.positions + position) * view.channels + channel
                            : (row * view.channels + channel) * view.positions + position;
}

// Calls f(offset, pair, channel) for every element.
template <typename F>
void ForEachElement(const View& view, F f) {
  for (int64_t n = 0; n < view.rows; ++n) {
    for (int64_t p = 0; p < view.positions; ++p) {
      for (int64_t c = 0; c < view.channels; ++c) {
        f(Offset(view, n, p, c), n * view.channels + c, c);
      }
    }
  }
}

// Mean and biased variance over `rows` x all positions x `channels` starting at the given ones.
struct Statistic {
  double count = 0;
  double mean = 0;
  double variance = 0;
};

inline Statistic StatisticOf(const View& view, const float* x, int64_t first_row, int64_t rows,
                             int64_t first_channel, int64_t channels) {
  Statistic result;
  result.count = static_cast<double>(rows * channels * view.positions);
  if (result.count == 0) return result;
  const auto sum = [&](double center, int power) {
    double total = 0;
    for (int64_t r = first_row; r < first_row + rows; ++r) {
      for (int64_t s = 0; s < view.positions; ++s) {
        for (int64_t c = first_channel; c < first_channel + channels; ++c) {
          const double d = x[Offset(view, r, s, c)] - center;
          total += power == 1 ? d : d * d;
        }
      }
    }
    return total;
  };
  result.mean = sum(0, 1) / result.count;
  result.mean += sum(result.mean, 1) / result.count;
  result.variance = sum(result.mean, 2) / result.count;
  return result;
}

// Calls f(statistic, first_row, first_channel) for every set, sets along the rows in order.
template <typename Args, typename F>
void ForEachSet(const Args& args, F f) {
  for (int64_t r = 0; r < args.view.rows; r += args.rows_per_set) {
    for (int64_t c = 0; c < args.view.channels; c += args.channels_per_set) {
      f(StatisticOf(args.view, args.x, r, args.rows_per_set, c, args.channels_per_set), r, c);
    }
  }
}

// Calls f(offset, row, channel) for every element of a set.
template <typename Args, typename F>
void ForEachOfSet(const Args& args, int64_t first_row, int64_t first_channel, F f) {
  for (int64_t r = first_row; r < first_row + args.rows_per_set; ++r) {
    for (int64_t s = 0; s < args.view.positions; ++s) {
      for (int64_t c = first_channel; c < first_channel + args.channels_per_set; ++c) {
        f(Offset(args.view, r, s, c), r, c);
      }
    }
  }
}

inline SetForward Run(const SetNormForward& args) {
  const View& view = args.view;
  SetForward out;
  out.y.resize(view.size());
  for (int64_t r = 0; r < view.rows; ++r) {
    for (int64_t c = 0; c < view.channels; ++c) {
      const Statistic pair = StatisticOf(view, args.x, r, 1, c, 1);
      out.mean.push_back(pair.mean);
      out.variance.push_back(pair.variance);
    }
  }
  const int64_t channels = view.channels;
  const auto start = [&](const Running& running, Values* mean, Values* spread) {
    if (!running.wanted()) return;
    mean->assign(running.mean, running.mean + channels);
    spread->assign(running.spread, running.spread + channels);
  };
  start(args.moving, &out.moving_mean, &out.moving_spread);
  start(args.renorm.running, &out.renorm_mean, &out.renorm_spread);
  const float* clipping = args.renorm.clipping;
  if (clipping) out.corrections.assign(2 * channels, 0);
  ForEachSet(args, [&](const Statistic& set, int64_t first_row, int64_t first_channel) {
    const double stddev = args.mean_only ? 1 : std::sqrt(set.variance + args.epsilon);
    double r = 1;
    double d = 0;
    if (clipping && set.count > 0) {
      const double scale =
          std::max<double>(args.renorm.running.spread[first_channel], std::sqrt(args.epsilon));
      r = std::min<double>(std::max<double>(stddev / scale, clipping[1]), clipping[0]);
      d = (set.mean - args.renorm.running.mean[first_channel]) / scale;
      d = std::min<double>(std::max<double>(d, -clipping[2]), clipping[2]);
      out.corrections[first_channel] = r;
      out.corrections[channels + first_channel] = d;
    }
    ForEachOfSet(args, first_row, first_channel, [&](int64_t i, int64_t, int64_t c) {
      const double corrected = r * (args.x[i] - set.mean) / stddev + d;
      out.y[i] = At(args.gamma, c, 1) * corrected + At(args.beta, c, 0);
    });
    const double unbiased = set.count / (set.count > 1 ? set.count - 1 : 1);
    const double spread = clipping ? stddev : set.variance * (args.unbiased ? unbiased : 1);
    const auto follow = [&](const Running& running, Values& mean_of, Values& spread_of) {
      if (!running.wanted() || set.count == 0) return;
      mean_of[first_channel] += running.update_rate * (set.mean - mean_of[first_channel]);
      spread_of[first_channel] += running.update_rate * (spread - spread_of[first_channel]);
    };
    follow(args.moving, out.moving_mean, out.moving_spread);
    follow(args.renorm.running, out.renorm_mean, out.renorm_spread);
  });
  return out;
}

inline Backward Run(const SetNormBackward& args) {
  Backward out;
  out.dx.resize(args.view.size());
  out.dgamma.assign(args.view.channels, 0);
  out.dbeta.assign(args.view.channels, 0);
  const auto r = [&](int64_t c) { return At(args.corrections, c, 1); };
  const auto d = [&](int64_t c) { return At(args.corrections, args.view.channels + c, 0); };
  ForEachSet(args, [&](const Statistic& set, int64_t first_row, int64_t first_channel) {
    const double rho = args.mean_only ? 1 : 1 / std::sqrt(set.variance + args.epsilon);
    double sum_g = 0;
    double sum_gx = 0;
    const auto gh = [&](int64_t i, int64_t c) { return At(args.gamma, c, 1) * r(c) * args.dy[i]; };
    ForEachOfSet(args, first_row, first_channel, [&](int64_t i, int64_t, int64_t c) {
      const double xhat = rho * (args.x[i] - set.mean);
      sum_g += gh(i, c);
      sum_gx += gh(i, c) * xhat;
      out.dgamma[c] += args.dy[i] * (r(c) * xhat + d(c));
      out.dbeta[c] += args.dy[i];
    });
    ForEachOfSet(args, first_row, first_channel, [&](int64_t i, int64_t, int64_t c) {
      const double xhat = rho * (args.x[i] - set.mean);
      const double along = args.mean_only ? 0 : xhat * sum_gx / set.count;
      out.dx[i] = rho * (gh(i, c) - sum_g / set.count - along);
    });
  });
  return out;
}

inline Values Run(const ChannelAffineForward& args) {
  Values y(args.view.size());
  for (int64_t r = 0; r < args.view.rows; ++r) {
    for (int64_t s = 0; s < args.view.positions; ++s) {
      for (int64_t c = 0; c < args.view.channels; ++c) {
        const int64_t i = Offset(args.view, r, s, c);
        const double rho = 1 / std::sqrt(args.variance[c] + args.epsilon);
        y[i] = At(args.gamma, c, 1) * rho * (static_cast<double>(args.x[i]) - args.mean[c]) +
               At(args.beta, c, 0);
      }
    }
  }
  return y;
}

inline Backward Run(const ChannelAffineBackward& args) {
  const int64_t channels = args.view.channels;
  Backward out;
  out.dx.resize(args.view.size());
  out.dgamma.assign(channels, 0);
  out.dbeta.assign(channels, 0);
  for (int64_t r = 0; r < args.view.rows; ++r) {
    for (int64_t s = 0; s < args.view.positions; ++s) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t i = Offset(args.view, r, s, c);
        const double rho = 1 / std::sqrt(args.variance[c] + args.epsilon);
        out.dx[i] = At(args.gamma, c, 1) * rho * args.dy[i];
        out.dgamma[c] += args.dy[i] * rho * (static_cast<double>(args.x[i]) - args.mean[c]);
        out.dbeta[c] += args.dy[i];
      }
    }
  }
  for (int64_t c = 0; c < channels; ++c) {
    const double gamma = At(args.gamma, c, 1);
    const double rho = 1 / std::sqrt(args.variance[c] + args.epsilon);
    out.dmean.push_back(-gamma * rho * out.dbeta[c]);
    out.dvariance.push_back(-0.5 * rho * rho * gamma * out.dgamma[c]);
  }
  return out;
}

// What y and dx need of one row: xhat = rho * (x - mean), and the size k of the statistic.
struct RowStatistics {
  int64_t k = 0;
  double mean = 0;
  double variance = 0;  // mean square for rms
  double rho = 0;
  double slope = 0;  // rms: f of row_norm.h
};

template <typename Args>
RowStatistics StatisticsOfRow(const Args& args, int64_t row) {
  const float* x = args.x + row * args.columns;
  RowStatistics out;
  if (args.statistic == RowStatistic::kLayer) {
    out.k = args.columns;
    const View view{1, args.columns, 1, true};
    const Statistic statistic = StatisticOf(view, x, 0, 1, 0, 1);
    out.mean = statistic.mean;
    out.variance = statistic.variance;
    out.rho = 1 / std::sqrt(out.variance + args.epsilon);
    out.slope = out.rho * out.rho;
    return out;
  }
  out.k = args.partial ? args.partial : args.columns;
  for (int64_t c = 0; c < out.k; ++c) out.variance += static_cast<double>(x[c]) * x[c];
  out.variance /= static_cast<double>(out.k);
  const double root = std::sqrt(out.variance);
  out.rho =
      args.epsilon_inside ? 1 / std::sqrt(out.variance + args.epsilon) : 1 / (root + args.epsilon);
  out.slope = args.epsilon_inside ? out.rho * out.rho : (root > 0 ? out.rho / root : 0);
  return out;
}

inline RowForward Run(const RowNormForward& args) {
  RowForward out;
  out.y.resize(args.rows * args.columns);
  for (int64_t r = 0; r < args.rows; ++r) {
    const RowStatistics row = StatisticsOfRow(args, r);
    out.mean.push_back(row.mean);
    out.variance.push_back(row.variance);
    for (int64_t c = 0; c < args.columns; ++c) {
      const int64_t i = r * args.columns + c;
      out.y[i] = At(args.gamma, c, 1) * row.rho * (args.x[i] - row.mean) + At(args.beta, c, 0);
    }
  }
  return out;
}

inline Backward Run(const RowNormBackward& args) {
  Backward out;
  out.dx.resize(args.rows * args.columns);
  out.dgamma.assign(args.columns, 0);
  out.dbeta.assign(args.columns, 0);
  const bool layer = args.statistic == RowStatistic::kLayer;
  for (int64_t r = 0; r < args.rows; ++r) {
    const RowStatistics row = StatisticsOfRow(args, r);
    const double count = static_cast<double>(row.k);
    double sum_g = 0;
    double sum_gx = 0;
    for (int64_t c = 0; c < args.columns; ++c) {
      const int64_t i = r * args.columns + c;
      const double xc = args.x[i] - row.mean;
      const double g = At(args.gamma, c, 1) * args.dy[i];
      sum_g += g;
      sum_gx += g * xc;
      out.dgamma[c] += args.dy[i] * row.rho * xc;
      out.dbeta[c] += args.dy[i];
    }
    for (int64_t c = 0; c < args.columns; ++c) {
      const int64_t i = r * args.columns + c;
      const double xc = args.x[i] - row.mean;
      const double g = At(args.gamma, c, 1) * args.dy[i];
      const double from_mean = layer ? sum_g / count : 0;
      const double from_scale = c < row.k ? xc * row.slope * sum_gx / count : 0;
      out.dx[i] = row.rho * (g - from_mean - from_scale);
    }
  }
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
