// The definition of equi_norm.h in double precision, and calls of it for the native tests: lists of
// weights whose rows and columns belong to units at random.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "norms/equi_norm.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

// F of a row or column by its number.
inline double EquiFactorOf(const float* factors, int64_t entries, float number) {
  const auto entry = static_cast<int64_t>(std::fabs(number));
  if (entry < 1 || entry > entries) return 1;
  return number < 0 ? 1 / double{factors[entry - 1]} : double{factors[entry - 1]};
}

// Calls f(offset, row, column) for each value of a weight.
template <typename F>
void ForEachValue(const EquiWeight& weight, F f) {
  for (int64_t at = 0; at < weight.size(); ++at) {
    f(at, at / weight.columns % weight.rows, at % weight.columns);
  }
}

inline Values Run(const EquiNorm& args) {
  Values sums;
  for (const EquiWeight& weight : args.weights) {
    Values rows(weight.rows), columns(weight.columns);
    ForEachValue(weight, [&](int64_t at, int64_t row, int64_t column) {
      const double scaled = weight.x[at] *
                            EquiFactorOf(args.factors, args.entries, weight.row_entries[row]) *
                            EquiFactorOf(args.factors, args.entries, weight.column_entries[column]);
      const double power = std::pow(std::fabs(scaled), args.power);
      rows[row] += power;
      columns[column] += power;
    });
    sums.insert(sums.end(), rows.begin(), rows.end());
    sums.insert(sums.end(), columns.begin(), columns.end());
  }
  Values out;
  for (int64_t e = 0; e < args.entries; ++e) {
    double sides[2] = {};
    for (int side = 0; side < 2; ++side) {
      const auto end = static_cast<int64_t>(args.starts[2 * e + side + 1]);
      for (auto i = static_cast<int64_t>(args.starts[2 * e + side]); i < end; ++i) {
        sides[side] += args.shares[i] * sums[static_cast<size_t>(args.order[i])];
      }
    }
    const bool alive = sides[0] > 0 && sides[1] > 0;
    out.push_back(args.factors[e] *
                  (alive ? std::pow(sides[1] / sides[0], args.exponents[e]) : 1.0));
  }
  return out;
}

inline Values Run(const EquiScale& args, size_t index) {
  const EquiWeight& weight = args.weights[index];
  Values y(weight.size());
  ForEachValue(weight, [&](int64_t at, int64_t row, int64_t column) {
    y[at] =
        weight.x[at] *
        std::pow(EquiFactorOf(args.factors, args.entries, weight.row_entries[row]), args.power) *
        std::pow(EquiFactorOf(args.factors, args.entries, weight.column_entries[column]),
                 args.power);
  });
  return y;
}

}  // namespace reference

namespace test {

// outer, rows, columns
using EquiExtents = std::vector<std::vector<int64_t>>;

struct EquiCase {
  EquiExtents extents;
  int64_t entries = 8;
  double p = 2;
  int power = 1;
  int shift = 0;  // of x and y from a 256-byte boundary, in floats

  std::string Name() const {
    std::string name = "equi ";
    for (const auto& e : extents) {
      name += "[" + std::to_string(e[0]) + "," + std::to_string(e[1]) + "," + std::to_string(e[2]) +
              "] ";
    }
    if (extents.size() > 8) name = "equi of " + std::to_string(extents.size()) + " weights, ";
    return name + "entries " + std::to_string(entries) + ", p " + std::to_string(p) + ", power " +
           std::to_string(power) + ", shift " + std::to_string(shift);
  }
};

// The tensors of a case.
struct EquiArrays {
  using Floats = std::vector<float>;
  std::vector<EquiWeight> weights;
  std::vector<Floats> x, rows, columns;
  Floats factors, order, starts, shares, exponents;

