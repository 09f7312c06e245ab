// Row kernels of core/host_simd.h: layer and RMS norm. A row is in the nearest cache while these
// run.
//
// Sums are float32 in many short chains, merged in double; where float32 overflows or underflows
// they are taken again in double.
#include "core/host_simd.h"
#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

constexpr int kChains = 4;
// Values of one round of float32 chains, 32 in each: their rounding error grows with the length.
constexpr int64_t kSpan = 32 * kChains * kLanes;

bool Usable(double sum_of_squares) { return sum_of_squares > 1e-30 && sum_of_squares < 1e38; }

struct Sums {
  double first = 0;
  double second = 0;
};

// Adds terms(i, first, second) over all i < count: `vector` works on kLanes values from i, `scalar`
// on one.
template <bool kSecond, typename VectorTerms, typename ScalarTerms>
inline Sums SumOver(int64_t count, VectorTerms vector, ScalarTerms scalar) {
  Sums total;
  int64_t i = 0;
  while (i + kLanes <= count) {
    const int64_t end = i + kSpan < count ? i + kSpan : count;
    Float first[kChains] = {};
    Float second[kChains] = {};
    for (; i + kChains * kLanes <= end; i += kChains * kLanes) {
      for (int u = 0; u < kChains; ++u) vector(i + u * kLanes, &first[u], &second[u]);
    }
    for (; i + kLanes <= end; i += kLanes) vector(i, &first[0], &second[0]);
    total.first += Sum((first[0] + first[1]) + (first[2] + first[3]));
    if (kSecond) total.second += Sum((second[0] + second[1]) + (second[2] + second[3]));
  }
  for (; i < count; ++i) scalar(i, &total.first, &total.second);
  return total;
}

Sums CenteredInDouble(int64_t count, const float* x, double center) {
  Sums total;
  for (int64_t i = 0; i < count; ++i) {
    const double d = x[i] - center;
    total.first += d;
    total.second += d * d;
  }
  return total;
}

Sums CenteredSums(int64_t count, const float* x, float center) {
  const Float wide_center = Fill(center);
  return SumOver<true>(
      count,
      [&](int64_t i, Float* sum, Float* square) {
        const Float d = Load(x + i) - wide_center;
        *sum += d;
        *square += d * d;
      },
      [&](int64_t i, double* sum, double* square) {
        const double d = static_cast<double>(x[i]) - center;
        *sum += d;
        *square += d * d;
      });
}

void RowMoments(int64_t count, const float* x, double* mean, double* variance) {
  const double n = static_cast<double>(count);
  double center = x[0];
  Sums sums = CenteredSums(count, x, x[0]);
  double rest = sums.first / n;
  double v = sums.second / n - rest * rest;
  // The rounding of the squares counts rest^2 / v times over; x[0] may be an outlier.
  constexpr double kFar = 16;
  if (rest * rest > kFar * v && sums.second < 1e38) {
    const float near = static_cast<float>(center + rest);
    center = near;
    sums = CenteredSums(count, x, near);
    rest = sums.first / n;
    v = sums.second / n - rest * rest;
  }
  if (sums.second != 0 && !Usable(sums.second)) {
    center += CenteredInDouble(count, x, center).first / n;
    sums = CenteredInDouble(count, x, center);
    rest = sums.first / n;
    v = sums.second / n - rest * rest;
  }
  *mean = center + rest;
  *variance = v < 0 ? 0 : v;
}

void RowSquare(int64_t count, const float* x, double* sum) {
  const Sums sums = SumOver<false>(
      count,
      [&](int64_t i, Float* square, Float*) {
        const Float v = Load(x + i);
        *square += v * v;
      },
      [&](int64_t i, double* square, double*) { *square += static_cast<double>(x[i]) * x[i]; });
  *sum = Usable(sums.first) ? sums.first : CenteredInDouble(count, x, 0).second;
}

template <bool kGamma>
Sums GradSums(int64_t count, const float* dy, const float* x, const float* gamma, float center) {
  const Float wide_center = Fill(center);
  return SumOver<true>(
      count,
      [&](int64_t i, Float* sum_g, Float* sum_gx) {
        const Float g = kGamma ? Load(dy + i) * Load(gamma + i) : Load(dy + i);
        *sum_g += g;
        *sum_gx += g * (Load(x + i) - wide_center);
      },
      [&](int64_t i, double* sum_g, double* sum_gx) {
        const double g = kGamma ? static_cast<double>(dy[i]) * gamma[i] : dy[i];
        *sum_g += g;
        *sum_gx += g * (static_cast<double>(x[i]) - center);
      });
}

void RowSums(int64_t count, const float* dy, const float* x, const float* gamma, float center,
             double* sum_g, double* sum_gx) {
  Sums sums = gamma ? GradSums<true>(count, dy, x, gamma, center)
                    : GradSums<false>(count, dy, x, gamma, center);
  const double size = sums.first * sums.first + sums.second * sums.second;
  if (!(size < 1e76)) {
    sums = Sums();
    for (int64_t i = 0; i < count; ++i) {
      const double g = gamma ? static_cast<double>(dy[i]) * gamma[i] : dy[i];
      sums.first += g;
      sums.second += g * (static_cast<double>(x[i]) - center);
    }
  }
  *sum_g = sums.first;
  *sum_gx = sums.second;
}

