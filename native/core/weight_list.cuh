// Many weights in one launch: a table of them travels as a kernel parameter, and a block finds the
// weight of its tile there. A tile is some of a weight's columns (entries of `kept`) with all their
// positions, so that one block forms the statistics of its columns and applies them; only columns
// too long for that are cut into pieces, whose sums an extra launch forms before.
//
// How a weight is cut depends on its own shape and alignment alone: its results are the same bits
// in any company.
#pragma once

#include <algorithm>
#include <vector>

#include "core/host_device.h"
#include "core/lanes.cuh"
#include "core/weight_view.h"

namespace tfjs_norm {
namespace cuda {

// One column is contiguous whichever way it is written.
inline WeightView Contiguous(const WeightView& view) {
  return view.kept == 1 ? WeightView{1, 1, view.fan()} : view;
}

inline bool CanVectorize(const WeightView& of) {
  const WeightView view = Contiguous(of);
  return (view.inner == 1 ? view.kept : view.inner) % 4 == 0;
}

// Of a weight in the table of one launch.
struct WeightTiling {
  int loads = 0;        // V floats each, of a column
  int inner_loads = 1;  // of them adjacent
  int columns = 0;
  int first_tile = 0;
  int first_column = 0;   // among the columns of the whole list
  int first_partial = 0;  // of its [pieces, columns] partial sums
  int pieces = 1;
  unsigned char vector = 1;   // V
  unsigned char wide = 1;     // W: columns of a lane, V or 1
  unsigned char lanes_x = 0;  // log2 of the columns' lanes; the other lanes share a column

  static WeightTiling Make(const WeightView& view, bool vector);

  bool empty() const { return loads == 0 || columns == 0; }
  NORM_HOST_DEVICE int tx() const { return 1 << lanes_x; }
  NORM_HOST_DEVICE int ty() const { return kThreads >> lanes_x; }
  NORM_HOST_DEVICE int width() const { return tx() * wide; }
  NORM_HOST_DEVICE int column_tiles() const { return (columns + width() - 1) / width(); }
  NORM_HOST_DEVICE int tiles() const { return column_tiles() * pieces; }
  NORM_HOST_DEVICE int chunk() const { return (loads + pieces - 1) / pieces; }
  NORM_HOST_DEVICE int fan() const { return loads * (vector / wide); }
  int64_t tile_elements() const { return int64_t{chunk()} * vector * tx(); }
  int64_t partials() const { return pieces == 1 ? 0 : int64_t{pieces} * columns; }

  // Neighbouring threads are neighbouring columns where those are adjacent.
  NORM_HOST_DEVICE bool columns_fast() const { return inner_loads == 1 && wide == vector; }
  NORM_DEVICE Lanes lanes() const { return {tx(), ty(), columns_fast(), ty() / 2}; }
  // The thread that has the sums of lane column x.
  NORM_DEVICE int FirstLane(int x) const { return columns_fast() ? x : x * ty(); }
};

// The loads of one thread in its tile.
struct WeightSlot {
  int first = 0;   // column of the tile
  int column = 0;  // of this thread, the first of W
  int piece = 0;
  int x = 0, y = 0;
  int count = 0;      // loads of this thread
  int values = 0;     // of a column in this piece
  int64_t start = 0;  // offset of the column's first load in this piece

  NORM_DEVICE bool active() const { return values > 0; }
};

// Gives a thread's loads one after the other.
class WeightWalk {
 public:
  NORM_DEVICE WeightWalk(const WeightTiling& t, const WeightSlot& slot) {
    const int inner = t.inner_loads;
    const int64_t row = int64_t{t.columns} * inner * (t.vector / t.wide);
    const int load = slot.piece * t.chunk() + slot.y;
    const int outer = load / inner;
    inner_ = load - outer * inner;
    offset_ = outer * row + int64_t{slot.column} * inner * (t.vector / t.wide) +
              int64_t{inner_} * t.vector;
    const int outer_step = t.ty() / inner;
    inner_step_ = t.ty() - outer_step * inner;
    step_ = outer_step * row + int64_t{inner_step_} * t.vector;
    inner_loads_ = inner;
    wrap_ = row - int64_t{inner} * t.vector;
  }

  NORM_DEVICE int64_t Next() {
    const int64_t at = offset_;
    offset_ += step_;
    inner_ += inner_step_;
    if (inner_ >= inner_loads_) {
      inner_ -= inner_loads_;
      offset_ += wrap_;
    }
    return at;
  }

