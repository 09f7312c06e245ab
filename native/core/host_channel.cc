// The halves of the host pipeline whose coefficients are per channel: batch norm at inference.
#include "core/host_pipeline.h"
#include "core/host_plan.h"

namespace tfjs_norm {
namespace host {
namespace {

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

// `sums` is [2, C].
void SumTile(const Tiles& tiles, const Tile& tile, const float* dy, const float* x,
             const float* center, double* sums) {
  double* products = sums + tiles.view.channels;
  if (tiles.view.channels_last) {
    const int64_t at = tiles.offset(tile);
    double* const to[] = {sums + tile.channel, products + tile.channel};
    Simd().column_sums(tiles.columns(tile), dy + at, x + at,
                       {Map::kAffine, {center + tile.channel}}, to);
    return;
  }
  for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
    const int64_t at = tiles.offset(tile, c);
    double* const to[] = {sums + c, products + c};
    Simd().line_sums(tile.positions, dy + at, x + at, {Map::kAffine, {center + c}}, to);
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

void ApplyPerChannel(const View& of, const float* x, const Coefficients& by, float* y) {
  const View view = Normalized(of);
  if (view.size() == 0) return;
  const bool stream = view.size() >= kStreamElements;
  const Tiles tiles(view, WholeOf(view), view.positions);
  // Small tiles share a task.
  const int64_t group = std::max<int64_t>(1, CeilDiv(tiles.count() * kTileElements, view.size()));
  ParallelFor(CeilDiv(tiles.count(), group), view.size(), [&](int64_t task, int) {
    const int64_t end = std::min((task + 1) * group, tiles.count());
    for (int64_t i = task * group; i < end; ++i) ApplyTile(tiles, tiles[i], x, by, y, stream);
  });
}

size_t SumPerChannelWorkspaceBytes(const View& of) {
  const View view = Normalized(of);
  if (view.size() == 0) return 0;
  const SumPlan plan(view);
  Workspace workspace;
  workspace.Take<double>(2 * plan.parts() * view.channels);
  workspace.Take<double>(2 * view.channels * std::min<int64_t>(ThreadCount(), plan.parts()));
  return workspace.bytes();
}

void SumPerChannel(const View& of, const float* dy, const float* x, const float* center,
                   const Coefficients& to_dx, float* dx, double* sum_g, double* sum_gx,
                   void* workspace) {
  const View view = Normalized(of);
  const int64_t channels = view.channels;
  std::fill_n(sum_g, channels, 0.0);
  std::fill_n(sum_gx, channels, 0.0);
  if (view.size() == 0) return;
  const SumPlan plan(view);
  const Tiles& tiles = plan.tiles;
  const bool stream = view.size() >= kStreamElements;
  Workspace arena(workspace);
  double* parts = arena.Take<double>(2 * plan.parts() * channels);
  double* slots = arena.Take<double>(2 * channels * std::min<int64_t>(ThreadCount(), plan.parts()));
  ParallelFor(plan.parts(), view.size(), [&](int64_t task, int slot) {
    const int64_t first_row = task / tiles.pieces * plan.rows_in_block;
    const int64_t end_row = std::min(first_row + plan.rows_in_block, view.rows);
    double* part = parts + 2 * task * channels;
    double* now = slots + 2 * slot * channels;
    std::fill_n(part, 2 * channels, 0.0);
    for (int64_t row = first_row; row < end_row; ++row) {
      for (int64_t t = 0; t < tiles.channel_tiles; ++t) {
        Tile tile = tiles[(row * tiles.channel_tiles + t) * tiles.pieces + task % tiles.pieces];
        // A cacheful at a time, for dy is read twice.
        const int64_t end = tile.position + tile.positions;
        const int64_t step = std::max<int64_t>(1, kTileElements / tile.channels);
        for (; tile.position < end; tile.position += step) {
          tile.positions = std::min(step, end - tile.position);
          SumTile(tiles, tile, dy, x, center, now);
          for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
            part[c] += now[c];
            part[channels + c] += now[channels + c];
          }
          ApplyTile(tiles, tile, dy, to_dx, dx, stream);
        }
      }
    }
  });
  for (int64_t task = 0; task < plan.parts(); ++task) {
    const double* part = parts + 2 * task * channels;
    for (int64_t c = 0; c < channels; ++c) {
      sum_g[c] += part[c];
      sum_gx[c] += part[channels + c];
    }
  }
}

}  // namespace host
}  // namespace tfjs_norm