// The maps go through memory in order, one row after the other (see columns.cc).
template <bool kGamma, bool kBeta, bool kStream>
void ForwardAll(const RowForwardBlock& block) {
  for (int64_t row = 0; row < block.rows; ++row) {
    const float* x = block.x + row * block.stride;
    float* y = block.y + row * block.stride;
    const Float center = Fill(block.center[row]);
    const Float scale = Fill(block.scale[row]);
    const Float offset = Fill(block.offset[row]);
    int64_t c = 0;
    for (; c + kLanes <= block.columns; c += kLanes) {
      Float v = scale * (Load(x + c) - center) + offset;
      if (kGamma) v = Load(block.gamma + c) * v;
      if (kBeta) v = v + Load(block.beta + c);
      Put<kStream>(y + c, v);
    }
    if (c == block.columns) continue;
    const int64_t part = block.columns - c;
    Float v = scale * (LoadPart(x + c, part) - center) + offset;
    if (kGamma) v = LoadPart(block.gamma + c, part) * v;
    if (kBeta) v = v + LoadPart(block.beta + c, part);
    StorePart(y + c, v, part);
  }
  if (kStream) StreamFence();
}

template <bool kStream>
void ForwardWith(const RowForwardBlock& block) {
  if (block.gamma) {
    block.beta ? ForwardAll<true, true, kStream>(block) : ForwardAll<true, false, kStream>(block);
  } else {
    block.beta ? ForwardAll<false, true, kStream>(block) : ForwardAll<false, false, kStream>(block);
  }
}

void RowForward(const RowForwardBlock& block) {
  const bool stream = block.stream && StreamAligned(block.y, block.stride);
  stream ? ForwardWith<true>(block) : ForwardWith<false>(block);
}

// Rows that share one addition to dgamma and dbeta.
constexpr int kTogether = 4;

template <int kRows>
inline void AddParameterGradients(const RowBackwardBlock& block, int64_t row) {
  const float* dy = block.dy + row * block.stride;
  const float* x = block.x + row * block.stride;
  Float center[kRows], scale[kRows], offset[kRows];
  for (int u = 0; u < kRows; ++u) {
    center[u] = Fill(block.center[row + u]);
    scale[u] = Fill(block.scale[row + u]);
    offset[u] = Fill(block.offset[row + u]);
  }
  int64_t c = 0;
  for (; c + kLanes <= block.columns; c += kLanes) {
    Float dgamma = {};
    Float dbeta = {};
    for (int u = 0; u < kRows; ++u) {
      const Float g = Load(dy + u * block.stride + c);
      dgamma += g * (scale[u] * (Load(x + u * block.stride + c) - center[u]) + offset[u]);
      dbeta += g;
    }
    StoreDoubles(block.dgamma + c, LoadDoubles(block.dgamma + c) + Widen(dgamma));
    StoreDoubles(block.dbeta + c, LoadDoubles(block.dbeta + c) + Widen(dbeta));
  }
  for (; c < block.columns; ++c) {
    for (int u = 0; u < kRows; ++u) {
      const double g = dy[u * block.stride + c];
      const double xc = x[u * block.stride + c] - block.center[row + u];
      block.dgamma[c] += g * (block.scale[row + u] * xc + block.offset[row + u]);
      block.dbeta[c] += g;
    }
  }
}

template <bool kGamma, bool kStream>
inline void InputGradient(const RowBackwardBlock& block, int64_t row) {
  const float* dy = block.dy + row * block.stride;
  const float* x = block.x + row * block.stride;
  float* dx = block.dx + row * block.stride;
  const Float center = Fill(block.center[row]);
  const Float scale = Fill(block.scale[row]);
  const Float q = Fill(block.q[row]);
  const Float t = Fill(block.t[row]);
  int64_t c = 0;
  for (; c + kLanes <= block.columns; c += kLanes) {
    Float gh = Load(dy + c);
    if (kGamma) gh = Load(block.gamma + c) * gh;
    Put<kStream>(dx + c, scale * gh + (q * (Load(x + c) - center) + t));
  }
  if (c == block.columns) return;
  const int64_t part = block.columns - c;
  Float gh = LoadPart(dy + c, part);
  if (kGamma) gh = LoadPart(block.gamma + c, part) * gh;
  StorePart(dx + c, scale * gh + (q * (LoadPart(x + c, part) - center) + t), part);
}

template <bool kGamma, bool kStream>
void BackwardAll(const RowBackwardBlock& block) {
  for (int64_t row = 0; row < block.rows;) {
    const int64_t rows = row + kTogether <= block.rows ? kTogether : 1;
    if (block.dgamma) {
      rows == 1 ? AddParameterGradients<1>(block, row)
                : AddParameterGradients<kTogether>(block, row);
    }
    for (const int64_t end = row + rows; row < end; ++row)
      InputGradient<kGamma, kStream>(block, row);
  }
  if (kStream) StreamFence();
}

void RowBackward(const RowBackwardBlock& block) {
  const bool stream = block.stream && StreamAligned(block.dx, block.stride);
  if (block.gamma) {
    stream ? BackwardAll<true, true>(block) : BackwardAll<true, false>(block);
  } else {
    stream ? BackwardAll<false, true>(block) : BackwardAll<false, false>(block);
  }
}

}  // namespace

void RegisterRows(SimdKernels* kernels) {
  kernels->row_moments = RowMoments;
  kernels->row_square = RowSquare;
  kernels->row_sums = RowSums;
  kernels->row_forward = RowForward;
  kernels->row_backward = RowBackward;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
