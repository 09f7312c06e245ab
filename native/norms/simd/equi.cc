// The passes of norms/equi_norm.h over blocks of rows.
#include <cmath>

#include "core/host_simd.h"
#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

static inline Double Magnitude(Double v) { return v < 0.0 ? -v : v; }

struct AbsolutePower {
  static Wide Of(Wide x) { return {Magnitude(x.low), Magnitude(x.high)}; }
  static double Of(double x) { return x < 0 ? -x : x; }
};

struct SquarePower {
  static Wide Of(Wide x) { return x * x; }
  static double Of(double x) { return x * x; }
};

template <class Power>
void SumRows(const EquiBlock& block) {
  for (int64_t r = 0; r < block.rows; ++r) {
    const float* x = block.x + r * block.stride;
    const double weight = block.row_factors[r];
    const Double of_row = weight - Double{};
    const Wide wide_weight = {of_row, of_row};
    Wide sums[2] = {};
    int64_t c = 0;
    const auto add = [&](int64_t at, Wide& sum) {
      const Wide power = Power::Of(LoadWide(x + at));
      sum = sum + power * LoadDoubles(block.column_factors + at);
      double* column = block.column_sums + at;
      StoreDoubles(column, LoadDoubles(column) + power * wide_weight);
    };
    for (; c + 2 * kLanes <= block.columns; c += 2 * kLanes) {
      add(c, sums[0]);
      add(c + kLanes, sums[1]);
    }
    for (; c + kLanes <= block.columns; c += kLanes) add(c, sums[0]);
    double sum = Sum(sums[0] + sums[1]);
    for (; c < block.columns; ++c) {
      const double power = Power::Of(static_cast<double>(x[c]));
      sum += power * block.column_factors[c];
      block.column_sums[c] += power * weight;
    }
    block.row_sums[r] = sum;
  }
}

void SumRowsOfPower(const EquiBlock& block) {
  for (int64_t r = 0; r < block.rows; ++r) {
    double sum = 0;
    for (int64_t c = 0; c < block.columns; ++c) {
      const double x = block.x[r * block.stride + c];
      const double power = pow(x < 0 ? -x : x, block.power);
      sum += power * block.column_factors[c];
      block.column_sums[c] += power * block.row_factors[r];
    }
    block.row_sums[r] = sum;
  }
}

void EquiSums(const EquiBlock& block) {
  if (block.power == 1) {
    SumRows<AbsolutePower>(block);
  } else if (block.power == 2) {
    SumRows<SquarePower>(block);
  } else {
    SumRowsOfPower(block);
  }
}

template <bool kStream>
void ScaleRows(const EquiScaleBlock& block) {
  for (int64_t r = 0; r < block.rows; ++r) {
    const float* x = block.x + r * block.stride;
    float* y = block.y + r * block.stride;
    const Float factor = Fill(block.row_factors[r]);
    int64_t c = 0;
    for (; c + kLanes <= block.columns; c += kLanes) {
      Put<kStream>(y + c, Load(x + c) * (Load(block.column_factors + c) * factor));
    }
    for (; c < block.columns; ++c) {
      y[c] = x[c] * (block.column_factors[c] * block.row_factors[r]);
    }
  }
  if (kStream) StreamFence();
}

void EquiScale(const EquiScaleBlock& block) {
  if (block.stream && StreamAligned(block.y, block.stride)) {
    ScaleRows<true>(block);
  } else {
    ScaleRows<false>(block);
  }
}

}  // namespace

void RegisterEqui(SimdKernels* kernels) {
  kernels->equi_sums = EquiSums;
  kernels->equi_scale = EquiScale;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
