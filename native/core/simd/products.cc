// Small dense products of core/host_simd.h, in double: rows of a matrix with a vector over the
// columns, and weighted sums of rows.
#include "core/host_simd.h"
#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

// Vectors of columns that are summed at a time: enough to hide the latency of an addition.
constexpr int kTogether = 4;

inline Wide LoadAny(const float* p) { return LoadWide(p); }
inline Wide LoadAny(const double* p) { return LoadDoubles(p); }
inline Wide FillWide(double v) {
  const Double filled = v - Double{};
  return {filled, filled};
}

void RowProducts(const Matrix& m, const double* a, double* out) {
  for (int64_t r = 0; r < m.rows; ++r) {
    const float* row = m.data + r * m.stride;
    Wide sums[kTogether] = {};
    int64_t c = 0;
    for (; c + kTogether * kLanes <= m.columns; c += kTogether * kLanes) {
      for (int u = 0; u < kTogether; ++u) {
        sums[u] = sums[u] + LoadDoubles(a + c + u * kLanes) * LoadWide(row + c + u * kLanes);
      }
    }
    for (; c + kLanes <= m.columns; c += kLanes) {
      sums[0] = sums[0] + LoadDoubles(a + c) * LoadWide(row + c);
    }
    double total = Sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; c < m.columns; ++c) total += a[c] * row[c];
    out[r] += total;
  }
}

// kVectors vectors of columns from `data` and `out` on.
template <int kVectors, typename T>
inline void MixColumns(int64_t rows, const T* data, int64_t stride, const double* weights,
                       int64_t weight_stride, double* out) {
  Wide sums[kVectors] = {};
  for (int64_t r = 0; r < rows; ++r) {
    const Wide weight = FillWide(weights[r * weight_stride]);
    for (int u = 0; u < kVectors; ++u) {
      sums[u] = sums[u] + weight * LoadAny(data + r * stride + u * kLanes);
    }
  }
  for (int u = 0; u < kVectors; ++u) StoreDoubles(out + u * kLanes, sums[u]);
}

template <typename T>
void MixAll(int64_t rows, int64_t columns, const T* data, int64_t stride, const double* weights,
            int64_t weight_stride, double* out) {
  int64_t c = 0;
  for (; c + kTogether * kLanes <= columns; c += kTogether * kLanes) {
    MixColumns<kTogether>(rows, data + c, stride, weights, weight_stride, out + c);
  }
  for (; c + kLanes <= columns; c += kLanes) {
    MixColumns<1>(rows, data + c, stride, weights, weight_stride, out + c);
  }
  for (; c < columns; ++c) {
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) sum += weights[r * weight_stride] * data[r * stride + c];
    out[c] = sum;
  }
}

void MixRows(const Matrix& m, const double* weights, int64_t weight_stride, double* out) {
  MixAll(m.rows, m.columns, m.data, m.stride, weights, weight_stride, out);
}

void MixWideRows(const WideMatrix& m, const double* weights, int64_t weight_stride, double* out) {
  MixAll(m.rows, m.columns, m.data, m.stride, weights, weight_stride, out);
}

}  // namespace

void RegisterProducts(SimdKernels* kernels) {
  kernels->row_products = RowProducts;
  kernels->mix_rows = MixRows;
  kernels->mix_wide_rows = MixWideRows;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
