// CUDA equi-normalization: equi_norm.h. A launch for the sums of tiles of all weights, one that
// merges them, one for the coefficients; one for the scaling.
#include <algorithm>
#include <vector>

#include "core/lanes.cuh"
#include "core/workspace.h"
#include "norms/equi_tables.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

struct Total {
  double value;
  NORM_DEVICE void Merge(const Total& other) { value += other.value; }
};

struct Pair {
  double producers, consumers;
  NORM_DEVICE void Merge(const Pair& other) {
    producers += other.producers;
    consumers += other.consumers;
  }
};

template <int P>
NORM_DEVICE double PowerOf(double value, double power) {
  return P == 2 ? value * value : P == 1 ? value : pow(value, power);
}

// Of the sums of a row in a tile and of a column in it.
constexpr int kPadded = kTileColumns + 1;
constexpr size_t kTileBytes =
    SharedBytes<double>(kTileRows * kPadded) + SharedBytes<double>(kThreads);

template <int P>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    SumsKernel(NORM_GRID_CONSTANT const EquiTable table) {
  SharedArena arena;
  double* rows = arena.Take<double>(kTileRows * kPadded);
  double* columns = arena.Take<double>(kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  for (int tile = static_cast<int>(blockIdx.x); tile < table.tiles;
       tile += static_cast<int>(gridDim.x)) {
    const EquiEntry& of = table.entry[table.FindTile(tile)];
    const EquiTile place = PlaceOf(of, tile - of.first_tile);
    const bool inside = place.column < of.columns;
    const double own =
        inside ? PowerOf<P>(table.Factor(of.column_entries, place.column), table.power) : 0.0;
    double column = 0.0;
    for (int i = 0; i < kTileRows / kStep; ++i) {
      const int row = place.row + i * kStep;
      double power = 0.0;
      if (inside && row < of.all_rows) {
        const float x = of.x[int64_t{row} * of.columns + place.column];
        power = PowerOf<P>(fabs(static_cast<double>(x)), table.power);
        column += power * PowerOf<P>(table.Factor(of.row_entries, row % of.rows), table.power);
      }
      rows[(thread / kTileColumns + i * kStep) * kPadded + place.lane] = power * own;
    }
    columns[thread] = column;
    __syncthreads();
    const int first = place.row_tile * kTileRows;
    if (thread < kTileRows && first + thread < of.all_rows) {
      double sum = 0.0;
      for (int c = 0; c < kTileColumns; ++c) sum += rows[thread * kPadded + c];
      table.partials[of.row_sums + int64_t{place.column_tile} * of.all_rows + first + thread] = sum;
    }
    if (thread < kTileColumns && inside) {
      double sum = 0.0;
      for (int y = 0; y < kStep; ++y) sum += columns[y * kTileColumns + thread];
      table.partials[of.column_sums + int64_t{place.row_tile} * of.columns + place.column] = sum;
    }
    __syncthreads();
  }
}

constexpr int kMergeColumns = 32;

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    MergeKernel(NORM_GRID_CONSTANT const EquiTable table) {
  SharedArena arena;
  Total* shared = arena.Take<Total>(kThreads);
  const Lanes lanes = {kMergeColumns, kThreads / kMergeColumns, true, kThreads / kMergeColumns / 2};
  const int thread = static_cast<int>(threadIdx.x);
  const int tiles = (table.positions + kMergeColumns - 1) / kMergeColumns;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    const int position = table.first_position + tile * kMergeColumns + lanes.x(thread);
    const bool inside = position < table.first_position + table.positions;
    Total total = {0.0};
    double factor = 1.0;
    if (inside) {
      const EquiEntry& of = table.entry[table.FindPosition(position)];
      const int at = position - of.first_position;
      const bool row = at < of.rows;
      const int index = row ? at : at - of.rows;
      const int outer = of.rows > 0 ? of.all_rows / of.rows : 0;
      const int count = row ? of.column_tiles() * outer : of.row_tiles();
      const int64_t step = row ? of.rows : of.columns;
      const int64_t first = (row ? of.row_sums : of.column_sums) + index;
      for (int i = lanes.y(thread); i < count; i += lanes.ty) {
        total.value += table.partials[first + i * step];
      }
      factor = table.Factor(row ? of.row_entries : of.column_entries, index);
    }
    MergeLanes(lanes, total, shared);
    if (inside && lanes.y(thread) == 0) {
      table.sums[position] = total.value * EquiPower(factor, table.power);
    }
  }
}

struct Coefficients {
  int64_t entries;
  int64_t positions;
  const double* sums;
  const float* factors;
  const float* order;
  const float* starts;
  const float* shares;
  const float* exponents;
  float* new_factors;
};

