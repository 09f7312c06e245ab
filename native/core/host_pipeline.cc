#include "core/host_pipeline.h"

#include "core/host_grid.h"
#include "core/thread_pool.h"
#include "core/workspace.h"

namespace tfjs_norm {
namespace host {
namespace {

// One thread's arrays for the unit it works on.
struct Scratch {
  double* first;   // [pieces, pairs] partial sums; then [pairs] of the unit
  double* second;
  double* low;     // backward
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
    const int64_t count =
        grid.whole_units ? std::min<int64_t>(ThreadCount(), grid.tasks()) : 1;
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
void ForEachTile(const Tiles& tiles, bool parallel, bool reverse, F f) {
  const int64_t count = tiles.count();
  const auto task = [&](int64_t index, int) {
    f(tiles[reverse ? count - 1 - index : index]);
  };
  if (parallel) {
    ParallelFor(count, tiles.unit.pairs() * tiles.view.positions, task);
  } else {
    for (int64_t i = 0; i < count; ++i) task(i, 0);
  }
}

void MergePieces(int64_t pieces, int64_t pairs, double* sums) {
  for (int64_t piece = 1; piece < pieces; ++piece) {
    const double* part = sums + piece * pairs;
    for (int64_t i = 0; i < pairs; ++i) sums[i] += part[i];
  }
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

class Forward {
 public:
  Forward(const Plan& plan, const float* x, const Moments& moments, float* y,
          const ForwardMethod& method)
      : plan_(plan),
        view_(plan.grid.view),
        x_(x),
        moments_(moments),
        y_(y),
        method_(method),
        stream_(view_.size() >= kStreamElements) {}

  void RunUnit(const Unit& unit, int slot) {
    const Scratch& scratch = plan_.slots[slot];
    const bool parallel = !plan_.grid.whole_units;
    const Tiles tiles = plan_.grid.tiles(unit);
    ForEachTile(tiles, parallel, false, [&](const Tile& tile) { Sum(tiles, tile, scratch); });
    MergePieces(tiles.pieces, unit.pairs(), scratch.first);
    MergePieces(tiles.pieces, unit.pairs(), scratch.second);
    Finish(unit, scratch);
    ForwardStep step;
    step.mean = scratch.first;
    step.variance = scratch.second;
    step.a_ = scratch.coefficients[0];
    step.b_ = scratch.coefficients[1];
    method_(unit, step);
    // Backwards: what was read last is in the cache still.
    ForEachTile(tiles, parallel, true, [&](const Tile& tile) { Apply(tiles, tile, scratch); });
  }

 private:
  void Sum(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const int64_t pairs = tiles.unit.pairs();
    double* sum = scratch.first + tile.piece * pairs;
    double* square = scratch.second + tile.piece * pairs;
    if (view_.channels_last) {
      const int64_t pair = tiles.unit.at(tile.row, tile.channel);
      Simd().column_moments(tiles.columns(tile), x_ + tiles.offset(tile),
                            x_ + tiles.row_start(tile), sum + pair, square + pair);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t pair = tiles.unit.at(tile.row, c);
      const float* line = x_ + tiles.offset(tile, c);
      Simd().line_moments(tile.positions, line, line[-tile.position], sum + pair, square + pair);
    }
  }

  // Sums about the first position -> mean and variance, saved as float32 too.
  void Finish(const Unit& unit, const Scratch& scratch) const {
    const double scale = 1.0 / static_cast<double>(view_.positions);
    for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
      for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
        const int64_t pair = unit.at(r, c);
        const int64_t saved = r * view_.channels + c;
        const double shift =
            x_[view_.channels_last ? r * view_.positions * view_.channels + c
                                   : saved * view_.positions];
        const double rest = scratch.first[pair] * scale;
        const double variance = scratch.second[pair] * scale - rest * rest;
        const double mean = shift + rest;
        scratch.first[pair] = mean;
        scratch.second[pair] = variance < 0 ? 0 : variance;
        const float hi = static_cast<float>(mean);
        moments_.hi[saved] = hi;
        moments_.lo[saved] = static_cast<float>(mean - hi);
        moments_.variance[saved] = static_cast<float>(scratch.second[pair]);
      }
    }
  }

  void Apply(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const auto affine = [&](int64_t c) {
      const int64_t pair = tiles.unit.at(tile.row, c);
      return Affine{moments_.hi + tile.row * view_.channels + c, scratch.coefficients[0] + pair,
                    scratch.coefficients[1] + pair};
    };
    if (view_.channels_last) {
      const int64_t at = tiles.offset(tile);
      Simd().column_apply(tiles.columns(tile), x_ + at, affine(tile.channel), y_ + at, stream_);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t at = tiles.offset(tile, c);
      Simd().line_apply(tile.positions, x_ + at, affine(c), y_ + at, stream_);
    }
  }

  const Plan& plan_;
  const View& view_;
  const float* x_;
  const Moments& moments_;
  float* y_;
  const ForwardMethod& method_;
  bool stream_;
};

class Backward {
 public:
  Backward(const Plan& plan, const float* dy, const float* x, const Moments& moments,
           float* dx, const BackwardMethod& method)
      : plan_(plan),
        view_(plan.grid.view),
        dy_(dy),
        x_(x),
        moments_(moments),
        dx_(dx),
        method_(method),
        stream_(view_.size() >= kStreamElements) {}

