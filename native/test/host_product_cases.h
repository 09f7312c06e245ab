// The small matrix products of host_simd.h.
#pragma once

#include <vector>

#include "test/host_cases.h"

namespace tfjs_norm::test {

// Small products of every width against plain loops, next to memory that must stay as it is.
inline void CheckProducts() {
  const host::SimdKernels& simd = host::Simd();
  for (int64_t columns = 1; columns <= 150; ++columns) {
    const int64_t rows = Uniform(1, 9);
    const int64_t stride = columns + Uniform(0, 5);
    const int64_t weight_stride = Uniform(1, 3);
    const Array matrix = Random(rows * stride);
    const Array weights = Random(rows * weight_stride);
    const Array positive = Random(columns, 3, 0.3);
    const std::vector<double> wide(matrix.data(), matrix.data() + matrix.size());
    const std::vector<double> by(weights.data(), weights.data() + weights.size());
    const std::vector<double> values(positive.data(), positive.data() + columns);
    constexpr double kGuard = 7;
    std::vector<double> products(rows + 1, kGuard), mixed(columns + 1, kGuard),
        mixed_wide(columns + 1, kGuard);
    simd.row_products({rows, columns, stride, matrix.data()}, values.data(), products.data());
    simd.mix_rows({rows, columns, stride, matrix.data()}, by.data(), weight_stride, mixed.data());
    simd.mix_wide_rows({rows, columns, stride, wide.data()}, by.data(), weight_stride,
                       mixed_wide.data());
    double worst = 0;
    const auto differ = [&](double got, double want) {
      worst = std::max(worst, std::fabs(got - want));
    };
    for (int64_t r = 0; r < rows; ++r) {
      double want = kGuard;  // added to
      for (int64_t c = 0; c < columns; ++c) want += values[c] * matrix[r * stride + c];
      differ(products[r], want);
    }
    for (int64_t c = 0; c < columns; ++c) {
      double want = 0;
      for (int64_t r = 0; r < rows; ++r) want += by[r * weight_stride] * matrix[r * stride + c];
      differ(mixed[c], want);
      differ(mixed_wide[c], want);
    }
    for (const auto* guarded : {&products, &mixed, &mixed_wide}) {
      differ(guarded->back(), kGuard);
    }
    TheChecks().That(worst < 1e-12, "products as in plain loops", __FILE__, __LINE__,
                     std::to_string(columns) + " columns on " + simd.name);
  }
}

}  // namespace tfjs_norm::test
