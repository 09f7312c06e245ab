// Tensors of any shape, element by element: a thread has four values at a time, whatever their
// alignment.
#pragma once

#include "core/tiling.cuh"

namespace tfjs_norm {
namespace cuda {

constexpr int kTogether = 4;

// Four values of a tensor, fewer at its end.
struct Quad {
  bool vector;  // whether the pointers allow vector accesses
  int64_t size;

  template <class... Pointers>
  static Quad Of(int64_t size, const Pointers*... pointers) {
    return {Aligned16(pointers...), size};
  }

  NORM_DEVICE bool Whole(int64_t first) const { return vector && first + kTogether <= size; }
  NORM_DEVICE Vec<kTogether> LoadAt(const float* from, int64_t first) const {
    if (Whole(first)) return LoadStreaming<kTogether>(from + first);
    Vec<kTogether> values;
    NORM_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      values.v[i] = first + i < size ? LoadStreaming<1>(from + first + i).v[0] : 0.0f;
    }
    return values;
  }
  NORM_DEVICE void StoreAt(float* to, int64_t first, const Vec<kTogether>& values) const {
    if (Whole(first)) return StoreStreaming<kTogether>(to + first, values);
    NORM_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      if (first + i < size) StoreStreaming<1>(to + first + i, {{values.v[i]}});
    }
  }
};

// Threads that stride over all quads of a tensor with elements.
inline LaunchConfig QuadLaunch(const char* name, int64_t size, void* stream) {
  constexpr int64_t kMostBlocks = 1 << 20;
  const int64_t blocks = CeilDivide(size, int64_t{kThreads} * kTogether);
  return {name, dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks)),
          dim3(kThreads), 0, stream};
}

}  // namespace cuda
}  // namespace tfjs_norm
