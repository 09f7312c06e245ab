// How the streaming kernels walk a View. A slot column is what one thread of a lane group strides
// down: V adjacent channels of a row (channels last) or one (row, channel) pair, V positions at a
// time (channels first). A tile is tx columns x one chunk of positions, and is one block's work.
//
// Everything here is a function of shape and vector width alone, so results do not depend on the
// GPU.
#pragma once

#include "core/lanes.cuh"
#include "core/view.h"

namespace tfjs_norm {
namespace cuda {

// The positions one thread has, as an offset into x and a stride.
struct Slot {
  int64_t pair = 0;    // first (row, channel) pair of the column
  int64_t start = 0;   // offset of the column's first position of this chunk
  int64_t offset = 0;  // offset of this thread's first position
  int count = 0;       // positions of this thread; 0: idle
  int x = 0, y = 0;
};

struct Tiling {
  static constexpr int kPositionsPerRound = 8;
  static constexpr int64_t kTargetTiles = 1056;
  static constexpr int kMaxRounds = 64;

  int vector = 1;           // V: floats of a load
  int channels_per_column;  // W: V (channels last) or 1
  int64_t columns = 0;
  int64_t row_columns = 1;  // columns of a row (channels last); 1 (channels first)
  int64_t row_stride = 0;
  int64_t positions = 0;  // of a column, in loads
  int64_t position_stride = 1;
  int64_t thread_stride = 1;  // position_stride * ty
  Lanes lanes;
  int chunk_positions = 1;  // in loads
  int chunks = 1;
  int64_t column_tiles = 0;
  int64_t tiles = 0;
  int64_t pairs = 0;

  // `pitch` is the distance of two pairs' positions where they are not adjacent (channels first),
  // else 0.
  static Tiling Make(View view, int vector, int64_t pitch = 0);

  // Values of one pair in a full chunk, and in the whole column.
  int64_t chunk_values() const { return int64_t{chunk_positions} * (vector / channels_per_column); }
  int64_t values() const { return positions * (vector / channels_per_column); }
  int64_t partials() const { return pairs * chunks; }
  int grid() const { return static_cast<int>(tiles < (1 << 30) ? tiles : (1 << 30)); }

  NORM_DEVICE Slot At(int64_t tile) const {
    Slot slot;
    const int thread = static_cast<int>(threadIdx.x);
    slot.x = lanes.x(thread);
    slot.y = lanes.y(thread);
    const int64_t chunk = column_tiles == 1 ? tile : tile / column_tiles;
    const int64_t column = (tile - chunk * column_tiles) * lanes.tx + slot.x;
    if (slot.x >= lanes.tx || slot.y >= lanes.ty || column >= columns) return slot;
    const int64_t row = row_columns == 1 ? column : column / row_columns;
    const int64_t first = chunk * chunk_positions;
    const int64_t left = positions - first < chunk_positions ? positions - first : chunk_positions;
    slot.pair = column * channels_per_column;
    slot.start = row * row_stride + (column - row * row_columns) * vector + first * position_stride;
    slot.offset = slot.start + slot.y * position_stride;
    slot.count = slot.y < left ? static_cast<int>((left - slot.y + lanes.ty - 1) / lanes.ty) : 0;
    return slot;
  }
  NORM_DEVICE int64_t ChunkOf(int64_t tile) const { return tile / column_tiles; }
};

inline Tiling Tiling::Make(View view, int vector, int64_t pitch) {
  // One channel is contiguous either way, and so is one position.
  if (view.channels_last && view.channels == 1) view.channels_last = false;
  if (!view.channels_last && view.positions == 1 && pitch == 0) view.channels_last = true;

  Tiling t;
  t.vector = vector;
  t.pairs = view.pairs();
  if (view.channels_last) {
    t.channels_per_column = vector;
    t.row_columns = view.channels / vector;
    t.columns = view.rows * t.row_columns;
    t.row_stride = view.positions * view.channels;
    t.positions = view.positions;
    t.position_stride = view.channels;
    // A whole row of channels, or equal parts of at most 64 loads; more where there are few
    // positions.
    const int64_t parts = CeilDivide(t.row_columns, 64);
    const int64_t lanes = CeilDivide(t.positions, 4);
    int64_t tx = CeilDivide(t.row_columns, parts);
    if (tx * lanes < kThreads) tx = CeilDivide(kThreads, lanes);
    if (tx > t.columns) tx = t.columns;
    if (tx > kThreads) tx = kThreads;
    const int64_t ty = kThreads / tx;
    t.lanes = Lanes::Make(static_cast<int>(tx), static_cast<int>(ty < lanes ? ty : lanes), true);
  } else {
    t.channels_per_column = 1;
    t.columns = t.pairs;
    t.row_columns = 1;
    t.row_stride = pitch ? pitch : view.positions;
    t.positions = view.positions / vector;
    t.position_stride = vector;
    const int lanes = CeilPowerOfTwo(CeilDivide(t.positions, 4));
    const int ty = lanes < kThreads ? lanes : kThreads;
    t.lanes = Lanes::Make(kThreads / ty, ty, false);
  }
  t.thread_stride = t.position_stride * t.lanes.ty;
  t.column_tiles = CeilDivide(t.columns, t.lanes.tx);
  const int64_t round = int64_t{t.lanes.ty} * kPositionsPerRound;
  int64_t rounds = CeilDivide(t.column_tiles * CeilDivide(t.positions, round), kTargetTiles);
  if (rounds > kMaxRounds) rounds = kMaxRounds;
  if (rounds < 1) rounds = 1;
  t.chunk_positions = static_cast<int>(round * rounds);
  t.chunks = static_cast<int>(CeilDivide(t.positions, t.chunk_positions));
  t.tiles = t.column_tiles * t.chunks;
  return t;
}

// Whether a tensor of this view can be read four floats at a time.
inline bool CanVectorize(const View& view, int64_t pitch = 0) {
  const bool last = view.channels_last ? view.channels != 1 : view.positions == 1 && pitch == 0;
  return (last ? view.channels : view.positions) % 4 == 0 && pitch % 4 == 0;
}

template <class... Pointers>
bool Aligned16(const Pointers*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// The tiling of a view whose tensors and pair arrays start at these pointers.
template <class... Pointers>
Tiling TilingFor(const View& view, const Pointers*... pointers) {
  return Tiling::Make(view, CanVectorize(view) && Aligned16(pointers...) ? 4 : 1);
}

// The larger of f(tiling) for the two load widths: pointers decide between them, and a workspace is
// sized without.
template <class F>
size_t MaxOverVectors(const View& view, F f) {
  if (view.size() == 0) return 0;
  const size_t scalar = f(Tiling::Make(view, 1));
  const size_t vector = CanVectorize(view) ? f(Tiling::Make(view, 4)) : 0;
  return scalar > vector ? scalar : vector;
}

// The view of a pass whose numbers are one per channel: channels-last rows are just more positions.
inline View Joined(View view) {
  if (view.channels_last) {
    view.positions *= view.rows;
    view.rows = view.rows > 0 ? 1 : 0;
  }
  return view;
}

// Calls f(V, W) with the tiling's load width and channels per column as constants.
template <class F>
Status ForTiling(const Tiling& tiling, F f) {
  if (tiling.vector == 1) return f(Constant<1>(), Constant<1>());
  if (tiling.channels_per_column == 1) return f(Constant<4>(), Constant<1>());
  return f(Constant<4>(), Constant<4>());
}

}  // namespace cuda
}  // namespace tfjs_norm
