// The passes of selu.h on CUDA: a thread has four elements at a time, whose random words are one
// block where every element has its own.
#include "core/quad.cuh"
#include "norms/selu.h"

namespace tfjs_norm {
namespace cuda {
namespace {

constexpr unsigned kAllKept = (1u << kTogether) - 1;

// Masks: bit i of At(first, Begin()) says whether element first + i is kept. A kernel's parameter
// stays where it is, indexable, as long as nothing is written to it.
struct Everything {
  NORM_DEVICE philox::Stream Begin() const { return {}; }
  NORM_DEVICE unsigned At(int64_t, const philox::Stream&) const { return kAllKept; }
};

struct Words {
  uint32_t threshold;
  const float* digits;

  NORM_DEVICE philox::Stream Begin() const { return philox::StreamOf(digits); }
  NORM_DEVICE bool Kept(uint32_t word) const { return word >> 8 >= threshold; }
  NORM_DEVICE unsigned KeptOf(const philox::Stream& random, uint64_t block) const {
    const philox::Block words = philox::BlockOf(random, block);
    unsigned kept = 0;
    NORM_UNROLL
    for (int i = 0; i < kTogether; ++i) kept |= Kept(words.word[i]) ? 1u << i : 0u;
    return kept;
  }
};

struct OwnWords : Words {
  NORM_DEVICE unsigned At(int64_t first, const philox::Stream& random) const {
    return KeptOf(random, static_cast<uint64_t>(first) / 4);
  }
};

// Index: an integer type that holds the number of elements.
template <class Index>
struct SharedWords : Words {
  NoiseShape shape;

  // As long as the words are of one block it is computed once.
  NORM_DEVICE unsigned At(int64_t first, const philox::Stream& random) const {
    const Index length = static_cast<Index>(shape.last());
    const bool own = shape.LastIsOwn();
    Index line = static_cast<Index>(first) / length;
    Index place = static_cast<Index>(first) - line * length;
    Index start = shape.WordOf(line, shape.segments - 1) * (own ? length : 1);
    Index block = 0;
    unsigned block_kept = 0;
    unsigned kept = 0;
    NORM_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      if (place == length) {
        place = 0;
        ++line;
        start = shape.WordOf(line, shape.segments - 1) * (own ? length : 1);
      }
      const Index word = start + (own ? place : 0);
      if (i == 0 || word / 4 != block) {
        block = word / 4;
        block_kept = KeptOf(random, block);
      }
      kept |= (block_kept >> (word % 4) & 1u) << i;
      ++place;
    }
    return kept;
  }
};

NORM_DEVICE float Apply(const SeluMap& map, float x) {
  const float line = fmaf(map.positive, x, map.offset);
  if (!map.selu) return line;
  if (x > 0.0f) return map.above > line ? map.above : line;
  return fmaf(map.negative, expm1f(x), map.offset);
}

template <class Mask>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    SeluForwardKernel(Quad quad, SeluMap map, Mask mask, const float* x, float* y) {
  const philox::Stream random = mask.Begin();
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads * kTogether;
  int64_t first = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kTogether;
  for (; first < quad.size; first += stride) {
    Vec<kTogether> values = quad.LoadAt(x, first);
    const unsigned kept = mask.At(first, random);
    NORM_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      values.v[i] = kept >> i & 1u ? Apply(map, values.v[i]) : map.dropped;
    }
    quad.StoreAt(y, first, values);
  }
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 4)
    SeluBackwardKernel(Quad quad, SeluMap map, bool masked, const float* dy, const float* y,
                       float* dx) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads * kTogether;
  int64_t first = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kTogether;
  for (; first < quad.size; first += stride) {
    const Vec<kTogether> g = quad.LoadAt(dy, first);
    Vec<kTogether> values = quad.LoadAt(y, first);
    NORM_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      const float value = values.v[i];
      const float slope = value > map.offset ? map.positive : value - map.dropped;
      values.v[i] = masked && value == map.dropped ? 0.0f : g.v[i] * slope;
    }
    quad.StoreAt(dx, first, values);
  }
}

template <class Mask>
Status LaunchForward(const SeluForward& args, const Mask& mask, void* stream) {
  return Launch(QuadLaunch("SeluForward", args.size, stream), SeluForwardKernel<Mask>,
                Quad::Of(args.size, args.x, args.y), args.map, mask, args.x, args.y);
}

}  // namespace

size_t WorkspaceBytes(const SeluForward&) { return 0; }
size_t WorkspaceBytes(const SeluBackward&) { return 0; }

Status Run(const SeluForward& args, void*, void* stream) {
  if (args.size == 0) return Ok();
  const DropoutMask& mask = args.mask;
  if (mask.threshold == 0) return LaunchForward(args, Everything(), stream);
  const Words words = {mask.threshold, mask.digits};
  if (mask.shape.segments == 1 && mask.shape.LastIsOwn()) {
    return LaunchForward(args, OwnWords{words}, stream);
  }
  if (args.size < INT32_MAX) {
    return LaunchForward(args, SharedWords<uint32_t>{words, mask.shape}, stream);
  }
  return LaunchForward(args, SharedWords<uint64_t>{words, mask.shape}, stream);
}

Status Run(const SeluBackward& args, void*, void* stream) {
  if (args.size == 0) return Ok();
  return Launch(QuadLaunch("SeluBackward", args.size, stream), SeluBackwardKernel,
                Quad::Of(args.size, args.dy, args.y, args.dx), args.map, args.masked, args.dy,
                args.y, args.dx);
}

}  // namespace cuda
}  // namespace tfjs_norm
