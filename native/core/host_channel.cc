// The halves of the host pipeline whose coefficients are per channel: batch norm at inference.
#include "core/host_pipeline.h"
#include "core/host_plan.h"

namespace tfjs_norm {
namespace host {
namespace {

// Channels-last rows are just more positions here.
View Joined(const View& of) {
  View view = Normalized(of);
  if (view.channels_last) {
    view.positions *= view.rows;
    view.rows = std::min<int64_t>(view.rows, 1);
  }
  return view;
}

Unit WholeOf(const View& view) {
  Unit unit;
  unit.rows = view.rows;
  unit.channels = view.channels;
  return unit;
}

void ApplyTile(const Tiles& tiles, const Tile& tile, const float* x, const Coefficients& by,
               float* y, bool stream) {
  if (tiles.view.channels_last) {
    const int64_t at = tiles.offset(tile);
    Simd().column_apply(tiles.columns(tile), x + at, At(by, tile.channel), y + at, stream);
    return;
  }
  for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
    const int64_t at = tiles.offset(tile, c);
    Simd().line_apply(tile.positions, x + at, At(by, c), y + at, stream);
  }
}

void GradTile(const Tiles& tiles, const Tile& tile, const float* dy, const float* x,
              const Coefficients& by, float* dx, bool stream) {
  if (tiles.view.channels_last) {
    const int64_t at = tiles.offset(tile);
    Simd().column_apply_grad(tiles.columns(tile), dy + at, x + at, At(by, tile.channel), dx + at,
                             stream);
    return;
  }
  for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
    const int64_t at = tiles.offset(tile, c);
    Simd().line_apply_grad(tile.positions, dy + at, x + at, At(by, c), dx + at, stream);
  }
}

// Runs f(tiles, tile, stream) over all of a view, in any order.
template <typename F>
void ForAllTiles(const View& of, F f) {
  const View view = Joined(of);
  if (view.size() == 0) return;
  const bool stream = view.size() >= kStreamElements;
  const Tiles tiles(view, WholeOf(view), view.positions);
  // Small tiles share a task.
  const int64_t group = std::max<int64_t>(1, CeilDiv(tiles.count() * kTileElements, view.size()));
  ParallelFor(CeilDiv(tiles.count(), group), view.size(), [&](int64_t task, int) {
    const int64_t end = std::min((task + 1) * group, tiles.count());
    for (int64_t i = task * group; i < end; ++i) f(tiles, tiles[i], stream);
  });
}

// `sums` is [SumCount(by.map), C]. Without dx the sums alone.
void SumGradTile(const Tiles& tiles, const Tile& tile, const float* dy, const float* x,
                 const Coefficients& by, double* sums, float* dx, bool stream) {
  double* to[kMaxSums] = {};
  const auto sums_at = [&](int64_t c) {
    for (int i = 0; i < SumCount(by.map); ++i) to[i] = sums + i * tiles.view.channels + c;
    return to;
  };
  if (tiles.view.channels_last) {
    const int64_t at = tiles.offset(tile);
    const Columns columns = tiles.columns(tile);
    const Coefficients of = At(by, tile.channel);
    double** const out = sums_at(tile.channel);
    if (dx) {
      Simd().column_sums_grad(columns, dy + at, x + at, of, out, dx + at, stream);
    } else {
      Simd().column_sums(columns, dy + at, x + at, of, out);
    }
    return;
  }
  for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
    const int64_t at = tiles.offset(tile, c);
    const Coefficients of = At(by, c);
    double** const out = sums_at(c);
    if (dx) {
      Simd().line_sums_grad(tile.positions, dy + at, x + at, of, out, dx + at, stream);
    } else {
      Simd().line_sums(tile.positions, dy + at, x + at, of, out);
    }
  }
}

// Rows in blocks, positions in pieces; a block's rows are summed in order into [block, piece, C].
struct SumPlan {
  Tiles tiles;
  int64_t rows_in_block;
  int64_t row_blocks;

  static Tiles Cut(const View& view) {
    const int64_t row_blocks = std::min(view.rows, kMaxParts);
    return Tiles(view, WholeOf(view), std::max<int64_t>(1, kMaxParts / row_blocks));
  }
  explicit SumPlan(const View& view) : tiles(Cut(view)) {
    rows_in_block = CeilDiv(view.rows, kMaxParts);
    row_blocks = CeilDiv(view.rows, rows_in_block);
  }
  int64_t parts() const { return row_blocks * tiles.pieces; }
};

}  // namespace

void ApplyPerChannel(const View& view, const float* x, const Coefficients& by, float* y) {
  ForAllTiles(view, [&](const Tiles& tiles, const Tile& tile, bool stream) {
    ApplyTile(tiles, tile, x, by, y, stream);
  });
}

void ApplyGradPerChannel(const View& view, const float* dy, const float* x, const Coefficients& by,
                         float* dx) {
  ForAllTiles(view, [&](const Tiles& tiles, const Tile& tile, bool stream) {
    GradTile(tiles, tile, dy, x, by, dx, stream);
  });
}

size_t SumPerChannelWorkspaceBytes(const View& of, Map map) {
  const View view = Joined(of);
  if (view.size() == 0) return 0;
  const SumPlan plan(view);
  const int64_t sums = SumCount(map) * view.channels;
  Workspace workspace;
  workspace.Take<double>(plan.parts() * sums);
  workspace.Take<double>(sums * std::min<int64_t>(ThreadCount(), plan.parts()));
  return workspace.bytes();
}

void SumPerChannel(const View& of, const float* dy, const float* x, const Coefficients& by,
                   float* dx, double* const* out, void* workspace) {
  const View view = Joined(of);
  const int64_t channels = view.channels;
  const int64_t sums = SumCount(by.map) * channels;
  for (int i = 0; i < SumCount(by.map); ++i) std::fill_n(out[i], channels, 0.0);
  if (view.size() == 0) return;
  const SumPlan plan(view);
  const Tiles& tiles = plan.tiles;
  const bool stream = view.size() >= kStreamElements;
  Workspace arena(workspace);
  double* parts = arena.Take<double>(plan.parts() * sums);
  double* slots = arena.Take<double>(sums * std::min<int64_t>(ThreadCount(), plan.parts()));
  ParallelFor(plan.parts(), view.size(), [&](int64_t task, int slot) {
    const int64_t first_row = task / tiles.pieces * plan.rows_in_block;
    const int64_t end_row = std::min(first_row + plan.rows_in_block, view.rows);
    double* part = parts + task * sums;
    double* now = slots + slot * sums;
    std::fill_n(part, sums, 0.0);
    for (int64_t row = first_row; row < end_row; ++row) {
      for (int64_t t = 0; t < tiles.channel_tiles; ++t) {
        const int64_t index = (row * tiles.channel_tiles + t) * tiles.pieces + task % tiles.pieces;
        SumGradTile(tiles, tiles[index], dy, x, by, now, dx, stream);
      }
      for (int64_t i = 0; i < sums; ++i) part[i] += now[i];
    }
  });
  for (int64_t task = 0; task < plan.parts(); ++task) {
    const double* part = parts + task * sums;
    for (int64_t i = 0; i < sums; ++i) out[i / channels][i % channels] += part[i];
  }
}

}  // namespace host
}  // namespace tfjs_norm