 private:
  int64_t offset_, step_, wrap_;
  int inner_, inner_step_, inner_loads_;
};

NORM_DEVICE WeightSlot SlotOf(const WeightTiling& t, int tile) {
  const Lanes lanes = t.lanes();
  const int thread = static_cast<int>(threadIdx.x);
  WeightSlot slot;
  slot.x = lanes.x(thread);
  slot.y = lanes.y(thread);
  slot.piece = tile / t.column_tiles();
  slot.first = (tile - slot.piece * t.column_tiles()) * t.width();
  slot.column = slot.first + slot.x * t.wide;
  if (slot.column >= t.columns) return slot;
  const int first = slot.piece * t.chunk();
  const int left = t.loads - first < t.chunk() ? t.loads - first : t.chunk();
  slot.values = left * (t.vector / t.wide);
  slot.count = slot.y < left ? (left - slot.y + t.ty() - 1) / t.ty() : 0;
  WeightSlot of_column = slot;
  of_column.y = 0;
  slot.start = WeightWalk(t, of_column).Next();
  return slot;
}

// `Arrays` are the pointers of a weight. A kernel's parameters may take 4 KB in all.
template <class Arrays>
struct WeightTable {
  static constexpr int kMost = 55;
  int count = 0;
  int tiles = 0;
  WeightTiling tilings[kMost];
  Arrays arrays[kMost];

  void Add(WeightTiling tiling, const Arrays& of) {
    tiling.first_tile = tiles;
    tilings[count] = tiling;
    arrays[count] = of;
    ++count;
    tiles += tiling.tiles();
  }

  NORM_DEVICE int Find(int tile) const {
    int first = 0;
    int last = count - 1;
    while (first < last) {
      const int middle = (first + last + 1) / 2;
      if (tilings[middle].first_tile <= tile) {
        first = middle;
      } else {
        last = middle - 1;
      }
    }
    return first;
  }
};

// The tables of as few launches as the weights fit in, the longest tiles first. `tilings` are those
// of `arrays`; only weights with more than `pieces_above` pieces are taken.
template <class Arrays>
std::vector<WeightTable<Arrays>> TablesOf(const std::vector<WeightTiling>& tilings,
                                          const std::vector<Arrays>& arrays, int pieces_above) {
  std::vector<size_t> order;
  for (size_t i = 0; i < tilings.size(); ++i) {
    if (tilings[i].pieces > pieces_above && !tilings[i].empty()) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return tilings[a].tile_elements() > tilings[b].tile_elements();
  });
  std::vector<WeightTable<Arrays>> tables;
  for (const size_t i : order) {
    if (tables.empty() || tables.back().count == WeightTable<Arrays>::kMost) tables.emplace_back();
    tables.back().Add(tilings[i], arrays[i]);
  }
  return tables;
}

// Calls body(V, W) with those of the tiling as constants.
template <class Body>
NORM_DEVICE void ForWeight(const WeightTiling& t, Body body) {
  if (t.vector == 1) {
    body(Constant<1>(), Constant<1>());
  } else if (t.wide == 1) {
    body(Constant<4>(), Constant<1>());
  } else {
    body(Constant<4>(), Constant<4>());
  }
}

inline WeightTiling WeightTiling::Make(const WeightView& of, bool vectorize) {
  const WeightView view = Contiguous(of);
  const bool adjacent = view.inner == 1;
  WeightTiling t;
  t.vector = static_cast<unsigned char>(vectorize ? 4 : 1);
  t.wide = adjacent ? t.vector : 1;
  t.columns = static_cast<int>(view.kept);
  t.inner_loads = static_cast<int>(adjacent ? 1 : view.inner / t.vector);
  t.loads = static_cast<int>(view.outer * t.inner_loads);
  if (view.size() == 0) return t;

  const auto set_lanes = [&](int64_t tx) {
    t.lanes_x = 0;
    while (t.tx() < tx) ++t.lanes_x;
  };
  // Floats of a tile that are still in the L2 cache when they are read again, with one tile on
  // every multiprocessor.
  constexpr int64_t kTileElements = 32 * 1024;
  if (adjacent) {
    int64_t tx = CeilPowerOfTwo(std::min<int64_t>(CeilDivide(view.kept, t.wide), 64 / t.wide));
    // 32 bytes of a row at least, a sector of memory.
    while (tx * t.wide > 8 && int64_t{t.loads} * tx * t.wide > kTileElements) tx /= 2;
    // More columns where there are few positions to share; a tile has at most kThreads.
    while (tx * t.wide < std::min<int64_t>(view.kept, kThreads) && kThreads / tx > t.loads) tx *= 2;
    set_lanes(tx);
  } else {
    const int64_t ty = std::min<int64_t>(CeilPowerOfTwo(CeilDivide(t.loads, 4)), kThreads);
    set_lanes(std::min<int64_t>(kThreads / ty, CeilPowerOfTwo(view.kept)));
  }
  // Beyond this one block would be busy long after the others.
  constexpr int64_t kPieceElements = 256 * 1024;
  constexpr int64_t kMostPieces = 1024;
  const int64_t pieces = CeilDivide(int64_t{t.loads} * t.vector * t.tx(), kPieceElements);
  t.pieces = static_cast<int>(std::min(pieces, kMostPieces));
  t.pieces = static_cast<int>(CeilDivide(t.loads, t.chunk()));
  return t;
}

}  // namespace cuda
}  // namespace tfjs_norm
