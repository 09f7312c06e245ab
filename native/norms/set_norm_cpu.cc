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

// mu_R, var_R, what x is divided by and rho of one set.
struct Set {
  double mean;
  double variance;
  double stddev;
  double rho;

  template <typename Args>
  Set(double mean_of, double variance_of, const Args& args)
      : mean(mean_of),
        variance(variance_of),
        stddev(args.mean_only ? 1 : std::sqrt(variance_of + args.epsilon)),
        rho(1 / stddev) {}
};

// `mean` and `variance` give those of a pair of the unit. Pairs have equal counts, so means of
// means.
template <typename Args, typename Mean, typename Variance>
Set Merge(const Unit& set, const Args& args, Mean mean, Variance variance) {
  if (set.pairs() == 1) {
    return {mean(set.row, set.channel), variance(set.row, set.channel), args};
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
  const double merged = first + rest * scale;
  double between = 0;
  for (int64_t r = set.row; r < set.row + set.rows; ++r) {
    for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
      const double d = mean(r, c) - merged;
      between += d * d;
    }
  }
  return {merged, (inner + between) * scale, args};
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
Map MapOf(const Args& args) {
  return args.gate ? Map::kGate : Map::kAffine;
}

// Of which nothing but beta is left.
template <typename Args>
bool OneValuePerSet(const Args& args) {
  return !args.gate && args.view.positions * args.rows_per_set * args.channels_per_set == 1;
}

void SetForward(const SetNormForward& args, const Unit& unit, ForwardStep& step) {
  const bool one_value = OneValuePerSet(args);
  ForEachSet(args, unit, [&](const Unit& set) {
    const Set of = Merge(
        set, args, [&](int64_t r, int64_t c) { return step.mean[unit.at(r, c)]; },
        [&](int64_t r, int64_t c) { return step.variance[unit.at(r, c)]; });
    const Correction correction =
        args.renorm.Correct(set.channel, args.view.channels, of.mean, of.stddev, args.epsilon);
    for (int64_t r = set.row; r < set.row + set.rows; ++r) {
      for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
        const int64_t pair = unit.at(r, c);
        const double gamma = At(args.gamma, c, 1);
        const double a = one_value ? 0 : gamma * (correction.r * of.rho);
        const double b = At(args.beta, c, 0) + gamma * correction.d;
        step.Set(pair, a, args.gate ? b : b + a * (step.mean[pair] - of.mean));
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
  // Of the set norm: gamma r with renorm.
  const auto gamma = [&](int64_t c) { return At(args.gamma, c, 1) * At(args.corrections, c, 1); };
  ForEachSet(args, unit, [&](const Unit& set) {
    const Set of = Merge(set, args, mean, variance);
    const double scale = 1.0 / static_cast<double>(args.view.positions * set.pairs());
    double sum_p = 0;
    double sum_q = 0;
    for (int64_t r = set.row; r < set.row + set.rows; ++r) {
      for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
        const int64_t pair = unit.at(r, c);
        const Correction correction = SavedCorrection(args.corrections, c, channels);
        const double g0 = step.sum_g[pair];
        // A gated numerator is not centered.
        const double d = args.gate ? 0 : mean(r, c) - of.mean;
        const double q = of.rho * (step.sum_gx[pair] + d * g0);
        if (args.gate) {
          step.more[0][c - unit.channel] += gamma(c) * of.rho * step.sum_gtheta[pair];
        } else {
          sum_p += gamma(c) * g0;
        }
        sum_q += gamma(c) * q;
        step.dgamma[c - unit.channel] += correction.r * q + correction.d * g0;
        step.dbeta[c - unit.channel] += g0;
      }
    }
    const double slope = one_value || args.mean_only ? 0 : -of.rho * of.rho * sum_q * scale;
    const double shift = one_value ? 0 : -of.rho * sum_p * scale;
    for (int64_t r = set.row; r < set.row + set.rows; ++r) {
      for (int64_t c = set.channel; c < set.channel + set.channels; ++c) {
        const double p = one_value ? 0 : gamma(c) * of.rho;
        step.Set(unit.at(r, c), p, slope, shift + slope * (mean(r, c) - of.mean));
      }
    }
  });
}

// Sets along the rows update the running statistics one after the other.
void UpdateRunning(const SetNormForward& args) {
  const int64_t channels = args.view.channels;
  const double count = static_cast<double>(args.view.positions * args.rows_per_set);
  const double scale = args.unbiased ? count / std::max(count - 1, 1.0) : 1;
  for (int64_t c = 0; c < channels; ++c) {
    RunningChannel moving(args.moving, c);
    RunningChannel renorm(args.renorm.running, c);
    if (args.view.positions > 0) {
      Unit set;
      set.rows = args.rows_per_set;
      set.channel = c;
      set.channels = 1;
      for (; set.row < args.view.rows; set.row += set.rows) {
        const Set of = Merge(
            set, args,
            [&](int64_t r, int64_t) {
              const int64_t pair = r * channels + c;
              return static_cast<double>(args.moments.hi[pair]) + args.moments.lo[pair];
            },
            [&](int64_t r, int64_t) {
              return static_cast<double>(args.moments.variance[r * channels + c]);
            });
        const double spread = args.renorm.clipping ? of.stddev : of.variance * scale;
        moving.Follow(of.mean, spread);
        renorm.Follow(of.mean, spread);
      }
    }
    moving.Write();
    renorm.Write();
  }
}

}  // namespace

size_t WorkspaceBytes(const SetNormForward& args) {
  return ForwardWorkspaceBytes(args.view, CouplingOf(args), MapOf(args));
}

size_t WorkspaceBytes(const SetNormBackward& args) {
  return BackwardWorkspaceBytes(args.view, CouplingOf(args), MapOf(args));
}

Status Run(const SetNormForward& args, void* workspace) {
  RunForward(
      args.view, CouplingOf(args), args.x, args.moments, args.y,
      [&args](const Unit& unit, ForwardStep& step) { SetForward(args, unit, step); }, workspace,
      nullptr, args.gate);
  if (args.view.size() == 0 && args.renorm.clipping) {
    std::fill_n(args.renorm.corrections, 2 * args.view.channels, 0.0f);
  }
  if (args.tracks()) UpdateRunning(args);
  return Ok();
}

Status Run(const SetNormBackward& args, void* workspace) {
  RunBackward(
      args.view, CouplingOf(args), args.dy, args.x, args.moments, args.dx,
      {args.dgamma, args.dbeta, {{args.dgate}}},
      [&args](const Unit& unit, BackwardStep& step) { SetBackward(args, unit, step); }, workspace,
      nullptr, args.gate);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
