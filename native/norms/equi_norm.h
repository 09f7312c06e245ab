// Equi-normalization (arXiv 1902.10416): the units of a network are scaled so that what goes into
// each weighs as much as what comes out, while the function of the network stays.
//
// A weight is seen as x[o * rows + i, j]: its last two axes are the rows and the columns, the
// others are o. A row or a column belongs to an entry of the coefficients, or to none. Where it is
// an output of the unit (a producer) it is multiplied with the coefficient, where it is an input
// (a consumer) divided by it:
//
//   scaled x = x * F_row * F_column,   F = f[e] (producer), 1 / f[e] (consumer), 1 (none)
//
// EquiNorm      one step for some of the entries, from the weights scaled by the coefficients that
//               are not applied yet, so that cycles need not write the weights:
//                 S = sum |scaled x|^p           of each row and each column of each weight
//                 P[e], C[e] = sum share * S     over the producers and the consumers of e
//                 d = (C / P)^exponent[e]        1 where the exponent is 0, where C or P is not
//                                                positive and finite, or where |d - 1| < 1e-6
//                 f'[e] = f[e] * d
//               The exponent 1 / (2p) is the minimum of sum share |x|^p over the scale of e.
// EquiScale     y = x * F_row^n * F_column^n: n = 1 for weights, -1 for what is in the scale of
//               gradients, as momentum is, -2 for what is in the scale of their squares
//
// All sums are in double, in an order that depends on the shapes alone. Which rows and columns are
// whose comes in tensors: an entry's number counted from 1, negative for a consumer, 0 for none.
// What is not in a tensor's domain counts as none.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/host_device.h"
#include "core/status.h"

namespace tfjs_norm {

struct EquiWeight {
  int64_t outer = 1;
  int64_t rows = 1;
  int64_t columns = 1;
  const float* x = nullptr;
  const float* row_entries = nullptr;     // [rows]
  const float* column_entries = nullptr;  // [columns]

  int64_t all_rows() const { return outer * rows; }
  int64_t size() const { return outer * rows * columns; }
};

// The positions of the sums: the rows of the first weight, its columns, the rows of the next, ...
struct EquiNorm {
  std::vector<EquiWeight> weights;
  int64_t entries = 0;
  int64_t positions = 0;
  double power = 2;                  // p
  const float* factors = nullptr;    // [entries]
  const float* order = nullptr;      // [positions]: those of an entry side by side
  const float* starts = nullptr;     // [2 * entries + 1]: of producers and of consumers in order
  const float* shares = nullptr;     // [positions], in the order of `order`
  const float* exponents = nullptr;  // [entries]
  float* new_factors = nullptr;      // [entries]
};

struct EquiScale {
  std::vector<EquiWeight> weights;
  std::vector<float*> y;
  int64_t entries = 0;
  int power = 1;                   // n
  const float* factors = nullptr;  // [entries]
};

constexpr double kEquiTolerance = 1e-6;

// F of a row or column, from a number as the tensors have it.
NORM_HOST_DEVICE double EquiFactor(const float* factors, int64_t entries, float number) {
  const float size = number < 0.0f ? -number : number;
  // Not for NaN either.
  if (!(size >= 1.0f && size <= static_cast<float>(entries))) return 1.0;
  const int64_t entry = static_cast<int64_t>(size) - 1;
  if (entry >= entries) return 1.0;
  const double factor = static_cast<double>(factors[entry]);
  return number < 0.0f ? 1.0 / factor : factor;
}

// A number of a tensor as a place in [0, most].
NORM_HOST_DEVICE int64_t EquiPlace(float number, int64_t most) {
  if (!(number >= 0.0f)) return 0;
  return number >= static_cast<float>(most) ? most : static_cast<int64_t>(number);
}

NORM_HOST_DEVICE double EquiPower(double value, double power) {
  return power == 2.0 ? value * value : power == 1.0 ? value : pow(value, power);
}

NORM_HOST_DEVICE float EquiWhole(double factor, int power) {
  const double size = power == 2 || power == -2 ? factor * factor : factor;
  return static_cast<float>(power == 0 ? 1.0 : power < 0 ? 1.0 / size : size);
}

NORM_HOST_DEVICE float EquiUpdate(float factor, double producers, double consumers,
                                  double exponent) {
  // Neither for NaN.
  const bool alive = producers > 0.0 && consumers > 0.0 && producers <= 1.7e308 &&
                     consumers <= 1.7e308 && exponent != 0.0;
  if (!alive) return factor;
  // The quotient itself may leave the range of a double.
  const double d = exp(exponent * (log(consumers) - log(producers)));
  if (fabs(d - 1.0) < kEquiTolerance) return factor;
  const float next = static_cast<float>(static_cast<double>(factor) * d);
  constexpr float kLeast = 1e-30f;
  constexpr float kMost = 1e30f;
  return next >= kLeast && next <= kMost ? next : factor;
}

namespace cuda {
size_t WorkspaceBytes(const EquiNorm& args);
size_t WorkspaceBytes(const EquiScale& args);
Status Run(const EquiNorm& args, void* workspace, void* stream);
Status Run(const EquiScale& args, void* workspace, void* stream);
}  // namespace cuda

namespace host {
size_t WorkspaceBytes(const EquiNorm& args);
size_t WorkspaceBytes(const EquiScale& args);
Status Run(const EquiNorm& args, void* workspace);
Status Run(const EquiScale& args, void* workspace);
}  // namespace host

}  // namespace tfjs_norm
