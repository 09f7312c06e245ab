// Host kernels against the double-precision reference, on every instruction set this machine runs:
// random shapes, both layouts, unaligned arrays, and shapes for each way through the grid.
#include <vector>

#include "test/host_attentive_cases.h"
#include "test/host_cases.h"
#include "test/host_clip_cases.h"
#include "test/host_element_cases.h"
#include "test/host_equi_cases.h"
#include "test/host_fixup_cases.h"
#include "test/host_hamming_cases.h"
#include "test/host_product_cases.h"
#include "test/host_stochastic_cases.h"
#include "test/host_weight_cases.h"

namespace tfjs_norm::test {
namespace {

void CheckSet(const SetCase& c) {
  SetRun run(c);
  run.Go();
  const std::string name = c.name();
  const reference::SetForward forward = reference::Run(run.forward);
  ExpectNear(run.y, forward.y, name + " y");
  const int64_t pairs = c.view.pairs();
  Array mean(pairs), variance(pairs);
  for (int64_t i = 0; i < pairs; ++i) {
    mean[i] = run.moments[i];
    variance[i] = run.moments[2 * pairs + i];
  }
  ExpectNear(mean, forward.mean, name + " mean");
  ExpectNear(variance, forward.variance, name + " variance");
  if (c.moving) {
    ExpectNear(run.new_mean, forward.moving_mean, name + " moving mean");
    ExpectNear(run.new_variance, forward.moving_spread, name + " moving variance");
  }
  const reference::Backward backward = reference::Run(run.backward);
  ExpectNear(run.dx, backward.dx, name + " dx");
  ExpectNear(run.dgamma, backward.dgamma, name + " dgamma");
  ExpectNear(run.dbeta, backward.dbeta, name + " dbeta");
}

void CheckAffine(const View& view, const Data& data, bool with_gamma, bool gradients) {
  const std::string name = "affine [" + std::to_string(view.rows) + "," +
                           std::to_string(view.positions) + "," + std::to_string(view.channels) +
                           "] " + (view.channels_last ? "last " : "first ") + data.name + " on " +
                           host::Simd().name;
  const Array x = Random(view.size(), data.mean, data.deviation);
  const Array dy = Random(view.size());
  const Array gamma = Random(view.channels, 1, 0.5);
  const Array beta = Random(view.channels);
  const Array mean = Random(view.channels, data.mean, 0.1);
  Array variance = Random(view.channels, 1, 0.1);
  for (int64_t c = 0; c < view.channels; ++c) variance[c] = std::fabs(variance[c]);
  Array y(view.size(), 1), dx(view.size());
  Array dgamma(view.channels), dbeta(view.channels), dmean(view.channels), dvariance(view.channels);
  ChannelAffineForward forward{
      view,        1e-3,        x.data(),        with_gamma ? gamma.data() : nullptr,
      beta.data(), mean.data(), variance.data(), y.data()};
  ChannelAffineBackward backward{view,          1e-3,         dy.data(),       x.data(),
                                 forward.gamma, mean.data(),  variance.data(), dx.data(),
                                 dgamma.data(), dbeta.data(), dmean.data(),    dvariance.data()};
  if (!gradients) backward.dgamma = backward.dbeta = backward.dmean = backward.dvariance = nullptr;
  RunOn(forward);
  RunOn(backward);
  ExpectNear(y, reference::Run(forward), name + " y");
  const reference::Backward want = reference::Run(backward);
  ExpectNear(dx, want.dx, name + " dx");
  if (!gradients) return;
  ExpectNear(dgamma, want.dgamma, name + " dgamma");
  ExpectNear(dbeta, want.dbeta, name + " dbeta");
  ExpectNear(dmean, want.dmean, name + " dmean");
  ExpectNear(dvariance, want.dvariance, name + " dvariance");
}

// max |rho * gamma * dy|: in a row of one column the two terms of dx cancel but for epsilon.
double LargestTerm(const RowRun& run) {
  double largest = 1;
  for (int64_t r = 0; r < run.forward.rows; ++r) {
    const double rho = reference::StatisticsOfRow(run.forward, r).rho;
    for (int64_t c = 0; c < run.forward.columns; ++c) {
      const double term =
          reference::At(run.forward.gamma, c, 1) * run.dy[r * run.forward.columns + c];
      largest = std::max(largest, std::fabs(rho * term));
    }
  }
  return largest;
}

void CheckRow(const RowCase& c) {
  RowRun run(c);
  run.Go();
  const std::string name = c.name();
  const reference::RowForward forward = reference::Run(run.forward);
  ExpectNear(run.y, forward.y, name + " y");
  const bool layer = c.statistic == RowStatistic::kLayer;
  Array variance(c.rows);
  for (int64_t r = 0; r < c.rows; ++r) variance[r] = run.statistics[(layer ? 2 * c.rows : 0) + r];
  ExpectNear(variance, forward.variance, name + " variance");
  const reference::Backward backward = reference::Run(run.backward);
  ExpectNear(run.dx, backward.dx, name + " dx", LargestTerm(run));
  ExpectNear(run.dgamma, backward.dgamma, name + " dgamma");
  ExpectNear(run.dbeta, backward.dbeta, name + " dbeta");
}

SetCase RandomSet() {
  static const int64_t channels[] = {1, 2, 3, 7, 8, 16, 17, 30, 64, 65, 100, 256};
  SetCase c;
  c.view.channels = channels[Uniform(0, 11)];
  c.view.rows = Uniform(1, 6);
  c.view.positions = Coin() ? Uniform(1, 9) : Uniform(10, 300);
  c.view.channels_last = Coin();
  const int kind = static_cast<int>(Uniform(0, 3));
  std::vector<int64_t> divisors;
  for (int64_t d = 1; d <= c.view.channels; ++d) {
    if (c.view.channels % d == 0) divisors.push_back(d);
  }
  if (kind == 0) {
    c.rows_per_set = c.view.rows;
    c.moving = true;
    c.unbiased = Coin();
  } else if (kind == 1) {
    c.rows_per_set = 1;
    c.moving = true;
  } else if (kind == 2) {
    c.channels_per_set = divisors[Uniform(0, static_cast<int64_t>(divisors.size()) - 1)];
  } else {
    c.rows_per_set = c.view.rows % 2 == 0 ? 2 : 1;
    c.channels_per_set = divisors[Uniform(0, static_cast<int64_t>(divisors.size()) - 1)];
  }
  c.gamma = Coin();
  c.beta = Coin();
  c.data = kData[Uniform(0, 2)];
  return c;
}

RowCase RandomRow() {
  static const int64_t columns[] = {1, 2, 3, 7, 15, 16, 17, 64, 100, 256, 1030, 4096, 20000};
  RowCase c;
  c.statistic = Coin() ? RowStatistic::kLayer : RowStatistic::kRms;
  c.columns = columns[Uniform(0, 12)];
  c.rows = c.columns > 1000 ? Uniform(1, 9) : Uniform(1, 200);
  c.gamma = Coin();
  c.beta = Coin();
  c.inside = Coin();
  if (c.statistic == RowStatistic::kRms && Coin()) c.partial = Uniform(1, c.columns);
  c.data = kData[Uniform(0, c.statistic == RowStatistic::kLayer ? 2 : 0)];
  return c;
}

// Shapes that take each way through the grid: shared units, many channels, long lines, few big
// rows.
std::vector<SetCase> LargeSets() {
  std::vector<SetCase> cases;
  const auto add = [&](const View& view, int64_t rows_per_set, int64_t channels_per_set,
                       bool moving) {
    SetCase c;
    c.view = view;
    c.rows_per_set = rows_per_set;
    c.channels_per_set = channels_per_set;
    c.moving = moving;
    c.data = kData[cases.size() % 2];
    cases.push_back(c);
  };
  add(MakeView(1, 7000, 48, true), 1, 1, true);
  add(MakeView(1, 5000, 3, true), 1, 1, true);
  add(MakeView(3, 1000, 96, true), 1, 12, false);
  add(MakeView(1, 2, 65537, true), 1, 1, true);
  add(MakeView(2, 3, 2600, true), 1, 1300, false);
  add(MakeView(2, 5, 2600, true), 1, 5, false);
  add(MakeView(1, 40000, 6, false), 1, 3, false);
  add(MakeView(5, 3000, 20, false), 5, 1, true);
  add(MakeView(200, 4, 33, false), 1, 11, false);
  add(MakeView(300, 1, 64, true), 1, 8, false);
  add(MakeView(130, 9, 31, true), 1, 1, false);
  add(MakeView(130, 9, 31, false), 130, 1, true);
  return cases;
}

std::vector<RowCase> LargeRows() {
  std::vector<RowCase> cases;
  for (const auto& [rows, columns] : std::initializer_list<std::pair<int64_t, int64_t>>{
           {3, 70001}, {40, 40000}, {3000, 48}, {1, 65537}}) {
    RowCase c;
    c.rows = rows;
    c.columns = columns;
    c.data = kData[cases.size() % 2];
    cases.push_back(c);
    c.statistic = RowStatistic::kRms;
    c.partial = columns / 3;
    c.data = kData[0];
    cases.push_back(c);
  }
  return cases;
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm;
  using namespace tfjs_norm::test;
  for (const char* level : {"base", "avx2", "avx512"}) {
    const host::SimdKernels* kernels = host::FindSimd(level);
    if (!kernels) continue;
    host::UseSimd(kernels);
    for (int i = 0; i < 150; ++i) CheckSet(RandomSet());
    for (int i = 0; i < 150; ++i) CheckRow(RandomRow());
    for (int i = 0; i < 60; ++i) {
      const SetCase c = RandomSet();
      CheckAffine(c.view, c.data, c.gamma, Uniform(0, 3) > 0);
      CheckTanh(c.view, c.data, Random(1)[0], c.gamma);
      CheckGate(c);
    }
    for (const SetCase& c : LargeSets()) {
      CheckSet(c);
      CheckAffine(c.view, c.data, true, true);
      CheckTanh(c.view, c.data, 0.5f, true);
      CheckGate(c);
    }
    // Outputs that bypass the caches.
    for (const View& view : {MakeView(1, 70000, 64, true), MakeView(1, 1500000, 3, true),
                             MakeView(2, 400000, 6, false), MakeView(2, 399999, 6, false)}) {
      CheckAffine(view, kData[0], true, true);
      CheckTanh(view, kData[0], 0.5f, true);
      SetCase c;
      c.view = view;
      CheckGate(c);
    }
    for (const RowCase& c : LargeRows()) CheckRow(c);
    for (const AttentiveCase& c : AttentiveCases()) CheckAttentive(c);
    for (const HostWeightCase& c : HostWeightCases()) CheckWeights(c);
    for (const ClipCase& c : AwkwardClips(false)) CheckClip(c);
    for (const EquiCase& c : AwkwardEqui(false)) CheckEqui(c);
    for (const FixupCase& c : AwkwardFixup(false)) CheckFixup(c);
    for (const HammingCase& c : AwkwardHamming(false)) CheckHamming(c);
    for (const StochasticCase& c : AwkwardStochastic(false)) CheckStochastic(c);
    // Outputs that bypass the caches.
    CheckWeights({{{1100, 4096, 1}}});
    CheckClip({{{1100, 4096, 1}}, {0.01, 1e-3}});
    CheckFixup({(4 << 20) + 5, true, true, true, true, true, kFromHeader});
    for (const int64_t columns : {4096, 4095}) CheckEqui({{{1, 1100, columns}}, 50, 2, 1, 0});
    for (const HammingThreshold threshold : kHammingThresholds) {
      CheckHamming({{2, 35000, 64, false}, threshold, {}, 0});
    }
    CheckProducts();
  }
  return TheChecks().Finish();
}
