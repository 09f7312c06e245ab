// Host kernels at the edges (one value per statistic, zero variance, NaN, infinity, huge values,
// nothing at all), and the promise of the same bits for any number of threads and from several
// callers at once.
#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "core/thread_pool.h"
#include "test/host_attentive_cases.h"

namespace tfjs_norm::test {
namespace {

void CheckEdges() {
  // One value per statistic: y = beta and dx = 0, exactly.
  for (const bool last : {true, false}) {
    SetCase c;
    c.view = MakeView(5, 1, 19, last);
    SetRun run(c);
    run.Go();
    for (int64_t i = 0; i < run.y.size(); ++i) {
      EXPECT(TheChecks(), run.y[i] == run.beta[i % 19]);
      EXPECT(TheChecks(), run.dx[i] == 0);
    }
  }
  RowCase one;
  one.rows = 33;
  RowRun column(one);
  column.Go();
  for (int64_t i = 0; i < 33; ++i) {
    EXPECT(TheChecks(), column.y[i] == column.beta[0]);
    EXPECT(TheChecks(), column.dx[i] == 0);
  }
  // Zero variance: x - mean is exactly 0.
  for (const int64_t positions : {7, 999}) {
    SetCase c;
    c.view = MakeView(2, positions, 24, true);
    c.channels_per_set = 6;
    c.data = kData[2];
    SetRun run(c);
    run.Go();
    for (int64_t i = 0; i < run.y.size(); ++i) EXPECT(TheChecks(), run.y[i] == run.beta[i % 24]);
  }
  RowCase flat;
  flat.rows = 5;
  flat.columns = 1001;
  flat.data = kData[2];
  RowRun level(flat);
  level.Go();
  for (int64_t i = 0; i < level.y.size(); ++i)
    EXPECT(TheChecks(), level.y[i] == level.beta[i % 1001]);
  // NaN and infinity stay in their own statistic.
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    SetCase c;
    c.view = MakeView(3, 50, 16, true);
    c.channels_per_set = 4;
    SetRun run(c);
    run.x[(1 * 50 + 7) * 16 + 5] = bad;  // row 1, channels 4..7
    run.Go();
    for (int64_t i = 0; i < run.y.size(); ++i) {
      const bool touched = i / (50 * 16) == 1 && i % 16 / 4 == 1;
      EXPECT(TheChecks(), std::isfinite(run.y[i]) != touched);
      EXPECT(TheChecks(), std::isfinite(run.dx[i]) != touched);
    }
    RowCase r;
    r.rows = 9;
    r.columns = 40;
    RowRun rows(r);
    rows.x[4 * 40 + 3] = bad;
    rows.Go();
    for (int64_t i = 0; i < rows.y.size(); ++i)
      EXPECT(TheChecks(), std::isfinite(rows.y[i]) != (i / 40 == 4));
  }
  // Squares that float32 cannot hold.
  SetCase huge;
  huge.view = MakeView(2, 60, 8, true);
  huge.data = {"1e30", 0, 1e30};
  SetRun giant(huge);
  RunOn(giant.forward);
  ExpectNear(giant.y, reference::Run(giant.forward).y, "set 1e30 y");
  for (const RowStatistic statistic : {RowStatistic::kLayer, RowStatistic::kRms}) {
    RowCase r;
    r.statistic = statistic;
    r.rows = 4;
    r.columns = 100;
    r.data = huge.data;
    RowRun rows(r);
    RunOn(rows.forward);
    ExpectNear(rows.y, reference::Run(rows.forward).y, "row 1e30 y");
  }
  // Nothing at all.
  for (const View& view :
       {MakeView(0, 4, 3, true), MakeView(2, 0, 3, true), MakeView(2, 4, 0, false)}) {
    SetCase c;
    c.view = view;
    c.rows_per_set = view.rows;
    c.moving = true;
    SetRun run(c);
    run.Go();
    ExpectSame(run.new_mean, run.old_mean, "moving mean of nothing");
    ExpectSame(run.new_variance, run.old_variance, "moving variance of nothing");
    for (int64_t i = 0; i < view.channels; ++i) {
      EXPECT(TheChecks(), run.dgamma[i] == 0 && run.dbeta[i] == 0);
    }
  }
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{0, 5}, {5, 0}}) {
    RowCase r;
    r.rows = rows;
    r.columns = columns;
    RowRun run(r);
    run.Go();
    for (int64_t c = 0; c < columns; ++c) {
      EXPECT(TheChecks(), run.dgamma[c] == 0 && run.dbeta[c] == 0);
    }
  }
}

template <typename Run>
void ExpectEqual(const Run& run, const Run& first, const std::string& what) {
  ExpectSame(run.y, first.y, what + ": y");
  ExpectSame(run.dx, first.dx, what + ": dx");
  ExpectSame(run.dgamma, first.dgamma, what + ": dgamma");
  ExpectSame(run.dbeta, first.dbeta, what + ": dbeta");
}

template <typename Run, typename Case>
Run* Made(const Case& c) {
  RandomBits().seed(11);
  return new Run(c);
}

// Runs `run` without the harness, which is not for several threads.
template <typename Run>
void RunQuietly(Run* run) {
  const auto go = [](const auto& args) {
    std::vector<double> workspace(host::WorkspaceBytes(args) / sizeof(double) + 32);
    void* aligned = workspace.data();
    size_t space = workspace.size() * sizeof(double);
    std::align(256, 0, aligned, space);
    return host::Run(args, aligned).ok();
  };
  if (!go(run->forward) || !go(run->backward)) std::abort();
}

template <typename Run, typename Case>
void CheckSameBits(const Case& c) {
  const std::unique_ptr<Run> first(Made<Run>(c));
  first->Go();
  for (const int threads : {1, 2, 3, 0}) {
    host::LimitThreads(threads);
    const std::unique_ptr<Run> run(Made<Run>(c));
    run->Go();
    ExpectEqual(*run, *first, c.name() + " with thread limit " + std::to_string(threads));
  }
  std::vector<std::unique_ptr<Run>> runs;
  for (int i = 0; i < 4; ++i) runs.emplace_back(Made<Run>(c));
  std::vector<std::thread> callers;
  for (auto& run : runs) {
    callers.emplace_back([&run] {
      for (int i = 0; i < 5; ++i) RunQuietly(run.get());
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& run : runs) ExpectEqual(*run, *first, c.name() + " among concurrent callers");
}

void CheckThreads() {
  for (const auto& [rows, rows_per_set, group] :
       {std::array<int64_t, 3>{5, 1, 8}, {1, 1, 1}, {6, 6, 1}, {7, 1, 64}}) {
    for (const bool last : {true, false}) {
      SetCase c;
      c.view = MakeView(rows, 2100, 64, last);
      c.rows_per_set = rows_per_set;
      c.channels_per_set = group;
      CheckSameBits<SetRun>(c);
    }
  }
  for (const auto& [rows, columns] :
       {std::pair<int64_t, int64_t>{4000, 64}, {60, 5000}, {3, 70000}}) {
    RowCase c;
    c.rows = rows;
    c.columns = columns;
    CheckSameBits<RowRun>(c);
  }
  for (const AttentiveCase& c : AttentiveCases()) CheckSameBits<AttentiveRun>(c);
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  tfjs_norm::test::CheckEdges();
  tfjs_norm::test::CheckThreads();
  return tfjs_norm::test::TheChecks().Finish();
}
