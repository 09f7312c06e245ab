// Cases of the core passes with bounds on the output, in numbers for which every sum and product is
// exact in float32: results are compared with == and many outputs lie exactly on their bounds.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/bounds.h"
#include "core/view.h"
#include "test/reference.h"

namespace tfjs_norm::test {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

struct BoundsCase {
  View view;
  bool per_channel = true;  // lower bounds, else one for all
  bool most = false;        // an upper one too
  bool about_zero = false;
  bool broken = false;  // dy has a NaN within the bounds and an infinity out of them

  std::string name() const {
    return "bounds [" + std::to_string(view.rows) + "," + std::to_string(view.positions) + "," +
           std::to_string(view.channels) + "] channels " + (view.channels_last ? "last" : "first") +
           (per_channel ? ", lower" : ", least") + (most ? ", most" : "") +
           (about_zero ? ", about zero" : "") + (broken ? ", broken dy" : "");
  }
};

// y = min(max(a * xc + b, lower), most), xc = x - hi - lo, and dx = p * (dy within) + q * xc + t.
struct BoundsData {
  const BoundsCase c;
  // [R, C]; lo counts in the backward alone, for a forward takes its means itself.
  Floats hi, lo, a, b, p, q, t;
  Floats lower, x, dy;
  Bounds bounds;

  explicit BoundsData(const BoundsCase& of, uint64_t seed) : c(of), random_(seed) {
    const View& view = c.view;
    const int64_t pairs = view.pairs();
    const auto quarters = [&](int64_t count, int64_t low, int64_t high) {
      Floats values(count);
      for (float& value : values) value = 0.25f * static_cast<float>(Int(low, high));
      return values;
    };
    hi = c.about_zero ? Floats(pairs, 0) : quarters(pairs, 30000, 31000);
    lo = Floats(pairs, c.about_zero ? 0 : 0.0625f);
    for (Floats* coefficient : {&a, &p, &q}) *coefficient = quarters(pairs, -4, 4);
    for (Floats* coefficient : {&b, &t}) *coefficient = quarters(pairs, -4, 4);
    dy = quarters(view.size(), -8, 8);
    // Opposite pairs about the mean: it is hi exactly.
    x.resize(view.size());
    ForEachPair([&](int64_t pair, auto at) {
      for (int64_t s = 0; s < view.positions; s += 2) {
        const float d = s + 1 < view.positions ? 0.25f * static_cast<float>(Int(-8, 8)) : 0.0f;
        x[at(s)] = hi[pair] + d;
        if (s + 1 < view.positions) x[at(s + 1)] = hi[pair] - d;
      }
    });
    // On an output that there is, for most channels.
    for (int64_t channel = 0; channel < view.channels; ++channel) {
      const int64_t pair = Int(0, view.rows - 1) * view.channels + channel;
      lower.push_back(Int(0, 4) == 0 ? -std::numeric_limits<float>::infinity()
                                     : a[pair] * 0.25f * static_cast<float>(Int(-8, 8)) + b[pair]);
    }
    if (c.per_channel) {
      bounds.lower = lower.data();
    } else {
      bounds.least = -0.5f;
    }
    if (c.most) bounds.most = 0.75f;
    if (c.broken) Break();
  }
  BoundsData(const BoundsData&) = delete;

