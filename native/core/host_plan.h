// What the forward and the backward pipeline share: the workspace of a Grid, and the ways through
// it.
#pragma once

#include <algorithm>

#include "core/host_grid.h"
#include "core/thread_pool.h"
#include "core/workspace.h"

namespace tfjs_norm {
namespace host {

// One thread's arrays for the unit it works on.
struct Scratch {
  double* first;  // [pieces, pairs] partial sums; then [pairs] of the unit
  double* second;
  double* low;  // backward
  float* coefficients[3];

  Scratch(const Grid& grid, int64_t pieces, bool backward, Workspace* arena) {
    const int64_t pairs = grid.unit_pairs();
    first = arena->Take<double>(pieces * pairs);
    second = arena->Take<double>(pieces * pairs);
    low = backward ? arena->Take<double>(pairs) : nullptr;
    for (int i = 0; i < (backward ? 3 : 2); ++i) coefficients[i] = arena->Take<float>(pairs);
  }
};

struct Plan {
  Grid grid;
  int64_t pieces;
  Scratch* slots = nullptr;
  double* dgamma = nullptr;  // backward: [row_blocks, C]
  double* dbeta = nullptr;
  size_t bytes;

  Plan(const View& view, const Coupling& coupling, bool backward, void* base)
      : grid(view, coupling), pieces(grid.max_pieces()) {
    Workspace arena(base);
    const int64_t count = grid.whole_units ? std::min<int64_t>(ThreadCount(), grid.tasks()) : 1;
    slots = arena.Take<Scratch>(count);
    for (int64_t i = 0; i < count; ++i) {
      const Scratch scratch(grid, pieces, backward, &arena);
      if (base) slots[i] = scratch;
    }
    if (backward) {
      dgamma = arena.Take<double>(grid.row_blocks * grid.view.channels);
      dbeta = arena.Take<double>(grid.row_blocks * grid.view.channels);
    }
    bytes = arena.bytes();
  }
};

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

inline void MergePieces(int64_t pieces, int64_t pairs, double* sums) {
  for (int64_t piece = 1; piece < pieces; ++piece) {
    const double* part = sums + piece * pairs;
    for (int64_t i = 0; i < pairs; ++i) sums[i] += part[i];
  }
}

// Sums `parts` ([blocks, columns]; clobbered) over the blocks, in order. `out` may be null.
inline void WriteTotals(double* parts, int64_t blocks, int64_t columns, float* out) {
  if (!out) return;
  MergePieces(blocks, columns, parts);
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
