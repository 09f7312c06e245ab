// How the host pipeline cuts a View into units, and a unit into tiles. A pure function of the
// shape.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/host_pipeline.h"
#include "core/host_simd.h"

namespace tfjs_norm {
namespace host {

// Elements of a tile: enough to be worth a task, few enough to stay in the nearest caches.
constexpr int64_t kTileElements = 16 * 1024;
// Parts of one sum, and of a call: bounds the workspace, and feeds as many threads.
constexpr int64_t kMaxParts = 64;
// Outputs from here on bypass the caches: they would not fit, and their lines need not be read
// first.
constexpr int64_t kStreamElements = 4 << 20;

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// One position per row, or one channel: both layouts name the same memory, and one is faster.
inline View Normalized(View view) {
  if (view.positions == 1) view.channels_last = true;
  if (view.channels == 1 && view.positions > 1) view.channels_last = false;
  return view;
}

struct Tile {
  int64_t row;
  int64_t channel;
  int64_t channels;
  int64_t position;
  int64_t positions;
  int64_t piece;
};

// The tiles of one block of rows x channels; every row's positions are cut into `pieces`.
struct Tiles {
  View view;
  Unit unit;
  int64_t tile_channels = 1;
  int64_t channel_tiles = 1;
  int64_t tile_positions = 1;
  int64_t pieces = 1;

  Tiles(const View& of, const Unit& in, int64_t max_pieces) : view(of), unit(in) {
    if (view.channels_last) {
      tile_channels = std::min(unit.channels, kMaxColumns);
    } else {
      tile_channels = std::clamp<int64_t>(kTileElements / view.positions, 1, unit.channels);
    }
    channel_tiles = CeilDiv(unit.channels, tile_channels);
    const int64_t wanted = CeilDiv(view.positions * tile_channels, kTileElements);
    pieces = std::clamp<int64_t>(std::min(wanted, max_pieces), 1, view.positions);
    tile_positions = CeilDiv(view.positions, pieces);
    pieces = CeilDiv(view.positions, tile_positions);
  }

  int64_t count() const { return unit.rows * channel_tiles * pieces; }

  Tile operator[](int64_t index) const {
    Tile tile;
    tile.piece = index % pieces;
    index /= pieces;
    tile.channel = unit.channel + index % channel_tiles * tile_channels;
    tile.row = unit.row + index / channel_tiles;
    tile.channels = std::min(tile_channels, unit.channel + unit.channels - tile.channel);
    tile.position = tile.piece * tile_positions;
    tile.positions = std::min(tile_positions, view.positions - tile.position);
    return tile;
  }

  Columns columns(const Tile& tile) const { return {tile.positions, tile.channels, view.channels}; }
  // The tile's first element; channels first: that of its channel c.
  int64_t offset(const Tile& tile) const {
    return (tile.row * view.positions + tile.position) * view.channels + tile.channel;
  }
  int64_t offset(const Tile& tile, int64_t c) const {
    return (tile.row * view.channels + c) * view.positions + tile.position;
  }
  int64_t row_start(const Tile& tile) const {
    return tile.row * view.positions * view.channels + tile.channel;
  }
};

// Units in tasks: a task does its units one after the other, so that sums over the rows have one
// order.
struct Grid {
  View view;
  int64_t unit_rows = 1;
  int64_t unit_channels = 1;
  int64_t row_units = 1;
  int64_t channel_units = 1;
  int64_t row_blocks = 1;  // of rows_in_block units each
  int64_t rows_in_block = 1;
  int64_t channel_blocks = 1;  // of channels_in_block units each
  int64_t channels_in_block = 1;
  bool whole_units = true;  // a task per thread, else the threads share one unit after the other

  Grid(const View& of, const Coupling& coupling);

  int64_t tasks() const { return row_blocks * channel_blocks; }
  int64_t unit_pairs() const { return unit_rows * unit_channels; }
  Unit unit(int64_t row_unit, int64_t channel_unit) const {
    Unit unit;
    unit.row = row_unit * unit_rows;
    unit.rows = std::min(unit_rows, view.rows - unit.row);
    unit.channel = channel_unit * unit_channels;
    unit.channels = std::min(unit_channels, view.channels - unit.channel);
    return unit;
  }
  Tiles tiles(const Unit& of) const {
    Tiles tiles(view, of, 1);
    const int64_t parts = of.rows * tiles.channel_tiles;
    return Tiles(view, of, std::max<int64_t>(1, kMaxParts / parts));
  }
  int64_t max_pieces() const;
};

}  // namespace host
}  // namespace tfjs_norm
