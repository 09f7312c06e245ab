// The vectorised inner loops of the host kernels. The files in simd/ folders are compiled once per
// instruction set into tables of functions; Simd() is the best table this processor runs.
//
// Plain structs only: a function defined here would be compiled with several instruction sets, and
// the linker would keep any one of them.
#pragma once

#include <cstdint>

#include "core/fixup_map.h"
#include "core/philox.h"
#include "core/selu_map.h"

namespace tfjs_norm {
namespace host {

// Some positions x some channels of a channels-last tensor: x[position * stride + channel].
struct Columns {
  int64_t positions;
  int64_t channels;  // at most kMaxColumns
  int64_t stride;
};
constexpr int64_t kMaxColumns = 1024;

// How the passes over the tensor turn values into results.
enum class Map {
  kAffine,   // y = z = a * (x - center) + b,  dx = p * dy + q * (x - center) + t
  kBounded,  // y = min(max(z, lower), upper); dy counts where z is within the bounds (bounds.h)
  kClamped,  // the same between two values, the same for all channels
  kTanh,     // y = a * f + b, f = tanh(theta * x),  dx = gamma * dy * df/dx
  kGate,     // y = a * f + b, f = x * sigmoid(theta * x),
             // dx = p * dy * df/dx + q * (x - center) + t
  kZone,     // y = b within [low, high], a * x + b elsewhere; dx = a * dy elsewhere
  kSoftZone  // y = a * f + b, f = u * (sigmoid(u - r) + sigmoid(-u - r)), u = theta * x
};

// A map and the arrays over the channels that a pass takes, in this order:
//   apply       center, a, b      bounded: center, a, b, lower, upper   tanh, gate: theta, a, b
//               (clamped: as without bounds, its sums and gradients as bounded without them)
//                                 zone: low, high, a, b                 soft zone: theta, r, a, b
//   sums        center            bounded: center, a, b, lower, upper   gate: theta
//   apply_grad  center, p, q, t   bounded: center, p, q, t, a, b, lower, upper
//                                 gate: center, p, q, t, theta          zone: low, high, a
//   sums_grad   center, p (q and t are 0)   tanh: theta, gamma          soft zone: theta, r, a
constexpr int kMaxArrays = 8;
struct Coefficients {
  Map map;
  const float* arrays[kMaxArrays];
  float lower = 0, upper = 0;  // of kClamped
};
constexpr int kMaxSums = 3;
inline int SumCount(Map map) {
  if (map == Map::kSoftZone) return 1;
  return map == Map::kAffine || map == Map::kClamped ? 2 : 3;
}

// Of core/host_pairs.h.
struct FinishedMoments;
struct CenteredSums;
struct MergedPairs;

struct RowForwardBlock {
  int64_t rows;
  int64_t columns;
  int64_t stride;  // between rows
  const float* x;
  const float* gamma;  // may be null
  const float* beta;   // may be null
  float* y;
  const float*
      center;  // per row, as are the others: y = gamma * (scale * (x - center) + offset) + beta
  const float* scale;
  const float* offset;
  bool stream;
};

// xhat = scale * (x - center) + offset, gh = gamma * dy, dx = scale * gh + q * (x - center) + t.
struct RowBackwardBlock {
  int64_t rows;
  int64_t columns;
  int64_t stride;  // between rows
  const float* dy;
  const float* x;
  const float* gamma;  // may be null
  float* dx;
  const float* center;
  const float* scale;
  const float* offset;
  const float* q;
  const float* t;
  double* dgamma;  // added to, as is dbeta; null when neither is wanted
  double* dbeta;
  bool stream;
};

// Rows `stride` apart of a small matrix.
struct Matrix {
  int64_t rows;
  int64_t columns;
  int64_t stride;
  const float* data;
};
struct WideMatrix {
  int64_t rows;
  int64_t columns;
  int64_t stride;
  const double* data;
};

// Element functions over arrays (simd/functions.h).
struct Functions {
  using Function = void (*)(int64_t count, const float* x, float* y);
  Function exp;
  Function expm1;
  Function negative_expm1;
  Function sigmoid;
  Function sigmoid_value;  // of SigmoidWithSlope
  Function sigmoid_slope;
  Function tanh;
  Function tanh_value;  // of TanhWithSlope
  Function tanh_slope;
};

// Of norms/online_norm_simd.h.
struct OnlineOutput;
struct OnlineForwardStep;
struct OnlineBackwardStep;

// Of norms/attentive_norm_simd.h.
struct AttentiveSqueeze;
struct AttentiveForwardStep;
struct AttentiveGradients;
struct AttentiveChannelSums;
struct AttentiveBackwardStep;

// Of norms/switchable_norm_simd.h.
struct SwitchableForwardStep;
struct SwitchableGradSums;
struct SwitchableBackwardStep;

// Lines of `count` contiguous values, each `stride` after the last.
struct SeluBlock {
  int64_t lines;
  int64_t count;
  int64_t stride;
  const float* x;
  float* y;
  SeluMap map;
  uint32_t least;         // kept where the random word is not below it; 0: everything, without any
  philox::Stream random;  // of the words from first_word on, the same in all lines
  uint64_t first_word;
  bool stream;
};

struct SeluGradBlock {
  int64_t count;
  const float* dy;
  const float* y;
  float* dx;
  SeluMap map;
  bool masked;  // y == dropped passes nothing on, not even NaN
  bool stream;
};

// Of norms/equi_norm.h. `power` is p, the factors are those of the sums: to its power.
struct EquiBlock {
  int64_t rows;
  int64_t columns;
  int64_t stride;  // between rows
  double power;
  const float* x;
  const double* row_factors;
  const double* column_factors;
  double* row_sums;
  double* column_sums;  // added to
};

struct EquiScaleBlock {
  int64_t rows;
  int64_t columns;
  int64_t stride;  // between rows
  const float* x;
  float* y;
  const float* row_factors;
  const float* column_factors;
  bool stream;
};

// Contiguous values of the maps of norms/fixup.h; a null pointer is of what there is not.
struct FixupBlock {
  int64_t count;
  bool relu;
  FixupScalars<float> scalars;
  const float* x;
  const float* residual;
  float* y;
  bool stream;
};

struct FixupGradBlock {
  static constexpr int kSums = 3;
  int64_t count;
  bool relu;
  FixupScalars<float> scalars;
  const float* dy;
  const float* x;
  const float* residual;
  float* dx;
  float* dz;
  double* sums;  // of dz * x, dz and dy
  bool stream;
};

struct SimdKernels {
  const char* name;

