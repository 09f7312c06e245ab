// The weights of equi_norm.h as a launch takes them: in tables, cut into tiles of rows and columns.
#pragma once

#include <vector>

#include "core/lanes.cuh"
#include "norms/equi_norm.h"

namespace tfjs_norm {
namespace cuda {

constexpr int kTileRows = 64;
constexpr int kTileColumns = 64;
constexpr int kStep = kThreads / kTileColumns;  // rows that a block reads at once

struct EquiEntry {
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
struct EquiTable {
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
  EquiEntry entry[kMost];

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
static_assert(sizeof(EquiTable) <= 4096 - 64, "a launch takes that much");

struct EquiTile {
  int row_tile, column_tile, row, column, lane;
};

NORM_DEVICE EquiTile PlaceOf(const EquiEntry& of, int tile) {
  EquiTile place;
  place.row_tile = tile / of.column_tiles();
  place.column_tile = tile - place.row_tile * of.column_tiles();
  const int thread = static_cast<int>(threadIdx.x);
  place.lane = thread % kTileColumns;
  place.row = place.row_tile * kTileRows + thread / kTileColumns;
  place.column = place.column_tile * kTileColumns + place.lane;
  return place;
}

// The weights in tables of as few launches as they fit in.
inline std::vector<EquiTable> TablesOf(const std::vector<EquiWeight>& weights,
                                       const std::vector<float*>& y, const EquiTable& common) {
  std::vector<EquiTable> tables;
  int64_t partials = 0;
  int position = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const EquiWeight& weight = weights[i];
    if (tables.empty() || tables.back().count == EquiTable::kMost) {
      tables.push_back(common);
      tables.back().first_position = position;
    }
    EquiTable& table = tables.back();
    EquiEntry& of = table.entry[table.count++];
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

inline int64_t PartialsOf(const std::vector<EquiWeight>& weights) {
  const std::vector<EquiTable> tables = TablesOf(weights, {}, {});
  if (tables.empty()) return 0;
  const EquiEntry& last = tables.back().entry[tables.back().count - 1];
  return last.column_sums + int64_t{last.row_tiles()} * last.columns;
}

}  // namespace cuda
}  // namespace tfjs_norm
