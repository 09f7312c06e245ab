// Host layer and RMS norm, forward.
#include "norms/row_norm_cpu.h"

namespace tfjs_norm {
namespace host {
namespace {

Pair StatisticsOf(const RowNormForward& args, const Cut<RowNormForward>& cut, int64_t row,
                  int64_t piece) {
  const float* x = args.x + row * args.columns + cut.start(piece);
  const int64_t count = cut.width(piece, cut.statistic);
  Pair out = {0, 0};
  if (count == 0) return out;
  if (args.statistic == RowStatistic::kLayer) {
    Simd().row_moments(count, x, &out.first, &out.second);
  } else {
    Simd().row_square(count, x, &out.first);
  }
  return out;
}

// Chan's formula over the pieces, relative to the first.
Pair MergeMoments(const Cut<RowNormForward>& cut, int64_t total, const Pair* parts) {
  if (cut.pieces == 1) return parts[0];
  const double n = static_cast<double>(total);
  double rest = 0;
  for (int64_t i = 0; i < cut.pieces; ++i) {
    rest += static_cast<double>(cut.width(i, total)) * (parts[i].first - parts[0].first);
  }
  const double mean = parts[0].first + rest / n;
  double m2 = 0;
  for (int64_t i = 0; i < cut.pieces; ++i) {
    const double d = parts[i].first - mean;
    m2 += static_cast<double>(cut.width(i, total)) * (parts[i].second + d * d);
  }
  return {mean, m2 / n};
}

// Saves the statistics of `row` and sets entry i of the batch.
void FinishForward(const RowNormForward& args, const Cut<RowNormForward>& cut, int64_t row,
                   const Pair* parts, int64_t i, Batch* batch) {
  if (args.statistic == RowStatistic::kRms) {
    double sum = 0;
    for (int64_t p = 0; p < cut.pieces; ++p) sum += parts[p].first;
    const double mean_square = sum / static_cast<double>(cut.statistic);
    args.statistics[row] = static_cast<float>(mean_square);
    batch->center[i] = 0;
    batch->scale[i] = static_cast<float>(RmsRho(args, mean_square));
    batch->offset[i] = 0;
    return;
  }
  const Pair moments = MergeMoments(cut, args.columns, parts);
  const float hi = static_cast<float>(moments.first);
  const double lo = moments.first - hi;
  args.statistics[row] = hi;
  args.statistics[args.rows + row] = static_cast<float>(lo);
  args.statistics[2 * args.rows + row] = static_cast<float>(moments.second);
  const double rho = args.columns == 1 ? 0 : 1 / std::sqrt(moments.second + args.epsilon);
  batch->center[i] = hi;
  batch->scale[i] = static_cast<float>(rho);
  batch->offset[i] = static_cast<float>(-rho * lo);
}

RowForwardBlock ForwardBlock(const RowNormForward& args, const Cut<RowNormForward>& cut,
                             int64_t row, int64_t rows, int64_t piece, const Batch& batch) {
  const int64_t column = cut.start(piece);
  RowForwardBlock block;
  block.rows = rows;
  block.columns = cut.width(piece, args.columns);
  block.stride = args.columns;
  block.x = args.x + row * args.columns + column;
  block.gamma = args.gamma ? args.gamma + column : nullptr;
  block.beta = args.beta ? args.beta + column : nullptr;
  block.y = args.y + row * args.columns + column;
  block.center = batch.center;
  block.scale = batch.scale;
  block.offset = batch.offset;
  block.stream = args.rows * args.columns >= kStreamElements;
  return block;
}

void ForwardLongRows(const RowNormForward& args, const Cut<RowNormForward>& cut, Pair* parts) {
  for (int64_t row = 0; row < args.rows; row += cut.batch) {
    const int64_t rows = std::min(cut.batch, args.rows - row);
    const int64_t elements = rows * args.columns;
    ParallelFor(rows * cut.pieces, elements, [&](int64_t task, int) {
      parts[task] = StatisticsOf(args, cut, row + task / cut.pieces, task % cut.pieces);
    });
    Batch batch;
    for (int64_t i = 0; i < rows; ++i) {
      FinishForward(args, cut, row + i, parts + i * cut.pieces, i, &batch);
    }
    ParallelFor(cut.pieces, elements, [&](int64_t piece, int) {
      Simd().row_forward(ForwardBlock(args, cut, row, rows, piece, batch));
    });
  }
}

}  // namespace

size_t WorkspaceBytes(const RowNormForward& args) {
  if (args.rows * args.columns == 0) return 0;
  const Cut<RowNormForward> cut(args, kForwardBatch);
  return cut.pieces > 1 ? static_cast<size_t>(cut.batch * cut.pieces) * sizeof(Pair) : 0;
}

Status Run(const RowNormForward& args, void* workspace) {
  if (args.rows * args.columns == 0) return Ok();
  const Cut<RowNormForward> cut(args, kForwardBatch);
  if (cut.pieces > 1) {
    ForwardLongRows(args, cut, static_cast<Pair*>(workspace));
    return Ok();
  }
  const int64_t rows_in_task = CeilDiv(CeilDiv(kTileElements, args.columns), cut.batch) * cut.batch;
  const auto task = [&](int64_t index, int) {
    const int64_t end = std::min((index + 1) * rows_in_task, args.rows);
    for (int64_t row = index * rows_in_task; row < end; row += cut.batch) {
      const int64_t rows = std::min(cut.batch, end - row);
      Pair parts[kMaxBatch];
      for (int64_t i = 0; i < rows; ++i) parts[i] = StatisticsOf(args, cut, row + i, 0);
      Batch batch;
      for (int64_t i = 0; i < rows; ++i) {
        FinishForward(args, cut, row + i, &parts[i], i, &batch);
      }
      Simd().row_forward(ForwardBlock(args, cut, row, rows, 0, batch));
    }
  };
  ParallelFor(CeilDiv(args.rows, rows_in_task), args.rows * args.columns, task);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