  // Sums over the positions, in double, of (x - shift) and its square.
  void (*column_moments)(const Columns&, const float* x, const float* shift, double* sum,
                         double* square);
  // `sums`: of dy and of dy * (x - center); bounded: of dy within the bounds, and of dy out of
  // them; clamped: of dy within the bounds; tanh, gate: of dy, dy * f and dy * df/dtheta; soft
  // zone: of a * dy * df/dr alone.
  void (*column_sums)(const Columns&, const float* dy, const float* x, const Coefficients&,
                      double* const* sums);
  // dx as well, of maps whose dx does not need the sums.
  void (*column_sums_grad)(const Columns&, const float* dy, const float* x, const Coefficients&,
                           double* const* sums, float* dx, bool stream);
  void (*finish_moments)(const FinishedMoments&);
  void (*center_sums)(const CenteredSums&);
  void (*merge_pairs)(const MergedPairs&);
  // `stream`: stores that bypass the caches, where the alignment allows it.
  void (*column_apply)(const Columns&, const float* x, const Coefficients&, float* y, bool stream);
  void (*column_apply_grad)(const Columns&, const float* dy, const float* x, const Coefficients&,
                            float* dx, bool stream);

  // The same over `count` contiguous values that share one statistic; the arrays have one element.
  void (*line_moments)(int64_t count, const float* x, float shift, double* sum, double* square);
  void (*line_sums)(int64_t count, const float* dy, const float* x, const Coefficients&,
                    double* const* sums);
  void (*line_sums_grad)(int64_t count, const float* dy, const float* x, const Coefficients&,
                         double* const* sums, float* dx, bool stream);
  void (*line_apply)(int64_t count, const float* x, const Coefficients&, float* y, bool stream);
  void (*line_apply_grad)(int64_t count, const float* dy, const float* x, const Coefficients&,
                          float* dx, bool stream);

  // Rows (row_norm.h). row_moments: mean and biased variance of a row; row_square: sum of x^2;
  // row_sums: of gh and gh * (x - center).
  void (*row_moments)(int64_t count, const float* x, double* mean, double* variance);
  void (*row_square)(int64_t count, const float* x, double* sum);
  void (*row_sums)(int64_t count, const float* dy, const float* x, const float* gamma, float center,
                   double* sum_g, double* sum_gx);
  void (*row_forward)(const RowForwardBlock&);
  void (*row_backward)(const RowBackwardBlock&);

  // Small products in double. row_products: out[r] += sum_c m[r, c] * a[c]; mix: out[c] = sum_r
  // weights[r * weight_stride] * m[r, c].
  void (*row_products)(const Matrix&, const double* a, double* out);
  void (*mix_rows)(const Matrix&, const double* weights, int64_t weight_stride, double* out);
  void (*mix_wide_rows)(const WideMatrix&, const double* weights, int64_t weight_stride,
                        double* out);

  void (*online_output)(const OnlineOutput&);
  void (*online_forward)(const OnlineForwardStep&);
  void (*online_backward)(const OnlineBackwardStep&);

  void (*equi_sums)(const EquiBlock&);
  void (*equi_scale)(const EquiScaleBlock&);

  void (*attentive_squeeze)(const AttentiveSqueeze&);
  void (*attentive_forward)(const AttentiveForwardStep&);
  void (*attentive_gradients)(const AttentiveGradients&);
  void (*attentive_channel_sums)(const AttentiveChannelSums&);
  void (*attentive_backward)(const AttentiveBackwardStep&);

  void (*switchable_forward)(const SwitchableForwardStep&);
  void (*switchable_grad_sums)(const SwitchableGradSums&);
  void (*switchable_backward)(const SwitchableBackwardStep&);

  Functions functions;

  // Element-wise maps (selu_map.h), and the gradient of SELU's from its y (norms/selu.h).
  void (*selu_forward)(const SeluBlock&);
  void (*selu_grad)(const SeluGradBlock&);
  void (*fixup_forward)(const FixupBlock&);
  void (*fixup_grad)(const FixupGradBlock&);

  // Words `first` and on of a stream.
  void (*philox_words)(const philox::Stream&, uint64_t first, int64_t count, uint32_t* words);
};

const SimdKernels& Simd();

// Null where this processor or build lacks the instruction set ("base", "avx2", "avx512").
const SimdKernels* FindSimd(const char* name);

// Tests: Simd() is this table from now on; null: the best one again.
void UseSimd(const SimdKernels* kernels);

}  // namespace host
}  // namespace tfjs_norm
