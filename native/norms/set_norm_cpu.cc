// Host set normalizers: the coefficients of set_norm.h on the host pipeline.
#include <algorithm>
#include <cmath>

#include "core/host_pipeline.h"
#include "core/workspace.h"
#include "norms/set_norm.h"

namespace tfjs_norm {
namespace host {
namespace {

double At(const float* values, int64_t index, double otherwise) {
  return values ? static_cast<double>(values[index]) : otherwise;
}

// mu_R, var_R and rho of one set.
struct Set {
  double mean;
  double variance;
  double rho;
};

// `mean` and `variance` give those of a pair of the unit. Pairs have equal counts, so means of
// means.
template <typename Mean, typename Variance>
Set Merge(const Unit& set, double epsilon, Mean mean, Variance variance) {
  if (set.pairs() == 1) {
    const double own = variance(set.row, set.channel);
    return {mean(set.row, set.channel), own, 1 / std::sqrt(own + epsilon)};
  }
  const double scale = 1.0 / static_cast<double>(set.pairs());
  // Relative to the first mean: a set of equal means has exactly that mean.
  const double first = mean(set.row, set.channel);
  double rest = 0;
  double inner = 0;
  for (int64_t r = set.row; r < set.row + set.rows; ++r) {
    for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
      rest += mean(r, c) - first;
      inner += variance(r, c);
    }
  }
  Set out;
  out.mean = first + rest * scale;
  double between = 0;
  for (int64_t r = set.row; r < set.row + set.rows; ++r) {
    for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
      const double d = mean(r, c) - out.mean;
      between += d * d;
    }
  }
  out.variance = (inner + between) * scale;
  out.rho = 1 / std::sqrt(out.variance + epsilon);
  return out;
}

// Calls f(set) for every set of the unit, each as a Unit of its own.
template <typename Args, typename F>
void ForEachSet(const Args& args, const Unit& unit, F f) {
  Unit set;
  set.rows = args.rows_per_set;
  set.channels = args.channels_per_set;
  for (set.row = unit.row; set.row < unit.row + unit.rows; set.row += set.rows) {
    for (set.channel = unit.channel; set.channel < unit.channel + unit.channels;
         set.channel += set.channels) {
      f(set);
    }
  }
}

template <typename Args>
Coupling CouplingOf(const Args& args) {
  return {args.rows_per_set, args.channels_per_set};
}

template <typename Args>
bool OneValuePerSet(const Args& args) {
  return args.view.positions * args.rows_per_set * args.channels_per_set == 1;
}

void SetForward(const SetNormForward& args, const Unit& unit, ForwardStep& step) {
  const bool one_value = OneValuePerSet(args);
  ForEachSet(args, unit, [&](const Unit& set) {
    const Set of = Merge(
        set, args.epsilon, [&](int64_t r, int64_t c) { return step.mean[unit.at(r, c)]; },
        [&](int64_t r, int64_t c) { return step.variance[unit.at(r, c)]; });
    for (int64_t r = set.row; r < set.row + set.rows; ++r) {
      for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
        const int64_t pair = unit.at(r, c);
        const double a = one_value ? 0 : At(args.gamma, c, 1) * of.rho;
        step.Set(pair, a, At(args.beta, c, 0) + a * (step.mean[pair] - of.mean));
      }
    }
  });
}

void SetBackward(const SetNormBackward& args, const Unit& unit, BackwardStep& step) {
  const bool one_value = OneValuePerSet(args);
  const int64_t channels = args.view.channels;
  const auto mean = [&](int64_t r, int64_t c) {
    const int64_t pair = r * channels + c;
    return static_cast<double>(args.moments.hi[pair]) + args.moments.lo[pair];
  };
  const auto variance = [&](int64_t r, int64_t c) {
    return static_cast<double>(args.moments.variance[r * channels + c]);
  };
  ForEachSet(args, unit, [&](const Unit& set) {
    const Set of = Merge(set, args.epsilon, mean, variance);
    const double scale = 1.0 / static_cast<double>(args.view.positions * set.pairs());
    double sum_p = 0;
    double sum_q = 0;
    for (int64_t r = set.row; r < set.row + set.rows; ++r) {
      for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
        const int64_t pair = unit.at(r, c);
        const double g0 = step.sum_g[pair];
        const double q = of.rho * (step.sum_gx[pair] + (mean(r, c) - of.mean) * g0);
        sum_p += At(args.gamma, c, 1) * g0;
        sum_q += At(args.gamma, c, 1) * q;
        step.dgamma[c - unit.channel] += q;
        step.dbeta[c - unit.channel] += g0;
      }
    }
    const double slope = one_value ? 0 : -of.rho * of.rho * sum_q * scale;
    const double shift = one_value ? 0 : -of.rho * sum_p * scale;
    for (int64_t r = set.row; r < set.row + set.rows; ++r) {
      for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
        const double p = one_value ? 0 : At(args.gamma, c, 1) * of.rho;
        step.Set(unit.at(r, c), p, slope, shift + slope * (mean(r, c) - of.mean));
      }
    }
  });
}

// Sets along the rows update the running statistics one after the other.
void UpdateMoving(const SetNormForward& args) {
  const int64_t channels = args.view.channels;
  const double count = static_cast<double>(args.view.positions * args.rows_per_set);
  const double scale = args.unbiased ? count / std::max(count - 1, 1.0) : 1;
  for (int64_t c = 0; c < channels; ++c) {
    double mean = args.moving_mean[c];
    double variance = args.moving_variance[c];
    if (args.view.positions > 0) {
      Unit set;
      set.rows = args.rows_per_set;
      set.channel = c;
      set.channels = 1;
      for (; set.row < args.view.rows; set.row += set.rows) {
        const Set of = Merge(
            set, args.epsilon,
            [&](int64_t r, int64_t) {
              const int64_t pair = r * channels + c;
              return static_cast<double>(args.moments.hi[pair]) + args.moments.lo[pair];
            },
            [&](int64_t r, int64_t) {
              return static_cast<double>(args.moments.variance[r * channels + c]);
            });
        mean += args.update_rate * (of.mean - mean);
        variance += args.update_rate * (of.variance * scale - variance);
      }
    }
    args.new_moving_mean[c] = static_cast<float>(mean);
    args.new_moving_variance[c] = static_cast<float>(variance);
  }
}

}  // namespace

size_t WorkspaceBytes(const SetNormForward& args) {
  return ForwardWorkspaceBytes(args.view, CouplingOf(args));
}

size_t WorkspaceBytes(const SetNormBackward& args) {
  return BackwardWorkspaceBytes(args.view, CouplingOf(args));
}

Status Run(const SetNormForward& args, void* workspace) {
  RunForward(
      args.view, CouplingOf(args), args.x, args.moments, args.y,
      [&args](const Unit& unit, ForwardStep& step) { SetForward(args, unit, step); }, workspace);
  if (args.new_moving_mean) UpdateMoving(args);
  return Ok();
}

Status Run(const SetNormBackward& args, void* workspace) {
  RunBackward(
      args.view, CouplingOf(args), args.dy, args.x, args.moments, args.dx,
      {args.dgamma, args.dbeta},
      [&args](const Unit& unit, BackwardStep& step) { SetBackward(args, unit, step); }, workspace);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