  EquiArrays(const EquiCase& c, uint64_t seed) : random_(seed) {
    std::vector<Floats> segments(2 * static_cast<size_t>(c.entries));
    int64_t position = 0;
    for (const auto& extents : c.extents) {
      EquiWeight weight;
      weight.outer = extents[0];
      weight.rows = extents[1];
      weight.columns = extents[2];
      weights.push_back(weight);
      // Each weight in a scale of its own; every fifth is all zeros.
      std::normal_distribution<float> normal(0, weights.size() % 5 == 4 ? 0.0f : 4.0f);
      Floats values(static_cast<size_t>(weight.size()));
      for (float& value : values) value = normal(random_);
      x.push_back(values);
      rows.push_back(Numbers(c, weight.rows, position, &segments));
      columns.push_back(Numbers(c, weight.columns, position + weight.rows, &segments));
      position += weight.rows + weight.columns;
    }
    std::uniform_real_distribution<float> uniform(0.25f, 2);
    for (const Floats& segment : segments) {
      starts.push_back(static_cast<float>(order.size()));
      order.insert(order.end(), segment.begin(), segment.end());
    }
    starts.push_back(static_cast<float>(order.size()));
    order.resize(static_cast<size_t>(position));
    for (int64_t i = 0; i < position; ++i) shares.push_back(uniform(random_));
    for (int64_t e = 0; e < c.entries; ++e) {
      factors.push_back(uniform(random_));
      exponents.push_back(e % 5 == 3 ? 0.0f : static_cast<float>(0.5 / c.p));
    }
  }

  // Both calls, with the arrays where `put` puts them.
  template <typename Put>
  EquiNorm Norm(const EquiCase& c, Put put, float* new_factors) const {
    EquiNorm args;
    args.weights = Placed(put, c.shift);
    args.entries = c.entries;
    args.positions = static_cast<int64_t>(order.size());
    args.power = c.p;
    args.factors = put(factors, 0);
    args.order = put(order, 0);
    args.starts = put(starts, 0);
    args.shares = put(shares, 0);
    args.exponents = put(exponents, 0);
    args.new_factors = new_factors;
    return args;
  }
  template <typename Put>
  EquiScale Scale(const EquiCase& c, Put put, const std::vector<float*>& y) const {
    EquiScale args;
    args.weights = Placed(put, c.shift);
    args.y = y;
    args.entries = c.entries;
    args.power = c.power;
    args.factors = put(factors, 0);
    return args;
  }

 private:
  // Whose the rows or columns are: some of nobody, some of an entry that does not count them.
  Floats Numbers(const EquiCase& c, int64_t count, int64_t position,
                 std::vector<Floats>* segments) {
    Floats numbers;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t entry = std::uniform_int_distribution<int64_t>(0, c.entries)(random_);
      const bool consumer = (random_() & 1) != 0;
      numbers.push_back(static_cast<float>(consumer ? -entry : entry));
      if (entry > 0 && random_() % 8 != 0) {
        (*segments)[static_cast<size_t>(2 * (entry - 1) + (consumer ? 1 : 0))].push_back(
            static_cast<float>(position + i));
      }
    }
    return numbers;
  }
  template <typename Put>
  std::vector<EquiWeight> Placed(Put put, int shift) const {
    std::vector<EquiWeight> placed = weights;
    for (size_t i = 0; i < placed.size(); ++i) {
      placed[i].x = put(x[i], shift);
      placed[i].row_entries = put(rows[i], 0);
      placed[i].column_entries = put(columns[i], 0);
    }
    return placed;
  }

  std::mt19937_64 random_;
};

inline std::vector<EquiCase> AwkwardEqui(bool quick) {
  std::vector<EquiCase> cases;
  const auto add = [&](const EquiExtents& extents, int64_t entries) {
    for (const double p : {2.0, 1.0, 3.0, 0.5}) {
      EquiCase c;
      c.extents = extents;
      c.entries = entries;
      c.p = p;
      c.power = std::vector<int>{1, -1, -2, 2, 0}[cases.size() % 5];
      c.shift = cases.size() % 3 == 2 ? 1 : 0;
      cases.push_back(c);
    }
  };
  add({{1, 4, 6}}, 3);
  add({{1, 1, 1}, {1, 1, 5}, {1, 7, 1}}, 2);
  add({{9, 4, 6}, {9, 6, 3}, {1, 12, 10}, {1, 1, 6}}, 13);
  add({{9, 65, 63}, {1, 64, 64}, {4, 1, 130}}, 40);
  add({{0, 4, 6}, {1, 0, 5}, {1, 5, 0}, {1, 5, 4}}, 4);
  add({{3, 2, 2}}, 1);
  if (quick) return cases;
  EquiExtents many;
  for (int64_t i = 0; i < 100; ++i) many.push_back({1 + i % 3, 1 + i % 5, 1 + i % 7});
  add(many, 60);
  add({{1, 70, 2100}, {1, 9000, 33}}, 300);
  add({{700, 3, 40}}, 5);
  return cases;
}

}  // namespace test
}  // namespace tfjs_norm
