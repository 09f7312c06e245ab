// The frame of a coefficient kernel: a block owns whole sets of (row, channel) pairs, merges the
// chunk partials of its pairs, then the pairs of its sets, each in double and in a fixed order, and
// writes per-pair coefficients.
#pragma once

#include "core/lanes.cuh"
#include "core/view.h"

namespace tfjs_norm {
namespace cuda {

// Blocks as rectangles of [rows, width]: block_rows x tile pairs, whole sets of rows_per_set x
// channels_per_set.
struct SetTiling {
  int64_t width = 0;
  int64_t channels = 0;  // a pair's channel is its column modulo this
  int rows_per_set = 1;
  int channels_per_set = 1;
  int block_rows = 1;
  int tile = 1;
  int64_t tiles_across = 0;
  int64_t blocks = 0;
  int chunks = 1;
  int threads = kThreads;
  Lanes pair_lanes;  // pairs x lanes over chunks
  Lanes set_lanes;   // sets x lanes over pairs

  // all_rows: a block sees every row of its channels (running statistics are a recurrence over the
  // rows' sets).
  static SetTiling Make(int64_t rows, int64_t channels, int64_t rows_per_set,
                        int64_t channels_per_set, int chunks, bool all_rows);
  // Sets of the channels of a row, and of the rows of a channel.
  static SetTiling OfRows(const View& view, int chunks) {
    return Make(view.rows, view.channels, 1, view.channels, chunks, false);
  }
  static SetTiling OfChannels(const View& view, int chunks) {
    return Make(view.rows, view.channels, view.rows, 1, chunks, true);
  }

  // With no more than kThreads threads, for a kernel that needs many registers.
  SetTiling Narrow() const;

  int grid() const { return static_cast<int>(blocks < (1 << 30) ? blocks : (1 << 30)); }
};

// One block's rectangle.
struct SetBlock {
  int64_t first_row;
  int64_t first_column;
  int columns;
  int pairs;
  int sets;

  NORM_DEVICE SetBlock(const SetTiling& t, int64_t block) {
    const int64_t band = block / t.tiles_across;
    first_row = band * t.block_rows;
    first_column = (block - band * t.tiles_across) * t.tile;
    const int64_t left = t.width - first_column;
    columns = left < t.tile ? static_cast<int>(left) : t.tile;
    pairs = t.block_rows * columns;
    sets = (t.block_rows / t.rows_per_set) * (columns / t.channels_per_set);
  }

