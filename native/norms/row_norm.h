// Row normalizers: layer norm and RMS norm over contiguous rows x[row, column].
//
//   layer     mu = mean x, rho = 1 / sqrt(mean (x - mu)^2 + eps), xhat = rho * (x - mu)
//             y = gamma[col] * xhat + beta[col]
//             dx = rho * (gh - mean(gh) - xhat * mean(gh * xhat)),  gh = gamma * dy
//   rms       ms = mean over the first k columns of x^2 (k = columns unless `partial`)
//             rho = 1 / sqrt(ms + eps), or 1 / (sqrt(ms) + eps) with epsilon outside the root
//             y = gamma * x * rho + beta
//             dx = rho * (gh - x * f * sum(gh * x) / k),  the second term for the first k columns
//             only, f = rho^2 inside, rho / sqrt(ms) outside (0 where ms = 0)
//   both      dgamma[col] = sum over rows of dy * xhat (x * rho),  dbeta[col] = sum over rows of dy
//   layer with one column: y = beta and dx = 0, exactly.
//
// The mean is the pair hi + lo (view.h); a corrected two-pass over the resident row. Saved for
// backward: layer [3, rows] = hi, lo, variance; rms [1, rows] = ms. Papers: arXiv 1607.06450
// (layer), 1910.07467 (RMS).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace tfjs_norm {

enum class RowStatistic { kLayer, kRms };

struct RowNormForward {
  RowStatistic statistic = RowStatistic::kLayer;
  int64_t rows = 0;
  int64_t columns = 0;
  double epsilon = 0;
  bool epsilon_inside = true;  // rms only
  int64_t partial = 0;         // rms only: columns that enter the statistic, 0 = all
  const float* x = nullptr;
  const float* gamma = nullptr;  // [columns] or null
  const float* beta = nullptr;   // [columns] or null
  float* y = nullptr;
  float* statistics = nullptr;  // [3, rows] or [1, rows]
};

struct RowNormBackward {
  RowStatistic statistic = RowStatistic::kLayer;
  int64_t rows = 0;
  int64_t columns = 0;
  double epsilon = 0;
  bool epsilon_inside = true;
  int64_t partial = 0;
  const float* dy = nullptr;
  const float* x = nullptr;
  const float* gamma = nullptr;
  const float* statistics = nullptr;
  float* dx = nullptr;
  float* dgamma = nullptr;  // [columns] or null
  float* dbeta = nullptr;   // [columns] or null
};

// As in set_norm.h. CUDA: one launch forward; backward one, plus one for the parameter
// gradients. Rows beyond 32768 columns (8192 backward; fewer where columns % 4 != 0) are split over
// blocks: two and three.
namespace host {
size_t WorkspaceBytes(const RowNormForward& args);
size_t WorkspaceBytes(const RowNormBackward& args);
Status Run(const RowNormForward& args, void* workspace);
Status Run(const RowNormBackward& args, void* workspace);
}  // namespace host

namespace cuda {
size_t WorkspaceBytes(const RowNormForward& args);
size_t WorkspaceBytes(const RowNormBackward& args);
Status Run(const RowNormForward& args, void* workspace, void* stream);
Status Run(const RowNormBackward& args, void* workspace, void* stream);
}  // namespace cuda

}  // namespace tfjs_norm
