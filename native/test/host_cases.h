// What the host tests share: random cases of the set and row normalizers with all their arrays, run
// in a poisoned workspace and compared with the reference.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/host_simd.h"
#include "norms/adaptive_grad_clip.h"
#include "norms/dynamic_tanh.h"
#include "norms/equi_norm.h"
#include "norms/fixup.h"
#include "norms/generalized_hamming.h"
#include "norms/row_norm.h"
#include "norms/set_norm.h"
#include "norms/stochastic_norm.h"
#include "norms/weight_norm.h"
#include "test/check.h"
#include "test/reference.h"

namespace tfjs_norm::test {

using reference::Values;

inline Checks& TheChecks() {
  static Checks checks;
  return checks;
}

inline std::mt19937_64& RandomBits() {
  static std::mt19937_64 bits(7);
  return bits;
}

inline int64_t Uniform(int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(RandomBits());
}
inline bool Coin() { return Uniform(0, 1) == 1; }

// An array that starts `shift` floats past an aligned address and ends where the memory ends, so
// that a read or write past it is seen by the sanitizers; poisoned with NaN until written.
class Array {
 public:
  explicit Array(int64_t size = 0, int64_t shift = 0)
      : shift_(shift), values_(size + shift, kUnset) {}
  float* data() { return values_.data() + shift_; }
  const float* data() const { return values_.data() + shift_; }
  int64_t size() const { return static_cast<int64_t>(values_.size()) - shift_; }
  float& operator[](int64_t i) { return values_[i + shift_]; }
  float operator[](int64_t i) const { return values_[i + shift_]; }
  bool SameBits(const Array& other) const {
    return size() == other.size() &&
           (size() == 0 ||
            std::memcmp(data(), other.data(), static_cast<size_t>(size()) * sizeof(float)) == 0);
  }

 private:
  static constexpr float kUnset = std::numeric_limits<float>::quiet_NaN();
  int64_t shift_;
  std::vector<float> values_;
};

inline Array Random(int64_t size, double mean = 0, double deviation = 1) {
  Array out(size, Uniform(0, 3));
  std::normal_distribution<double> normal(mean, deviation);
  for (int64_t i = 0; i < size; ++i) out[i] = static_cast<float>(normal(RandomBits()));
  return out;
}

struct Data {
  const char* name;
  double mean;
  double deviation;
};
constexpr Data kData[] = {{"standard", 0, 1}, {"offset 1e4", 1e4, 0.25}, {"constant", 3.1, 0}};

// `scale`: the size of the terms that make up the values, where they cancel.
inline void ExpectNear(const Array& got, const Values& want, const std::string& what,
                       double scale = 1) {
  double largest = scale;
  for (const double w : want) largest = std::max(largest, std::fabs(w));
  double worst = 0;
  int64_t at = 0;
  bool holds = got.size() == static_cast<int64_t>(want.size());
  for (int64_t i = 0; holds && i < got.size(); ++i) {
    const double allowed = 1e-6 * largest + 2e-5 * std::fabs(want[i]);
    const double excess = std::fabs(got[i] - want[i]) / allowed;
    if (!(excess <= worst)) {
      worst = excess;
      at = i;
      if (!(excess == excess)) break;
    }
  }
  holds = holds && worst <= 1;
  std::string detail = what;
  if (!holds && at < got.size()) {
    detail += " [" + std::to_string(at) + "]: got " + std::to_string(got[at]) + ", want " +
              std::to_string(want[at]);
  }
  TheChecks().That(holds, "values near the reference", __FILE__, __LINE__, detail);
}

inline void ExpectSame(const Array& a, const Array& b, const std::string& what) {
  TheChecks().That(a.SameBits(b), "the same bits", __FILE__, __LINE__, what);
}

// Runs `run(workspace)` in a workspace full of NaN bit patterns.
template <typename Args>
inline void RunOn(const Args& args) {
  const size_t bytes = host::WorkspaceBytes(args);
  void* workspace = nullptr;
  if (posix_memalign(&workspace, 256, bytes + 256) != 0) std::abort();
  std::memset(workspace, 0xff, bytes + 256);
  const Status status = host::Run(args, workspace);
  TheChecks().That(status.ok(), "success", __FILE__, __LINE__, status.message());
  const unsigned char* end = static_cast<unsigned char*>(workspace) + bytes;
  bool kept = true;
  for (int i = 0; i < 256; ++i) kept = kept && end[i] == 0xff;
  TheChecks().That(kept, "nothing written past the workspace", __FILE__, __LINE__);
  std::free(workspace);
}

inline View MakeView(int64_t rows, int64_t positions, int64_t channels, bool channels_last) {
  View view;
  view.rows = rows;
  view.positions = positions;
  view.channels = channels;
  view.channels_last = channels_last;
  return view;
}

struct SetCase {
  View view;
  int64_t rows_per_set = 1;
  int64_t channels_per_set = 1;
  bool gamma = true, beta = true, moving = false, unbiased = false;
  Data data = kData[0];

