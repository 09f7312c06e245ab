// Cases of row_norm.h for kernel_check.
#pragma once

#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct RowCase {
  RowStatistic statistic = RowStatistic::kLayer;
  int64_t rows = 1;
  int64_t columns = 1;
  Data data = Data::kNormal;
  bool gamma = true;
  bool beta = true;
  bool epsilon_inside = true;
  int64_t partial = 0;
  double epsilon = 1e-3;
  int shift = 0;

  std::string Op() const { return statistic == RowStatistic::kLayer ? "LayerNorm" : "RmsNorm"; }
  std::string Name() const {
    char text[160];
    std::snprintf(text, sizeof text,
                  "%s [%lld, %lld], data %d, gamma %d, beta %d, inside %d, partial %lld, shift %d",
                  Op().c_str(), static_cast<long long>(rows), static_cast<long long>(columns),
                  static_cast<int>(data), gamma, beta, epsilon_inside,
                  static_cast<long long>(partial), shift);
    return text;
  }
};

template <class Args>
Args RowArgs(const RowCase& c) {
  Args args;
  args.statistic = c.statistic;
  args.rows = c.rows;
  args.columns = c.columns;
  args.epsilon = c.epsilon;
  args.epsilon_inside = c.epsilon_inside;
  args.partial = c.partial;
  return args;
}

inline void CheckRowNorm(Results& results, Device device, const RowCase& c, Random& random) {
  results.Case(c.Name());
  const int64_t size = c.rows * c.columns;
  const bool layer = c.statistic == RowStatistic::kLayer;
  const Floats x = random.Of(c.data, size);
  const Floats dy = random.Normal(size, 0.1, 1);
  const Floats gamma = random.Normal(c.columns, 1, 0.5);
  const Floats beta = random.Normal(c.columns, 0, 0.5);
  const int64_t saved_count = (layer ? 3 : 1) * c.rows;

  const auto run_forward = [&] {
    Memory memory(device);
    auto args = RowArgs<RowNormForward>(c);
    args.x = memory.Put(x, c.shift);
    args.y = memory.Poisoned(size, c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.beta = memory.PutIf(c.beta, beta);
    args.statistics = memory.Poisoned(saved_count);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, size), memory.Get(args.statistics, saved_count)};
  };
  const std::vector<Floats> got = RunTwice(results, c.Op(), run_forward);
  auto forward = RowArgs<RowNormForward>(c);
  forward.x = x.data();
  forward.gamma = c.gamma ? gamma.data() : nullptr;
  forward.beta = c.beta ? beta.data() : nullptr;
  const reference::RowForward want = reference::Run(forward);
  results.Close(c.Op(), "y", got[0], want.y);
  results.Close(c.Op(), layer ? "variance" : "mean_square",
                Floats(got[1].begin() + (layer ? 2 * c.rows : 0), got[1].end()), want.variance);
  if (layer) {
    Floats mean_error(c.rows);
    for (int64_t i = 0; i < c.rows; ++i) {
      const double saved = static_cast<double>(got[1][i]) + got[1][c.rows + i];
      mean_error[i] =
          static_cast<float>((saved - want.mean[i]) / std::sqrt(want.variance[i] + c.epsilon));
    }
    results.Close(c.Op(), "mean", mean_error, reference::Values(c.rows, 0.0));
  }
  if (layer && (c.columns == 1 || c.data == Data::kConstant)) {
    bool exact = true;
    for (int64_t i = 0; i < size; ++i) exact &= got[0][i] == (c.beta ? beta[i % c.columns] : 0.0f);
    results.That(exact, "LayerNorm y exactly beta");
  }

  const auto run_backward = [&] {
    Memory memory(device);
    auto args = RowArgs<RowNormBackward>(c);
    args.x = memory.Put(x, c.shift);
    args.dy = memory.Put(dy, c.shift);
    args.dx = memory.Poisoned(size, c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.statistics = memory.Put(got[1]);
    args.dgamma = c.gamma ? memory.Poisoned(c.columns) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(c.columns) : nullptr;
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, size), memory.Get(args.dgamma, c.columns),
                               memory.Get(args.dbeta, c.columns)};
  };
  const std::vector<Floats> gradients = RunTwice(results, c.Op() + "Grad", run_backward);
  auto backward = RowArgs<RowNormBackward>(c);
  backward.x = x.data();
  backward.dy = dy.data();
  backward.gamma = forward.gamma;
  const reference::Backward want_gradients = reference::Run(backward);
  double rho = 0;
  for (int64_t row = 0; row < c.rows; ++row) {
    rho = std::max(rho, reference::StatisticsOfRow(backward, row).rho);
  }
  results.Close(c.Op() + "Grad", "dx", gradients[0], want_gradients.dx,
                rho * LargestProduct(dy, backward.gamma, c.columns));
  if (c.gamma) results.Close(c.Op() + "Grad", "dgamma", gradients[1], want_gradients.dgamma);
  if (c.beta) results.Close(c.Op() + "Grad", "dbeta", gradients[2], want_gradients.dbeta);
  if (layer && c.columns == 1) {
    const bool zero =
        std::all_of(gradients[0].begin(), gradients[0].end(), [](float v) { return v == 0; });
    results.That(zero, "LayerNormGrad dx exactly 0");
  }

  if (size == 0) return;
  Floats broken = x;
  const int64_t row = random.Int(0, c.rows - 1);
  broken[row * c.columns + random.Int(0, (c.partial ? c.partial : c.columns) - 1)] = NAN;
  Memory memory(device);
  auto args = RowArgs<RowNormForward>(c);
  args.x = memory.Put(broken);
  args.y = memory.Poisoned(size);
  args.statistics = memory.Poisoned(saved_count);
  results.Succeeded(RunOn(device, args, memory));
  const Floats y = memory.Get(args.y, size);
  bool contained = true;
  for (int64_t i = 0; i < size; ++i) contained &= std::isnan(y[i]) == (i / c.columns == row);
  results.That(contained || (layer && c.columns == 1), c.Op() + " a NaN in exactly its own row");
}

}  // namespace tfjs_norm::test
