// What the forward and the backward pipeline share: the workspace of a Grid, and the ways through
// it.
#pragma once

#include <algorithm>

#include "core/host_grid.h"
#include "core/thread_pool.h"
#include "core/workspace.h"

namespace tfjs_norm {
namespace host {

struct Passes {
  bool backward;
  Map map;

  bool bounded() const { return map == Map::kBounded || map == Map::kClamped; }
  int sums() const { return SumCount(backward ? map : Map::kAffine); }
  int coefficients() const { return backward ? (bounded() ? 5 : 3) : 2; }
};

// One thread's arrays for the unit it works on.
struct Scratch {
  double* sums[kMaxSums];  // [pieces, pairs] partial sums; then [pairs] of the unit
  double* low;
  float* coefficients[5];  // forward: a, b; backward: p, q, t and, bounded, a, b

  Scratch(const Grid& grid, int64_t pieces, const Passes& passes, Workspace* arena) {
    const int64_t pairs = grid.unit_pairs();
    for (int i = 0; i < passes.sums(); ++i) sums[i] = arena->Take<double>(pieces * pairs);
    low = arena->Take<double>(pairs);
    for (int i = 0; i < passes.coefficients(); ++i) coefficients[i] = arena->Take<float>(pairs);
  }
};

struct Plan {
  Grid grid;
  Passes passes;
  int64_t pieces;
  Scratch* slots = nullptr;
  double* gradients[2 + ParameterGradients::kMore] = {};  // backward: [row_blocks, C] each
  float* lower = nullptr;                                 // kBounded: [C]
  float* upper = nullptr;
  size_t bytes;

  Plan(const View& view, const Coupling& coupling, const Passes& of, void* base)
      : grid(view, coupling), passes(of), pieces(grid.max_pieces()) {
    Workspace arena(base);
    const int64_t count = grid.whole_units ? std::min<int64_t>(ThreadCount(), grid.tasks()) : 1;
    slots = arena.Take<Scratch>(count);
    for (int64_t i = 0; i < count; ++i) {
      const Scratch scratch(grid, pieces, passes, &arena);
      if (base) slots[i] = scratch;
    }
    if (passes.backward) {
      for (double*& sums : gradients)
        sums = arena.Take<double>(grid.row_blocks * grid.view.channels);
    }
    if (passes.map == Map::kBounded) {
      lower = arena.Take<float>(grid.view.channels);
      upper = arena.Take<float>(grid.view.channels);
    }
    bytes = arena.bytes();
  }

  void SetBounds(const Bounds& bounds) const {
    if (passes.map != Map::kBounded) return;
    for (int64_t c = 0; c < grid.view.channels; ++c) {
      lower[c] = bounds.lower[c];
      upper[c] = bounds.most;
    }
  }
};

// The center of a pass about zero, for any columns or line of it.
inline constexpr float kZeros[kMaxColumns] = {};

// Runs f(tile) over a unit: here and now in the order given, or over all threads.
template <typename F>
void ForEachTile(const Tiles& tiles, bool parallel, Order order, F f) {
  const int64_t count = tiles.count();
  if (parallel) {
    const auto task = [&](int64_t index, int) { f(tiles[index]); };
    ParallelFor(count, tiles.unit.pairs() * tiles.view.positions, task, order);
    return;
  }
  for (int64_t i = 0; i < count; ++i) f(tiles[order == Order::kForward ? i : count - 1 - i]);
}

// The arrays of a pass that start at channel c, from those over all channels.
inline Coefficients At(Coefficients coefficients, int64_t c) {
  for (const float*& array : coefficients.arrays) {
    if (array) array += c;
  }
  return coefficients;
}

// Of [pieces, pairs] sums, those of `count` pairs from the first piece's `sums` on.
inline void MergePieces(int64_t pieces, int64_t pairs, int64_t count, double* sums) {
  for (int64_t piece = 1; piece < pieces; ++piece) {
    const double* part = sums + piece * pairs;
    for (int64_t i = 0; i < count; ++i) sums[i] += part[i];
  }
}

// Adjacent channels of one row of a unit, whose pieces are to be merged.
struct RowPart {
  int64_t row;
  int64_t channel;
  int64_t channels;
};

// Sums the tiles by sum(tile), then calls finish(part) for all pairs of the unit: at once, while
// they are in the cache, where a tile has all positions of its pairs.
template <typename Sum, typename Finish>
void SumTiles(const Tiles& tiles, bool parallel, Sum sum, Finish finish) {
  const bool at_once = tiles.pieces == 1;
  ForEachTile(tiles, parallel, Order::kForward, [&](const Tile& tile) {
    sum(tile);
    if (at_once) finish(RowPart{tile.row, tile.channel, tile.channels});
  });
  if (at_once) return;
  const Unit& unit = tiles.unit;
  constexpr int64_t kRun = 256;
  const int64_t runs = CeilDiv(unit.channels, kRun);
  const auto task = [&](int64_t i, int) {
    const int64_t first = i % runs * kRun;
    finish(
        RowPart{unit.row + i / runs, unit.channel + first, std::min(kRun, unit.channels - first)});
  };
  if (parallel) {
    ParallelFor(unit.rows * runs, unit.pairs() * tiles.pieces, task);
  } else {
    for (int64_t i = 0; i < unit.rows * runs; ++i) task(i, 0);
  }
}

// Sums `parts` ([blocks, columns]; clobbered) over the blocks, in order, and for one value over the
// columns too. `out` may be null.
inline void WriteTotals(double* parts, int64_t blocks, int64_t columns, float* out,
                        bool one_value = false) {
  if (!out) return;
  MergePieces(blocks, columns, columns, parts);
  if (one_value) {
    MergePieces(columns, 1, 1, parts);
    columns = 1;
  }
  for (int64_t c = 0; c < columns; ++c) out[c] = static_cast<float>(parts[c]);
}

// Runs f(unit, row_block, slot) over all units. Units of a row block run in order.
template <typename F>
void ForEachUnit(const Grid& grid, F f) {
  const auto run = [&](int64_t task, int slot) {
    const int64_t row_block = task / grid.channel_blocks;
    const int64_t channel_block = task % grid.channel_blocks;
    const int64_t row_end = std::min((row_block + 1) * grid.rows_in_block, grid.row_units);
    const int64_t channel_end =
        std::min((channel_block + 1) * grid.channels_in_block, grid.channel_units);
    for (int64_t r = row_block * grid.rows_in_block; r < row_end; ++r) {
      for (int64_t c = channel_block * grid.channels_in_block; c < channel_end; ++c) {
        f(grid.unit(r, c), row_block, slot);
      }
    }
  };
  if (grid.whole_units) {
    ParallelFor(grid.tasks(), grid.view.size(), run);
  } else {
    for (int64_t task = 0; task < grid.tasks(); ++task) run(task, 0);
  }
}

}  // namespace host
}  // namespace tfjs_norm