  std::string name() const {
    return "set [" + std::to_string(view.rows) + "," + std::to_string(view.positions) + "," +
           std::to_string(view.channels) + "] " + (view.channels_last ? "last" : "first") +
           " sets " + std::to_string(rows_per_set) + "x" + std::to_string(channels_per_set) + " " +
           data.name + " on " + host::Simd().name;
  }
};

// Inputs and outputs of one forward and one backward call.
struct SetRun {
  Array x, dy, gamma, beta, old_mean, old_variance;
  Array y, moments, new_mean, new_variance, dx, dgamma, dbeta;
  SetNormForward forward;
  SetNormBackward backward;

  explicit SetRun(const SetCase& c)
      : x(Random(c.view.size(), c.data.mean, c.data.deviation)),
        dy(Random(c.view.size())),
        gamma(Random(c.view.channels, 1, 0.5)),
        beta(Random(c.view.channels)),
        old_mean(Random(c.view.channels)),
        old_variance(Random(c.view.channels, 2, 0.1)),
        y(c.view.size(), Uniform(0, 3)),
        moments(3 * c.view.pairs()),
        new_mean(c.view.channels),
        new_variance(c.view.channels),
        dx(c.view.size(), Uniform(0, 3)),
        dgamma(c.view.channels),
        dbeta(c.view.channels) {
    forward.view = backward.view = c.view;
    forward.rows_per_set = backward.rows_per_set = c.rows_per_set;
    forward.channels_per_set = backward.channels_per_set = c.channels_per_set;
    forward.epsilon = backward.epsilon = 1e-3;
    forward.x = backward.x = x.data();
    forward.gamma = backward.gamma = c.gamma ? gamma.data() : nullptr;
    forward.beta = c.beta ? beta.data() : nullptr;
    forward.y = y.data();
    forward.moments = backward.moments = Moments::From(moments.data(), c.view.pairs());
    if (c.moving) {
      forward.moving = {old_mean.data(), old_variance.data(), new_mean.data(), new_variance.data(),
                        0.1};
      forward.unbiased = c.unbiased;
    }
    backward.dy = dy.data();
    backward.dx = dx.data();
    backward.dgamma = dgamma.data();
    backward.dbeta = dbeta.data();
  }

  SetRun(const SetRun&) = delete;

  void Go() {
    RunOn(forward);
    RunOn(backward);
  }
};

struct RowCase {
  RowStatistic statistic = RowStatistic::kLayer;
  int64_t rows = 1;
  int64_t columns = 1;
  bool gamma = true, beta = true, inside = true;
  int64_t partial = 0;
  Data data = kData[0];

  std::string name() const {
    return (statistic == RowStatistic::kLayer ? "layer [" : "rms [") + std::to_string(rows) + "," +
           std::to_string(columns) + "] partial " + std::to_string(partial) + " " + data.name +
           " on " + host::Simd().name;
  }
};

struct RowRun {
  Array x, dy, gamma, beta, y, statistics, dx, dgamma, dbeta;
  RowNormForward forward;
  RowNormBackward backward;

  explicit RowRun(const RowCase& c)
      : x(Random(c.rows * c.columns, c.data.mean, c.data.deviation)),
        dy(Random(c.rows * c.columns)),
        gamma(Random(c.columns, 1, 0.5)),
        beta(Random(c.columns)),
        y(c.rows * c.columns, Uniform(0, 3)),
        statistics((c.statistic == RowStatistic::kLayer ? 3 : 1) * c.rows),
        dx(c.rows * c.columns, Uniform(0, 3)),
        dgamma(c.columns),
        dbeta(c.columns) {
    forward.statistic = backward.statistic = c.statistic;
    forward.rows = backward.rows = c.rows;
    forward.columns = backward.columns = c.columns;
    forward.epsilon = backward.epsilon = c.statistic == RowStatistic::kLayer ? 1e-3 : 1e-6;
    forward.epsilon_inside = backward.epsilon_inside = c.inside;
    forward.partial = backward.partial = c.partial;
    forward.x = backward.x = x.data();
    forward.gamma = backward.gamma = c.gamma ? gamma.data() : nullptr;
    forward.beta = c.beta ? beta.data() : nullptr;
    forward.y = y.data();
    forward.statistics = statistics.data();
    backward.statistics = statistics.data();
    backward.dy = dy.data();
    backward.dx = dx.data();
    backward.dgamma = dgamma.data();
    backward.dbeta = dbeta.data();
  }

  RowRun(const RowRun&) = delete;

  void Go() {
    RunOn(forward);
    RunOn(backward);
  }
};

}  // namespace tfjs_norm::test
