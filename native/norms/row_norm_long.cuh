// Rows split over blocks: what the two directions share.
#pragma once

#include "core/tiling.cuh"
#include "core/workspace.h"
#include "norms/row_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {

constexpr int kLongGroup = 4;

// Row chunks of kThreads * kLongGroup loads.
struct LongTiling {
  int64_t rows;
  int64_t columns;
  int64_t chunk;  // columns of a chunk
  int chunks;     // of a row
  int64_t tiles;  // all chunks

  static LongTiling Make(int64_t rows, int64_t columns, int vector) {
    const int64_t round = int64_t{kThreads} * kLongGroup * vector;
    int64_t rounds = CeilDivide(rows * CeilDivide(columns, round), Tiling::kTargetTiles);
    rounds = rounds > Tiling::kMaxRounds ? Tiling::kMaxRounds : rounds;
    LongTiling t = {rows, columns, round * rounds, 0, 0};
    t.chunks = static_cast<int>(CeilDivide(columns, t.chunk));
    t.tiles = rows * t.chunks;
    return t;
  }
  int grid() const { return static_cast<int>(tiles < (1 << 30) ? tiles : (1 << 30)); }
};

// All threads of the block are lanes of one row.
NORM_DEVICE Lanes OneRow() { return {1, kThreads, true, kThreads / 2}; }

// The larger of what f needs for the two load widths.
template <class F>
size_t MaxWorkspace(F f) {
  size_t bytes = 0;
  for (const int vector : {1, 4}) {
    Workspace space;
    f(space, vector);
    bytes = space.bytes() > bytes ? space.bytes() : bytes;
  }
  return bytes;
}

}  // namespace cuda
}  // namespace tfjs_norm
