// What the row kernels share: the arguments as kernels take them, and the two halves of the engine.
#pragma once

#include "core/portable.h"
#include "norms/row_norm.h"

namespace tfjs_norm {
namespace cuda {

template <int V>
NORM_DEVICE Vec<V> LoadOr(const float* from, int64_t at, float otherwise) {
  if (from) return Load<V>(from + at);
  Vec<V> values;
  NORM_UNROLL
  for (int v = 0; v < V; ++v) values.v[v] = otherwise;
  return values;
}

// The statistic of either kind; `count` columns enter it.
struct RowScale {
  bool layer;
  bool epsilon_inside;
  float epsilon;
  int64_t count;

  template <class Args>
  static RowScale Make(const Args& args) {
    RowScale s;
    s.layer = args.statistic == RowStatistic::kLayer;
    s.epsilon_inside = s.layer || args.epsilon_inside;
    s.epsilon = static_cast<float>(args.epsilon);
    s.count = !s.layer && args.partial > 0 ? args.partial : args.columns;
    return s;
  }

  // `variance` is the mean square for rms.
  NORM_DEVICE float Rho(float variance) const {
    return epsilon_inside ? 1.0f / sqrtf(variance + epsilon) : 1.0f / (sqrtf(variance) + epsilon);
  }
};

struct RowForwardArgs : RowScale {
  int64_t rows;
  const float* x;
  const float* gamma;
  const float* beta;
  float* y;
  float* statistics;

  static RowForwardArgs Make(const RowNormForward& args) {
    return {RowScale::Make(args), args.rows, args.x, args.gamma, args.beta, args.y,
            args.statistics};
  }

  NORM_DEVICE void WriteStatistics(int64_t row, float hi, float lo, float variance) const {
    if (layer) {
      statistics[row] = hi;
      statistics[rows + row] = lo;
      statistics[2 * rows + row] = variance;
    } else {
      statistics[row] = variance;
    }
  }
};

// What dx needs of a row: dx = rho * (gh - from_mean - xhat * from_scale).
struct RowCenter {
  float hi, lo, rho;
  float slope;  // from_scale = slope * sum(gh * xhat)

  NORM_DEVICE float Normalize(float x) const { return rho * ((x - hi) - lo); }
};

struct RowBackwardArgs : RowScale {
  int64_t rows;
  const float* dy;
  const float* x;
  const float* gamma;
  const float* statistics;
  float* dx;
  bool parts;  // of dgamma and dbeta are wanted

  static RowBackwardArgs Make(const RowNormBackward& args, bool parts) {
    return {RowScale::Make(args), args.rows,       args.dy, args.x,
            args.gamma,           args.statistics, args.dx, parts};
  }

  NORM_DEVICE RowCenter Center(int64_t row) const {
    RowCenter c;
    c.hi = layer ? statistics[row] : 0.0f;
    c.lo = layer ? statistics[rows + row] : 0.0f;
    const float variance = statistics[layer ? 2 * rows + row : row];
    c.rho = Rho(variance);
    const float scale = 1.0f / static_cast<float>(count);
    // Outside the root d rho / d x has 1 / sqrt(ms) where the formula inside has rho; at ms = 0
    // there is no slope.
    if (epsilon_inside) {
      c.slope = scale;
    } else {
      c.slope = variance == 0.0f ? 0.0f : scale / (c.rho * sqrtf(variance));
    }
    return c;
  }
};

inline bool ParametersWanted(const RowNormBackward& args) { return args.dgamma || args.dbeta; }

// row_norm_long.cu: rows split over blocks and read twice.
size_t LongRowWorkspaceBytes(const RowNormForward& args);
size_t LongRowWorkspaceBytes(const RowNormBackward& args);
Status RunLongRows(const RowNormForward& args, void* workspace, void* stream);
Status RunLongRows(const RowNormBackward& args, void* workspace, void* stream);

// Backward blocks leave their parts of dgamma and dbeta, [parts, columns], for a sum. Every part
// has this many rows or more, so that the parts take an eighth of dx's memory at most.
constexpr int64_t kPartRows = 16;
// Parts so few would leave a GPU idle: blocks then take rows as if no part were wanted, and a
// launch of its own reads x and dy again, which a cache holds as a rule.
constexpr int64_t kFewParts = 96;

// row_norm_parameters.cu: dgamma and dbeta from [items, columns] parts, or from x and dy.
Status LaunchParameterSums(int64_t items, int64_t columns, const float* gamma_terms,
                           const float* beta_terms, const RowNormBackward& args, void* stream);
Status LaunchParameterGradients(const RowNormBackward& args, bool vector, void* stream);

}  // namespace cuda
}  // namespace tfjs_norm
