// Host layer and RMS norm, backward.
#include "core/host_plan.h"
#include "core/workspace.h"
#include "norms/row_norm_cpu.h"

namespace tfjs_norm {
namespace host {
namespace {

Pair GradSumsOf(const RowNormBackward& args, const Cut<RowNormBackward>& cut, int64_t row,
                int64_t piece) {
  const int64_t column = cut.start(piece);
  const int64_t at = row * args.columns + column;
  const float center = args.statistic == RowStatistic::kLayer ? args.statistics[row] : 0;
  Pair out;
  Simd().row_sums(cut.width(piece, args.columns), args.dy + at, args.x + at,
                  args.gamma ? args.gamma + column : nullptr, center, &out.first, &out.second);
  return out;
}

void FinishBackward(const RowNormBackward& args, const Cut<RowNormBackward>& cut, int64_t row,
                    const Pair* parts, int64_t i, Batch* batch) {
  double sum_g = 0;
  double sum_gx = 0;
  for (int64_t p = 0; p < cut.pieces; ++p) {
    sum_g += parts[p].first;
    sum_gx += parts[p].second;
  }
  const double scale = 1.0 / static_cast<double>(cut.statistic);
  if (args.statistic == RowStatistic::kRms) {
    const double mean_square = args.statistics[row];
    const double rho = RmsRho(args, mean_square);
    double slope = rho * rho;
    if (!args.epsilon_inside) slope = mean_square > 0 ? rho / std::sqrt(mean_square) : 0;
    batch->center[i] = 0;
    batch->scale[i] = static_cast<float>(rho);
    batch->offset[i] = 0;
    batch->q[i] = static_cast<float>(-rho * slope * sum_gx * scale);
    batch->t[i] = 0;
    return;
  }
  const double lo = args.statistics[args.rows + row];
  const double variance = args.statistics[2 * args.rows + row];
  const double rho = args.columns == 1 ? 0 : 1 / std::sqrt(variance + args.epsilon);
  const double q = -rho * rho * rho * (sum_gx - lo * sum_g) * scale;
  batch->center[i] = args.statistics[row];
  batch->scale[i] = static_cast<float>(rho);
  batch->offset[i] = static_cast<float>(-rho * lo);
  batch->q[i] = static_cast<float>(q);
  batch->t[i] = static_cast<float>(-rho * sum_g * scale - q * lo);
}

// Columns outside the statistic of a partial RMS norm have no second term.
void BackwardColumns(const RowNormBackward& args, const Cut<RowNormBackward>& cut, int64_t row,
                     int64_t rows, int64_t piece, const Batch& batch, double* dgamma,
                     double* dbeta) {
  const float zeros[kMaxBatch] = {};
  const int64_t inside = cut.width(piece, cut.statistic);
  const int64_t width = cut.width(piece, args.columns);
  const int64_t spans[2][2] = {{0, inside}, {inside, width}};
  for (int outside = 0; outside < 2; ++outside) {
    const int64_t column = cut.start(piece) + spans[outside][0];
    RowBackwardBlock block;
    block.rows = rows;
    block.columns = spans[outside][1] - spans[outside][0];
    if (block.columns == 0) continue;
    block.stride = args.columns;
    block.dy = args.dy + row * args.columns + column;
    block.x = args.x + row * args.columns + column;
    block.gamma = args.gamma ? args.gamma + column : nullptr;
    block.dx = args.dx + row * args.columns + column;
    block.center = batch.center;
    block.scale = batch.scale;
    block.offset = batch.offset;
    block.q = outside ? zeros : batch.q;
    block.t = batch.t;
    block.dgamma = dgamma ? dgamma + column : nullptr;
    block.dbeta = dbeta ? dbeta + column : nullptr;
    block.stream = args.rows * args.columns >= kStreamElements;
    Simd().row_backward(block);
  }
}

// Parameter gradients: [blocks, columns] partial sums over consecutive rows.
struct Gradients {
  int64_t blocks;
  int64_t rows_in_block;
  double* dgamma;
  double* dbeta;
  Pair* parts;

