// Host layer and RMS norm, what forward and backward share. Rows of up to kPieceColumns values are
// done some at a time by one thread, the second reading out of its cache; longer rows are cut into
// pieces that all threads share. Every sum is cut by shape alone: results do not depend on the
// threads.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/host_grid.h"
#include "core/host_simd.h"
#include "core/thread_pool.h"
#include "norms/row_norm.h"

namespace tfjs_norm {
namespace host {

constexpr int64_t kPieceColumns = 32 * 1024;
// Rows whose statistics are taken before the first of them is written.
constexpr int64_t kMaxBatch = 64;
constexpr int64_t kForwardBatch = 1 * 1024;    // elements: x in the first-level cache
constexpr int64_t kBackwardBatch = 16 * 1024;  // x and dy in the second
// Long rows: elements that stay in the shared cache between the two readings.
constexpr int64_t kGroupElements = 1 << 20;

template <typename Args>
struct Cut {
  int64_t pieces;     // of a row
  int64_t columns;    // of a piece
  int64_t batch;      // rows
  int64_t statistic;  // columns that enter the statistic

  Cut(const Args& args, int64_t resident) {
    pieces = CeilDiv(args.columns, kPieceColumns);
    columns = CeilDiv(CeilDiv(args.columns, pieces), kMaxColumns) * kMaxColumns;
    if (pieces == 1) columns = args.columns;
    pieces = CeilDiv(args.columns, columns);
    const int64_t elements = pieces == 1 ? resident : kGroupElements;
    batch = std::clamp<int64_t>(elements / args.columns, 1, kMaxBatch);
    if (batch >= 4) batch -= batch % 4;
    statistic = args.statistic == RowStatistic::kRms && args.partial ? args.partial : args.columns;
  }
  int64_t start(int64_t piece) const { return piece * columns; }
  int64_t width(int64_t piece, int64_t limit) const {
    return std::clamp<int64_t>(limit - start(piece), 0, columns);
  }
};

// What the kernels want of each row of a batch.
struct Batch {
  float center[kMaxBatch];
  float scale[kMaxBatch];
  float offset[kMaxBatch];
  float q[kMaxBatch];
  float t[kMaxBatch];
};

// Two sums per row and piece: mean and variance, or square and nothing, or the gradient's sums.
struct Pair {
  double first;
  double second;
};

template <typename Args>
double RmsRho(const Args& args, double mean_square) {
  return args.epsilon_inside ? 1 / std::sqrt(mean_square + args.epsilon)
                             : 1 / (std::sqrt(mean_square) + args.epsilon);
}

}  // namespace host
}  // namespace tfjs_norm