  int64_t Int(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

  // f(pair, at), at(s) being the offset of position s.
  template <typename F>
  void ForEachPair(F f) const {
    for (int64_t r = 0; r < c.view.rows; ++r) {
      for (int64_t k = 0; k < c.view.channels; ++k) {
        f(r * c.view.channels + k, [&](int64_t s) { return reference::Offset(c.view, r, s, k); });
      }
    }
  }
  double Z(int64_t pair, double xc) const { return a[pair] * xc + b[pair]; }
  double Lower(int64_t pair) const {
    return c.per_channel ? lower[pair % c.view.channels] : bounds.least;
  }
  bool Within(int64_t pair, double xc) const {
    return Z(pair, xc) >= Lower(pair) && Z(pair, xc) <= bounds.most;
  }
  double Backward(int64_t pair, int64_t at) const {
    return static_cast<double>(x[at]) - hi[pair] - lo[pair];
  }

  Doubles Y() const {
    Doubles y(x.size());
    ForEachPair([&](int64_t pair, auto at) {
      for (int64_t s = 0; s < c.view.positions; ++s) {
        const double z = Z(pair, static_cast<double>(x[at(s)]) - hi[pair]);
        y[at(s)] = std::min<double>(std::max(z, Lower(pair)), bounds.most);
      }
    });
    return y;
  }
  // [R, C] each: of dy within, of dy * xc within, of dy out of the bounds.
  std::vector<Doubles> Sums() const {
    std::vector<Doubles> sums(3, Doubles(hi.size()));
    ForEachPair([&](int64_t pair, auto at) {
      for (int64_t s = 0; s < c.view.positions; ++s) {
        const double xc = Backward(pair, at(s));
        const double g = dy[at(s)];
        if (Within(pair, xc)) {
          sums[0][pair] += g;
          sums[1][pair] += g * xc;
        } else {
          sums[2][pair] += g;
        }
      }
    });
    return sums;
  }
  Doubles Dx() const {
    Doubles dx(x.size());
    ForEachPair([&](int64_t pair, auto at) {
      for (int64_t s = 0; s < c.view.positions; ++s) {
        const double xc = Backward(pair, at(s));
        const double g = Within(pair, xc) ? dy[at(s)] : 0;
        dx[at(s)] = p[pair] * g + q[pair] * xc + t[pair];
      }
    });
    return dx;
  }
  // How many outputs lie on a bound exactly, and how many beyond one.
  void Count(int64_t* on, int64_t* beyond) const {
    ForEachPair([&](int64_t pair, auto at) {
      for (int64_t s = 0; s < c.view.positions; ++s) {
        const double xc = Backward(pair, at(s));
        const double z = Z(pair, xc);
        *on += z == Lower(pair) || z == bounds.most;
        *beyond += !Within(pair, xc);
      }
    });
  }

 private:
  void Break() {
    bool nan = false;
    bool infinity = false;
    ForEachPair([&](int64_t pair, auto at) {
      const int64_t i = at(c.view.positions / 2);
      bool& done = Within(pair, Backward(pair, i)) ? nan : infinity;
      if (done) return;
      dy[i] = &done == &nan ? std::numeric_limits<float>::quiet_NaN()
                            : std::numeric_limits<float>::infinity();
      done = true;
    });
  }

  std::mt19937_64 random_;
};

// [R, C] -> [C].
inline Doubles OverRows(const View& view, const Doubles& values) {
  Doubles totals(view.channels);
  for (size_t i = 0; i < values.size(); ++i) totals[i % view.channels] += values[i];
  return totals;
}

inline double Total(const Doubles& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

template <class Got>
bool Same(const Got& got, const Doubles& want) {
  if (static_cast<size_t>(got.size()) != want.size()) return false;
  for (size_t i = 0; i < want.size(); ++i) {
    const double value = got[i];
    if (value != want[i] && !(std::isnan(value) && std::isnan(want[i]))) return false;
  }
  return true;
}

inline std::vector<BoundsCase> BoundsCases() {
  std::vector<BoundsCase> cases;
  int number = 0;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels) {
    for (const bool last : {true, false}) {
      BoundsCase c;
      c.view = {rows, positions, channels, last};
      // Every combination comes up, the two layouts with different ones.
      ++number;
      c.per_channel = number % 4 != 3;
      c.most = number % 4 == 2 || !c.per_channel;
      c.about_zero = number % 3 == 0;
      c.broken = number % 5 == 0;
      cases.push_back(c);
    }
  };
  for (const int64_t channels :
       {1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100}) {
    for (const int64_t positions : {1, 2, 9, 40, 257}) add(2, positions, channels);
  }
  add(3, 5, 1100);
  add(1, 9, 2600);
  add(5, 1001, 6);
  add(300, 3, 20);
  return cases;
}

}  // namespace tfjs_norm::test
