// Channels-first kernels of core/host_simd.h: contiguous values that share one statistic.
#include "core/host_simd.h"
#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

// Independent sums, so that one addition need not wait for the last.
constexpr int kChains = 4;

void LineMoments(int64_t count, const float* x, float shift, double* sum, double* square) {
  const double k = shift;
  const Wide wide_k = Widen(Fill(shift));
  Wide s[kChains] = {};
  Wide q[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
    for (int u = 0; u < kChains; ++u) {
      const Wide d = LoadWide(x + i + u * kLanes) - wide_k;
      s[u] = s[u] + d;
      q[u] = q[u] + d * d;
    }
  }
  for (; i + kLanes <= count; i += kLanes) {
    const Wide d = LoadWide(x + i) - wide_k;
    s[0] = s[0] + d;
    q[0] = q[0] + d * d;
  }
  double total = Sum((s[0] + s[1]) + (s[2] + s[3]));
  double total_square = Sum((q[0] + q[1]) + (q[2] + q[3]));
  for (; i < count; ++i) {
    const double d = x[i] - k;
    total += d;
    total_square += d * d;
  }
  *sum = total;
  *square = total_square;
}

void LineSums(int64_t count, const float* dy, const float* x, float center, double* sum_g,
              double* sum_gx) {
  const Float k = Fill(center);
  Wide s[kChains] = {};
  Wide q[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
    for (int u = 0; u < kChains; ++u) {
      const Wide g = LoadWide(dy + i + u * kLanes);
      s[u] = s[u] + g;
      q[u] = q[u] + g * Widen(Load(x + i + u * kLanes) - k);
    }
  }
  for (; i + kLanes <= count; i += kLanes) {
    const Wide g = LoadWide(dy + i);
    s[0] = s[0] + g;
    q[0] = q[0] + g * Widen(Load(x + i) - k);
  }
  double total = Sum((s[0] + s[1]) + (s[2] + s[3]));
  double total_product = Sum((q[0] + q[1]) + (q[2] + q[3]));
  for (; i < count; ++i) {
    const double g = dy[i];
    total += g;
    total_product += g * (x[i] - center);
  }
  *sum_g = total;
  *sum_gx = total_product;
}

// The values before the first vector boundary of y; a streamed line starts there.
int64_t Head(const float* y, int64_t count) {
  const int64_t past =
      static_cast<int64_t>(reinterpret_cast<uintptr_t>(y) / sizeof(float)) % kLanes;
  const int64_t head = past == 0 ? 0 : kLanes - past;
  return head < count ? head : count;
}

template <bool kStream>
void ApplyAll(int64_t count, const float* x, const Affine& by, float* y) {
  const float center = *by.center, a = *by.a, b = *by.b;
  const Float wide_center = Fill(center), wide_a = Fill(a), wide_b = Fill(b);
  int64_t i = 0;
  for (const int64_t head = kStream ? Head(y, count) : 0; i < head; ++i) {
    y[i] = a * (x[i] - center) + b;
  }
  for (; i + kLanes <= count; i += kLanes) {
    Put<kStream>(y + i, wide_a * (Load(x + i) - wide_center) + wide_b);
  }
  for (; i < count; ++i) y[i] = a * (x[i] - center) + b;
  if (kStream) StreamFence();
}

template <bool kStream>
void ApplyGradAll(int64_t count, const float* dy, const float* x, const GradAffine& by, float* dx) {
  const float center = *by.center, p = *by.p, q = *by.q, t = *by.t;
  const Float wide_center = Fill(center), wide_p = Fill(p), wide_q = Fill(q), wide_t = Fill(t);
  int64_t i = 0;
  for (const int64_t head = kStream ? Head(dx, count) : 0; i < head; ++i) {
    dx[i] = p * dy[i] + (q * (x[i] - center) + t);
  }
  for (; i + kLanes <= count; i += kLanes) {
    const Float xc = Load(x + i) - wide_center;
    Put<kStream>(dx + i, wide_p * Load(dy + i) + (wide_q * xc + wide_t));
  }
  for (; i < count; ++i) dx[i] = p * dy[i] + (q * (x[i] - center) + t);
  if (kStream) StreamFence();
}

void LineApply(int64_t count, const float* x, const Affine& by, float* y, bool stream) {
  stream ? ApplyAll<true>(count, x, by, y) : ApplyAll<false>(count, x, by, y);
}

void LineApplyGrad(int64_t count, const float* dy, const float* x, const GradAffine& by, float* dx,
                   bool stream) {
  stream ? ApplyGradAll<true>(count, dy, x, by, dx) : ApplyGradAll<false>(count, dy, x, by, dx);
}

}  // namespace

void RegisterLines(SimdKernels* kernels) {
  kernels->line_moments = LineMoments;
  kernels->line_sums = LineSums;
  kernels->line_apply = LineApply;
  kernels->line_apply_grad = LineApplyGrad;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
