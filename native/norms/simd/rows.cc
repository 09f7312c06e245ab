// Row kernels of core/host_simd.h: layer and RMS norm. A row is in the nearest cache while these run.
//
// Sums are float32 in many short chains, merged in double; where float32 overflows or underflows they are
// taken again in double.
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

// Adds terms(i, first, second) over all i < count: `vector` works on kLanes values from i, `scalar` on one.
template <typename VectorTerms, typename ScalarTerms>
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
    total.second += Sum((second[0] + second[1]) + (second[2] + second[3]));
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

void RowMoments(int64_t count, const float* x, double* mean, double* variance) {
  const double n = static_cast<double>(count);
  const float shift = x[0];
  const Float wide_shift = Fill(shift);
  const Sums rough = SumOver(
      count, [&](int64_t i, Float* sum, Float*) { *sum += Load(x + i) - wide_shift; },
      [&](int64_t i, double* sum, double*) { *sum += static_cast<double>(x[i]) - shift; });
  // A float, so that the differences are exact where the mean is large.
  const float center = static_cast<float>(shift + rough.first / n);
  const Float wide_center = Fill(center);
  Sums fine = SumOver(
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
  double from = center;
  if (fine.second != 0 && !Usable(fine.second)) {
    from = shift + CenteredInDouble(count, x, shift).first / n;
    fine = CenteredInDouble(count, x, from);
  }
  const double rest = fine.first / n;
  const double v = fine.second / n - rest * rest;
  *mean = from + rest;
  *variance = v < 0 ? 0 : v;
}

void RowSquare(int64_t count, const float* x, double* sum) {
  const Sums sums = SumOver(
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
  return SumOver(
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

// Rows that share one load of gamma and beta, and one addition to dgamma and dbeta.
constexpr int kTogether = 4;

template <int kRows, bool kGamma, bool kBeta, bool kStream>
inline void ForwardRows(const RowForwardBlock& block, int64_t row) {
  const float* x = block.x + row * block.stride;
  float* y = block.y + row * block.stride;
  Float center[kRows], scale[kRows], offset[kRows];
  for (int u = 0; u < kRows; ++u) {
    center[u] = Fill(block.center[row + u]);
    scale[u] = Fill(block.scale[row + u]);
    offset[u] = Fill(block.offset[row + u]);
  }
  int64_t c = 0;
  for (; c + kLanes <= block.columns; c += kLanes) {
    const Float gamma = kGamma ? Load(block.gamma + c) : Float{};
    const Float beta = kBeta ? Load(block.beta + c) : Float{};
    for (int u = 0; u < kRows; ++u) {
      const int64_t at = u * block.stride + c;
      Float v = scale[u] * (Load(x + at) - center[u]) + offset[u];
      if (kGamma) v = gamma * v;
      if (kBeta) v = v + beta;
      Put<kStream>(y + at, v);
    }
  }
  if (c == block.columns) return;
  const int64_t part = block.columns - c;
  const Float gamma = kGamma ? LoadPart(block.gamma + c, part) : Float{};
  const Float beta = kBeta ? LoadPart(block.beta + c, part) : Float{};
  for (int u = 0; u < kRows; ++u) {
    const int64_t at = u * block.stride + c;
    Float v = scale[u] * (LoadPart(x + at, part) - center[u]) + offset[u];
    if (kGamma) v = gamma * v;
    if (kBeta) v = v + beta;
    StorePart(y + at, v, part);
  }
}

template <bool kGamma, bool kBeta, bool kStream>
void ForwardAll(const RowForwardBlock& block) {
  int64_t row = 0;
  for (; row + kTogether <= block.rows; row += kTogether) {
    ForwardRows<kTogether, kGamma, kBeta, kStream>(block, row);
  }
  for (; row < block.rows; ++row) ForwardRows<1, kGamma, kBeta, kStream>(block, row);
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

// One column vector (or a part of one) of kRows rows.
template <int kRows, bool kGamma, bool kStream, bool kPart>
inline void BackwardColumn(const RowBackwardBlock& block, int64_t row, int64_t c, int64_t part,
                           const Float* center, const Float* scale, const Float* offset,
                           const Float* q, const Float* t) {
  const auto load = [part](const float* p) { return kPart ? LoadPart(p, part) : Load(p); };
  const Float gamma = kGamma ? load(block.gamma + c) : Float{};
  Float dgamma = {};
  Float dbeta = {};
  for (int u = 0; u < kRows; ++u) {
    const int64_t at = (row + u) * block.stride + c;
    const Float dy = load(block.dy + at);
    const Float xc = load(block.x + at) - center[u];
    dgamma += dy * (scale[u] * xc + offset[u]);
    dbeta += dy;
    const Float gh = kGamma ? gamma * dy : dy;
    const Float dx = scale[u] * gh + (q[u] * xc + t[u]);
    if (kPart) {
      StorePart(block.dx + at, dx, part);
    } else {
      Put<kStream>(block.dx + at, dx);
    }
  }
  if (kPart) {
    const Wide g = Widen(dgamma), b = Widen(dbeta);
    for (int64_t i = 0; i < part; ++i) {
      constexpr int kHalf = kLanes / 2;
      block.dgamma[c + i] += i < kHalf ? g.low[i] : g.high[i - kHalf];
      block.dbeta[c + i] += i < kHalf ? b.low[i] : b.high[i - kHalf];
    }
  } else {
    StoreDoubles(block.dgamma + c, LoadDoubles(block.dgamma + c) + Widen(dgamma));
    StoreDoubles(block.dbeta + c, LoadDoubles(block.dbeta + c) + Widen(dbeta));
  }
}

template <int kRows, bool kGamma, bool kStream>
inline void BackwardRows(const RowBackwardBlock& block, int64_t row) {
  Float center[kRows], scale[kRows], offset[kRows], q[kRows], t[kRows];
  for (int u = 0; u < kRows; ++u) {
    center[u] = Fill(block.center[row + u]);
    scale[u] = Fill(block.scale[row + u]);
    offset[u] = Fill(block.offset[row + u]);
    q[u] = Fill(block.q[row + u]);
    t[u] = Fill(block.t[row + u]);
  }
  int64_t c = 0;
  for (; c + kLanes <= block.columns; c += kLanes) {
    BackwardColumn<kRows, kGamma, kStream, false>(block, row, c, 0, center, scale, offset, q, t);
  }
  if (c < block.columns) {
    BackwardColumn<kRows, kGamma, kStream, true>(block, row, c, block.columns - c, center, scale,
                                                 offset, q, t);
  }
}

template <bool kGamma, bool kStream>
void BackwardAll(const RowBackwardBlock& block) {
  int64_t row = 0;
  for (; row + kTogether <= block.rows; row += kTogether) {
    BackwardRows<kTogether, kGamma, kStream>(block, row);
  }
  for (; row < block.rows; ++row) BackwardRows<1, kGamma, kStream>(block, row);
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