  Gradients(const RowNormBackward& args, const Cut<RowNormBackward>& cut, Workspace* workspace) {
    // At least 16 rows each: the sums then take a fraction of the memory of dx.
    blocks = cut.pieces > 1 ? 1 : std::clamp<int64_t>(args.rows / 16, 1, kMaxParts);
    rows_in_block = CeilDiv(args.rows, blocks);
    blocks = CeilDiv(args.rows, rows_in_block);
    dgamma = workspace->Take<double>(blocks * args.columns);
    dbeta = workspace->Take<double>(blocks * args.columns);
    parts = workspace->Take<Pair>(cut.pieces > 1 ? cut.batch * cut.pieces : 0);
  }
};

void BackwardLongRows(const RowNormBackward& args, const Cut<RowNormBackward>& cut,
                      const Gradients& gradients) {
  Pair* parts = gradients.parts;
  for (int64_t row = 0; row < args.rows; row += cut.batch) {
    const int64_t rows = std::min(cut.batch, args.rows - row);
    const int64_t elements = rows * args.columns;
    ParallelFor(rows * cut.pieces, elements, [&](int64_t task, int) {
      parts[task] = GradSumsOf(args, cut, row + task / cut.pieces, task % cut.pieces);
    });
    Batch batch;
    for (int64_t i = 0; i < rows; ++i) {
      FinishBackward(args, cut, row + i, parts + i * cut.pieces, i, &batch);
    }
    ParallelFor(cut.pieces, elements, [&](int64_t piece, int) {
      BackwardColumns(args, cut, row, rows, piece, batch, gradients.dgamma, gradients.dbeta);
    });
  }
}

}  // namespace

size_t WorkspaceBytes(const RowNormBackward& args) {
  if (args.rows * args.columns == 0) return 0;
  Workspace workspace;
  Gradients(args, Cut<RowNormBackward>(args, kBackwardBatch), &workspace);
  return workspace.bytes();
}

Status Run(const RowNormBackward& args, void* workspace) {
  if (args.rows * args.columns == 0) {
    for (float* gradient : {args.dgamma, args.dbeta}) {
      if (gradient) std::fill_n(gradient, args.columns, 0.0f);
    }
    return Ok();
  }
  const Cut<RowNormBackward> cut(args, kBackwardBatch);
  Workspace arena(workspace);
  const Gradients gradients(args, cut, &arena);
  if (cut.pieces > 1) {
    std::fill_n(gradients.dgamma, args.columns, 0.0);
    std::fill_n(gradients.dbeta, args.columns, 0.0);
    BackwardLongRows(args, cut, gradients);
  } else {
    const auto task = [&](int64_t block, int) {
      const int64_t end = std::min((block + 1) * gradients.rows_in_block, args.rows);
      double* dgamma = gradients.dgamma + block * args.columns;
      double* dbeta = gradients.dbeta + block * args.columns;
      std::fill_n(dgamma, args.columns, 0.0);
      std::fill_n(dbeta, args.columns, 0.0);
      for (int64_t row = block * gradients.rows_in_block; row < end; row += cut.batch) {
        const int64_t rows = std::min(cut.batch, end - row);
        Pair parts[kMaxBatch];
        for (int64_t i = 0; i < rows; ++i) parts[i] = GradSumsOf(args, cut, row + i, 0);
        Batch batch;
        for (int64_t i = 0; i < rows; ++i) {
          FinishBackward(args, cut, row + i, &parts[i], i, &batch);
        }
        BackwardColumns(args, cut, row, rows, 0, batch, dgamma, dbeta);
      }
    };
    ParallelFor(gradients.blocks, args.rows * args.columns, task);
  }
  WriteTotals(gradients.dgamma, gradients.blocks, args.columns, args.dgamma);
  WriteTotals(gradients.dbeta, gradients.blocks, args.columns, args.dbeta);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
