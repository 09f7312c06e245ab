// CUDA equi-normalization: equi_norm.h. A launch for the sums of tiles of all weights, one that
// merges them, one for the coefficients; one for the scaling.
#include <algorithm>
#include <vector>

#include "core/lanes.cuh"
#include "core/workspace.h"
#include "norms/equi_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

constexpr int kTileRows = 64;
constexpr int kTileColumns = 64;
constexpr int kStep = kThreads / kTileColumns;  // rows that a block reads at once

struct Entry {
  const float* x;
  float* y;
  const float* row_entries;
  const float* column_entries;
  int64_t row_sums;     // where in the partial sums: [column tiles, all rows]
  int64_t column_sums;  // [row tiles, columns]
  int rows;
  int all_rows;
  int columns;
  int first_tile;
  int first_position;

  NORM_HOST_DEVICE int row_tiles() const { return (all_rows + kTileRows - 1) / kTileRows; }
  NORM_HOST_DEVICE int column_tiles() const { return (columns + kTileColumns - 1) / kTileColumns; }
};

// As many as a kernel's 4 KB of parameters hold.
struct Table {
  static constexpr int kMost = 44;
  int count = 0;
  int tiles = 0;
  int first_position = 0;
  int positions = 0;
  int64_t entries = 0;
  double power = 0;
  const float* factors = nullptr;
  double* partials = nullptr;
  double* sums = nullptr;
  Entry entry[kMost];

  NORM_DEVICE int FindTile(int tile) const {
    int at = count - 1;
    while (at > 0 && entry[at].first_tile > tile) --at;
    return at;
  }
  NORM_DEVICE int FindPosition(int position) const {
    int at = count - 1;
    while (at > 0 && entry[at].first_position > position) --at;
    return at;
  }
  NORM_DEVICE double Factor(const float* numbers, int at) const {
    return EquiFactor(factors, entries, numbers[at]);
  }
};
static_assert(sizeof(Table) <= 4096 - 64, "a launch takes that much");

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

struct Place {
  int row_tile, column_tile, row, column, lane;
};

NORM_DEVICE Place PlaceOf(const Entry& of, int tile) {
  Place place;
  place.row_tile = tile / of.column_tiles();
  place.column_tile = tile - place.row_tile * of.column_tiles();
  const int thread = static_cast<int>(threadIdx.x);
  place.lane = thread % kTileColumns;
  place.row = place.row_tile * kTileRows + thread / kTileColumns;
  place.column = place.column_tile * kTileColumns + place.lane;
  return place;
}

template <int P>
NORM_DEVICE double PowerOf(double value, double power) {
  return P == 2 ? value * value : P == 1 ? value : pow(value, power);
}

// Of the sums of a row in a tile and of a column in it.
constexpr int kPadded = kTileColumns + 1;
constexpr size_t kTileBytes =
    SharedBytes<double>(kTileRows * kPadded) + SharedBytes<double>(kThreads);

template <int P>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2) SumsKernel(NORM_GRID_CONSTANT const Table table) {
  SharedArena arena;
  double* rows = arena.Take<double>(kTileRows * kPadded);
  double* columns = arena.Take<double>(kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  for (int tile = static_cast<int>(blockIdx.x); tile < table.tiles;
       tile += static_cast<int>(gridDim.x)) {
    const Entry& of = table.entry[table.FindTile(tile)];
    const Place place = PlaceOf(of, tile - of.first_tile);
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

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2) MergeKernel(NORM_GRID_CONSTANT const Table table) {
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
      const Entry& of = table.entry[table.FindPosition(position)];
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
    ScaleKernel(NORM_GRID_CONSTANT const Table table, int power) {
  for (int tile = static_cast<int>(blockIdx.x); tile < table.tiles;
       tile += static_cast<int>(gridDim.x)) {
    const Entry& of = table.entry[table.FindTile(tile)];
    const Place place = PlaceOf(of, tile - of.first_tile);
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

// The weights in tables of as few launches as they fit in.
std::vector<Table> TablesOf(const std::vector<EquiWeight>& weights, const std::vector<float*>& y,
                            const Table& common) {
  std::vector<Table> tables;
  int64_t partials = 0;
  int position = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const EquiWeight& weight = weights[i];
    if (tables.empty() || tables.back().count == Table::kMost) {
      tables.push_back(common);
      tables.back().first_position = position;
    }
    Table& table = tables.back();
    Entry& of = table.entry[table.count++];
    of.x = weight.x;
    of.y = y.empty() ? nullptr : y[i];
    of.row_entries = weight.row_entries;
    of.column_entries = weight.column_entries;
    of.rows = static_cast<int>(weight.rows);
    of.all_rows = static_cast<int>(weight.all_rows());
    of.columns = static_cast<int>(weight.columns);
    of.first_tile = table.tiles;
    of.first_position = position;
    of.row_sums = partials;
    of.column_sums = partials + int64_t{of.column_tiles()} * of.all_rows;
    partials = of.column_sums + int64_t{of.row_tiles()} * of.columns;
    table.tiles += of.row_tiles() * of.column_tiles();
    table.positions += of.rows + of.columns;
    position += of.rows + of.columns;
  }
  return tables;
}

int64_t PartialsOf(const std::vector<EquiWeight>& weights) {
  const std::vector<Table> tables = TablesOf(weights, {}, {});
  if (tables.empty()) return 0;
  const Entry& last = tables.back().entry[tables.back().count - 1];
  return last.column_sums + int64_t{last.row_tiles()} * last.columns;
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
  Table common;
  common.entries = args.entries;
  common.power = args.power;
  common.factors = args.factors;
  common.partials = space.Take<double>(PartialsOf(args.weights));
  common.sums = space.Take<double>(args.positions);
  for (const Table& table : TablesOf(args.weights, {}, common)) {
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
  Table common;
  common.entries = args.entries;
  common.factors = args.factors;
  for (const Table& table : TablesOf(args.weights, args.y, common)) {
    if (table.tiles == 0) continue;
    const LaunchConfig config = {"EquiNormScale", Grid(table.tiles), dim3(kThreads), 0, stream};
    NORM_RETURN_IF_ERROR(Launch(config, ScaleKernel, table, args.power));
  }
  return Ok();
}

}  // namespace cuda
}  // namespace tfjs_norm