  void RunUnit(const Unit& unit, int64_t row_block, int slot) {
    const Scratch& scratch = plan_.slots[slot];
    const bool parallel = !plan_.grid.whole_units;
    const Tiles tiles = plan_.grid.tiles(unit);
    ForEachTile(tiles, parallel, false, [&](const Tile& tile) { Sum(tiles, tile, scratch); });
    MergePieces(tiles.pieces, unit.pairs(), scratch.first);
    MergePieces(tiles.pieces, unit.pairs(), scratch.second);
    for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
      for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
        const int64_t pair = unit.at(r, c);
        scratch.low[pair] = moments_.lo[r * view_.channels + c];
        scratch.second[pair] -= scratch.low[pair] * scratch.first[pair];
      }
    }
    BackwardStep step;
    step.sum_g = scratch.first;
    step.sum_gx = scratch.second;
    step.low = scratch.low;
    step.dgamma = plan_.dgamma + row_block * view_.channels + unit.channel;
    step.dbeta = plan_.dbeta + row_block * view_.channels + unit.channel;
    step.p_ = scratch.coefficients[0];
    step.q_ = scratch.coefficients[1];
    step.t_ = scratch.coefficients[2];
    method_(unit, step);
    ForEachTile(tiles, parallel, true, [&](const Tile& tile) { Apply(tiles, tile, scratch); });
  }

 private:
  void Sum(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const int64_t pairs = tiles.unit.pairs();
    double* sum_g = scratch.first + tile.piece * pairs;
    double* sum_gx = scratch.second + tile.piece * pairs;
    const float* center = moments_.hi + tile.row * view_.channels;
    if (view_.channels_last) {
      const int64_t at = tiles.offset(tile);
      const int64_t pair = tiles.unit.at(tile.row, tile.channel);
      Simd().column_sums(tiles.columns(tile), dy_ + at, x_ + at, center + tile.channel,
                         sum_g + pair, sum_gx + pair);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t at = tiles.offset(tile, c);
      const int64_t pair = tiles.unit.at(tile.row, c);
      Simd().line_sums(tile.positions, dy_ + at, x_ + at, center[c], sum_g + pair, sum_gx + pair);
    }
  }

  void Apply(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const auto affine = [&](int64_t c) {
      const int64_t pair = tiles.unit.at(tile.row, c);
      return GradAffine{moments_.hi + tile.row * view_.channels + c,
                        scratch.coefficients[0] + pair, scratch.coefficients[1] + pair,
                        scratch.coefficients[2] + pair};
    };
    if (view_.channels_last) {
      const int64_t at = tiles.offset(tile);
      Simd().column_apply_grad(tiles.columns(tile), dy_ + at, x_ + at, affine(tile.channel),
                               dx_ + at, stream_);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t at = tiles.offset(tile, c);
      Simd().line_apply_grad(tile.positions, dy_ + at, x_ + at, affine(c), dx_ + at, stream_);
    }
  }

  const Plan& plan_;
  const View& view_;
  const float* dy_;
  const float* x_;
  const Moments& moments_;
  float* dx_;
  const BackwardMethod& method_;
  bool stream_;
};

// The row blocks' sums, in order.
void WriteGradient(const Grid& grid, const double* parts, float* out) {
  if (!out) return;
  for (int64_t c = 0; c < grid.view.channels; ++c) {
    double total = parts[c];
    for (int64_t b = 1; b < grid.row_blocks; ++b) total += parts[b * grid.view.channels + c];
    out[c] = static_cast<float>(total);
  }
}

}  // namespace

size_t ForwardWorkspaceBytes(const View& view, const Coupling& coupling) {
  return view.size() == 0 ? 0 : Plan(view, coupling, false, nullptr).bytes;
}

size_t BackwardWorkspaceBytes(const View& view, const Coupling& coupling) {
  return view.size() == 0 ? 0 : Plan(view, coupling, true, nullptr).bytes;
}

void RunForward(const View& view, const Coupling& coupling, const float* x, const Moments& moments,
                float* y, const ForwardMethod& method, void* workspace) {
  if (view.size() == 0) {
    for (float* values : {moments.hi, moments.lo, moments.variance}) {
      std::fill_n(values, view.pairs(), 0.0f);
    }
    return;
  }
  const Plan plan(view, coupling, false, workspace);
  Forward forward(plan, x, moments, y, method);
  ForEachUnit(plan.grid,
              [&](const Unit& unit, int64_t, int slot) { forward.RunUnit(unit, slot); });
}

void RunBackward(const View& view, const Coupling& coupling, const float* dy, const float* x,
                 const Moments& moments, float* dx, float* dgamma, float* dbeta,
                 const BackwardMethod& method, void* workspace) {
  if (view.size() == 0) {
    for (float* values : {dgamma, dbeta}) {
      if (values) std::fill_n(values, view.channels, 0.0f);
    }
    return;
  }
  const Plan plan(view, coupling, true, workspace);
  const int64_t partials = plan.grid.row_blocks * view.channels;
  std::fill_n(plan.dgamma, partials, 0.0);
  std::fill_n(plan.dbeta, partials, 0.0);
  Backward backward(plan, dy, x, moments, dx, method);
  ForEachUnit(plan.grid, [&](const Unit& unit, int64_t row_block, int slot) {
    backward.RunUnit(unit, row_block, slot);
  });
  WriteGradient(plan.grid, plan.dgamma, dgamma);
  WriteGradient(plan.grid, plan.dbeta, dbeta);
}

}  // namespace host
}  // namespace tfjs_norm