constexpr int kEntryColumns = 8;

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    CoefficientsKernel(NORM_GRID_CONSTANT const Coefficients of) {
  SharedArena arena;
  Pair* shared = arena.Take<Pair>(kThreads);
  const Lanes lanes = {kEntryColumns, kThreads / kEntryColumns, true, kThreads / kEntryColumns / 2};
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t tiles = (of.entries + kEntryColumns - 1) / kEntryColumns;
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const int64_t entry = tile * kEntryColumns + lanes.x(thread);
    Pair pair = {0.0, 0.0};
    if (entry < of.entries) {
      for (int side = 0; side < 2; ++side) {
        const int64_t begin = EquiPlace(of.starts[2 * entry + side], of.positions);
        const int64_t end = EquiPlace(of.starts[2 * entry + side + 1], of.positions);
        double total = 0.0;
        for (int64_t i = begin + lanes.y(thread); i < end; i += lanes.ty) {
          const int64_t position = EquiPlace(of.order[i], of.positions - 1);
          total += static_cast<double>(of.shares[i]) * of.sums[position];
        }
        if (side == 0) {
          pair.producers = total;
        } else {
          pair.consumers = total;
        }
      }
    }
    MergeLanes(lanes, pair, shared);
    if (entry < of.entries && lanes.y(thread) == 0) {
      of.new_factors[entry] = EquiUpdate(of.factors[entry], pair.producers, pair.consumers,
                                         static_cast<double>(of.exponents[entry]));
    }
  }
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    ScaleKernel(NORM_GRID_CONSTANT const EquiTable table, int power) {
  for (int tile = static_cast<int>(blockIdx.x); tile < table.tiles;
       tile += static_cast<int>(gridDim.x)) {
    const EquiEntry& of = table.entry[table.FindTile(tile)];
    const EquiTile place = PlaceOf(of, tile - of.first_tile);
    if (place.column >= of.columns) continue;
    const float own = EquiWhole(table.Factor(of.column_entries, place.column), power);
    for (int i = 0; i < kTileRows / kStep; ++i) {
      const int row = place.row + i * kStep;
      if (row >= of.all_rows) break;
      const float factor = EquiWhole(table.Factor(of.row_entries, row % of.rows), power);
      const int64_t at = int64_t{row} * of.columns + place.column;
      of.y[at] = of.x[at] * (own * factor);
    }
  }
}

// Enough blocks for any device; they walk over what is left.
dim3 Grid(int64_t tiles) {
  constexpr int64_t kMostBlocks = 1 << 16;
  return dim3(static_cast<unsigned>(std::min(tiles, kMostBlocks)));
}

}  // namespace

size_t WorkspaceBytes(const EquiNorm& args) {
  Workspace space;
  space.Take<double>(PartialsOf(args.weights));
  space.Take<double>(args.positions);
  return space.bytes();
}

size_t WorkspaceBytes(const EquiScale&) { return 0; }

Status Run(const EquiNorm& args, void* workspace, void* stream) {
  Workspace space(workspace);
  EquiTable common;
  common.entries = args.entries;
  common.power = args.power;
  common.factors = args.factors;
  common.partials = space.Take<double>(PartialsOf(args.weights));
  common.sums = space.Take<double>(args.positions);
  for (const EquiTable& table : TablesOf(args.weights, {}, common)) {
    if (table.tiles > 0) {
      const LaunchConfig sums = {"EquiNormSums", Grid(table.tiles), dim3(kThreads), kTileBytes,
                                 stream};
      NORM_RETURN_IF_ERROR(args.power == 2.0   ? Launch(sums, SumsKernel<2>, table)
                           : args.power == 1.0 ? Launch(sums, SumsKernel<1>, table)
                                               : Launch(sums, SumsKernel<0>, table));
    }
    if (table.positions == 0) continue;
    const LaunchConfig merge = {"EquiNormMerge", Grid(CeilDivide(table.positions, kMergeColumns)),
                                dim3(kThreads), SharedBytes<Total>(kThreads), stream};
    NORM_RETURN_IF_ERROR(Launch(merge, MergeKernel, table));
  }
  const Coefficients of = {args.entries, args.positions, common.sums,
                           args.factors, args.order,     args.starts,
                           args.shares,  args.exponents, args.new_factors};
  const LaunchConfig config = {"EquiNormCoefficients",
                               Grid(CeilDivide(args.entries, kEntryColumns)), dim3(kThreads),
                               SharedBytes<Pair>(kThreads), stream};
  return Launch(config, CoefficientsKernel, of);
}

Status Run(const EquiScale& args, void*, void* stream) {
  EquiTable common;
  common.entries = args.entries;
  common.factors = args.factors;
  for (const EquiTable& table : TablesOf(args.weights, args.y, common)) {
    if (table.tiles == 0) continue;
    const LaunchConfig config = {"EquiNormScale", Grid(table.tiles), dim3(kThreads), 0, stream};
    NORM_RETURN_IF_ERROR(Launch(config, ScaleKernel, table, args.power));
  }
  return Ok();
}

}  // namespace cuda
}  // namespace tfjs_norm
