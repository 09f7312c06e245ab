// A thread block as tx columns x ty lanes: every column belongs to one statistic, its lanes split
// the work, and a tree of fixed shape merges what they found. The order of a sum depends on tx and
// ty only.
#pragma once

#include "core/portable.h"

namespace tfjs_norm {
namespace cuda {

constexpr int kThreads = 256;

inline int CeilPowerOfTwo(int64_t n) {
  int power = 1;
  while (power < n && power < (1 << 30)) power *= 2;
  return power;
}

inline int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <int N>
struct Constant {
  static constexpr int value = N;
};

struct Lanes {
  int tx = 1;
  int ty = 1;
  bool columns_fast =
      true;      // neighbouring threads are neighbouring columns, else lanes of one column
  int half = 0;  // first distance of the tree: the largest power of two below ty

  static Lanes Make(int tx, int ty, bool columns_fast) {
    return {tx, ty, columns_fast, CeilPowerOfTwo(ty) / 2};
  }

  NORM_DEVICE int x(int thread) const { return columns_fast ? thread % tx : thread / ty; }
  // Threads beyond tx * ty get y >= ty or x >= tx.
  NORM_DEVICE int y(int thread) const { return columns_fast ? thread / tx : thread % ty; }
  NORM_DEVICE int stride() const { return columns_fast ? tx : 1; }
};

// Merges the values of a column's lanes into lane 0's. `shared` holds one T per thread; every
// thread of the block must come here. It may be reused as soon as this returns.
template <class T>
NORM_DEVICE void MergeLanes(const Lanes& lanes, T& value, T* shared) {
  const int thread = static_cast<int>(threadIdx.x);
  const int y = lanes.y(thread);
  shared[thread] = value;
  __syncthreads();
  for (int half = lanes.half; half > 0; half >>= 1) {
    if (y < half && y + half < lanes.ty) {
      value.Merge(shared[thread + half * lanes.stride()]);
      shared[thread] = value;
    }
    __syncthreads();
  }
}

}  // namespace cuda
}  // namespace tfjs_norm