  // Index of the block's j-th pair in an [R, C] array.
  NORM_DEVICE int64_t Pair(const SetTiling& t, int j) const {
    const int row = j / columns;
    return (first_row + row) * t.width + first_column + (j - row * columns);
  }
  NORM_DEVICE int64_t Channel(const SetTiling& t, int j) const {
    return (first_column + j % columns) % t.channels;
  }
  // Number of a set among all sets, from its number in the block or from a pair of it.
  NORM_DEVICE int64_t Set(const SetTiling& t, int band, int across) const {
    return (first_row / t.rows_per_set + band) * (t.width / t.channels_per_set) +
           first_column / t.channels_per_set + across;
  }
  NORM_DEVICE int64_t SetOfPair(const SetTiling& t, int j) const {
    const int row = j / columns;
    return Set(t, row / t.rows_per_set, (j - row * columns) / t.channels_per_set);
  }
};

// For every pair of the block: add(sum, pair, lane, lanes) takes the chunks lane, lane + lanes,
// ...; then finish(sum, pair) in one thread.
template <class Sum, class Add, class Finish>
NORM_DEVICE void MergeChunks(const SetTiling& t, const SetBlock& block, Sum* shared, Add add,
                             Finish finish) {
  const int thread = static_cast<int>(threadIdx.x);
  const int x = t.pair_lanes.x(thread);
  const int y = t.pair_lanes.y(thread);
  for (int first = 0; first < block.pairs; first += t.pair_lanes.tx) {
    const int j = first + x;
    const bool active = j < block.pairs;
    const int64_t pair = active ? block.Pair(t, j) : 0;
    Sum sum = {};
    if (active) add(sum, pair, y, t.pair_lanes.ty);
    MergeLanes(t.pair_lanes, sum, shared);
    if (active && y == 0) finish(sum, pair);
  }
}

// For every set of the block: add(sum, j) over its pairs (numbers within the block; `reference` is
// the first of the set), then finish(sum, set, reference) in one thread. Starts after the block's
// earlier writes are visible.
template <class Sum, class Add, class Finish>
NORM_DEVICE void MergePairs(const SetTiling& t, const SetBlock& block, Sum* shared, Add add,
                            Finish finish) {
  __syncthreads();
  const int thread = static_cast<int>(threadIdx.x);
  const int x = t.set_lanes.x(thread);
  const int y = t.set_lanes.y(thread);
  const int sets_across = block.columns / t.channels_per_set;
  const int items = t.rows_per_set * t.channels_per_set;
  for (int first = 0; first < block.sets; first += t.set_lanes.tx) {
    const int set = first + x;
    const bool active = set < block.sets;
    const int band = set / sets_across;
    const int across = set - band * sets_across;
    const int reference = band * t.rows_per_set * block.columns + across * t.channels_per_set;
    Sum sum = {};
    if (active) {
      for (int i = y; i < items; i += t.set_lanes.ty) {
        const int row = i / t.channels_per_set;
        add(sum, reference + row * block.columns + (i - row * t.channels_per_set), reference);
      }
    }
    MergeLanes(t.set_lanes, sum, shared);
    if (active && y == 0) finish(sum, block.Set(t, band, across), reference);
  }
  __syncthreads();
}

inline SetTiling SetTiling::Make(int64_t rows, int64_t channels, int64_t rows_per_set,
                                 int64_t channels_per_set, int chunks, bool all_rows) {
  SetTiling t;
  t.channels = channels;
  t.rows_per_set = static_cast<int>(rows_per_set);
  t.channels_per_set = static_cast<int>(channels_per_set);
  t.chunks = chunks;
  // Sets of one row are runs of adjacent pairs, wherever the rows end.
  const bool flat = rows_per_set == 1 && !all_rows;
  t.width = flat ? rows * channels : channels;
  t.block_rows = static_cast<int>(all_rows ? rows : rows_per_set);
  // Few pairs per block where a pair has many chunks to merge.
  const int64_t wanted = chunks > 512 ? 8 : chunks > 16 ? 4096 / chunks : 256;
  int64_t sets = wanted / (t.block_rows * channels_per_set);
  const int64_t across = t.width / channels_per_set;
  if (sets > across) sets = across;
  if (sets < 1) sets = 1;
  t.tile = static_cast<int>(sets * channels_per_set);
  t.tiles_across = CeilDivide(t.width, t.tile);
  t.blocks = t.tiles_across * (flat ? 1 : rows / t.block_rows);
  const int64_t pairs = int64_t{t.block_rows} * t.tile;
  t.threads = pairs * chunks > 4096 ? 1024 : kThreads;
  const int tx = CeilPowerOfTwo(pairs < t.threads ? pairs : t.threads);
  t.pair_lanes = Lanes::Make(tx, t.threads / tx, true);
  const int64_t block_sets = sets * (t.block_rows / t.rows_per_set);
  const int sx = CeilPowerOfTwo(block_sets < t.threads ? block_sets : t.threads);
  t.set_lanes = Lanes::Make(sx, t.threads / sx, true);
  return t;
}

inline SetTiling SetTiling::Narrow() const {
  const auto narrow = [](const Lanes& lanes) {
    const int tx = lanes.tx < kThreads ? lanes.tx : kThreads;
    return Lanes::Make(tx, kThreads / tx, true);
  };
  SetTiling t = *this;
  t.threads = kThreads;
  t.pair_lanes = narrow(pair_lanes);
  t.set_lanes = narrow(set_lanes);
  return t;
}

}  // namespace cuda
}  // namespace tfjs_norm
