// The passes of norms/selu.h over lines of contiguous values.
#include "core/host_simd.h"
#include "core/simd/functions.h"
#include "core/simd/philox.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

struct SeluOf {
  Float positive, negative, offset, above;

  explicit SeluOf(const SeluMap& map)
      : positive(Fill(map.positive)),
        negative(Fill(map.negative)),
        offset(Fill(map.offset)),
        above(Fill(map.above)) {}

  Float operator()(Float x) const {
    const Float line = x * positive + offset;
    const Float right = above > line ? above : line;
    const Float left = NegativeExpm1(x) * negative + offset;
    return Bits(x) > 0 ? right : left;
  }
};

struct LinearOf {
  Float positive, offset;

  explicit LinearOf(const SeluMap& map) : positive(Fill(map.positive)), offset(Fill(map.offset)) {}

  Float operator()(Float x) const { return x * positive + offset; }
};

// y = f(x) of a line, in vectors from the first element on.
template <bool kStream, class F>
void MapLine(int64_t count, const float* x, float* y, F f) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Put<kStream>(y + i, f(Load(x + i)));
  if (i < count) StorePart(y + i, f(LoadPart(x + i, count - i)), count - i);
}

template <bool kStream, class F>
void MaskedLine(const SeluBlock& block, PhiloxGroup& group, const float* x, float* y, F f) {
  const Words least = Words{} + block.least;
  const Float dropped = Fill(block.map.dropped);
  // By value, so that no store into y can be taken for one into them.
  const auto masked = [f, least, dropped](Words words, Float value) {
    return words >= least ? f(value) : dropped;
  };
  int64_t i = 0;
  while (i < block.count) {
    const uint64_t word = block.first_word + static_cast<uint64_t>(i);
    const int64_t left = block.count - i;
    if (const int64_t groups = PhiloxGroup::Whole(word, left)) {
      group.ForEach(word, groups, [masked, x, y, i](const Words* words, int64_t done) {
        const int64_t start = i + done * PhiloxGroup::kElements;
        for (int v = 0; v < PhiloxGroup::kVectors; ++v) {
          const int64_t at = start + v * kLanes;
          Put<kStream>(y + at, masked(words[v], Load(x + at)));
        }
      });
      i += groups * PhiloxGroup::kElements;
      continue;
    }
    const int64_t ready = group.Fetch(word);
    const int64_t count = ready < left ? ready : left;
    int64_t done = 0;
    for (; done + kLanes <= count; done += kLanes) {
      Store(y + i + done, masked(group.From(done), Load(x + i + done)));
    }
    const int64_t part = count - done;
    if (part > 0) {
      StorePart(y + i + done, masked(group.From(done), LoadPart(x + i + done, part)), part);
    }
    i += count;
  }
}

template <bool kStream, class F>
void ForwardLines(const SeluBlock& block) {
  const F f(block.map);
  if (block.least == 0) {
    for (int64_t line = 0; line < block.lines; ++line) {
      const int64_t at = line * block.stride;
      MapLine<kStream>(block.count, block.x + at, block.y + at, f);
    }
  } else {
    PhiloxGroup group(block.random);
    for (int64_t line = 0; line < block.lines; ++line) {
      const int64_t at = line * block.stride;
      MaskedLine<kStream>(block, group, block.x + at, block.y + at, f);
    }
  }
  if (kStream) StreamFence();
}

void SeluForwardBlock(const SeluBlock& block) {
  const bool stream = block.stream && StreamAligned(block.y, block.lines > 1 ? block.stride : 0);
  if (block.map.selu) {
    stream ? ForwardLines<true, SeluOf>(block) : ForwardLines<false, SeluOf>(block);
  } else {
    stream ? ForwardLines<true, LinearOf>(block) : ForwardLines<false, LinearOf>(block);
  }
}

template <bool kStream, bool kMasked>
void GradLine(int64_t count, const float* dy, const float* y, const SeluMap& map, float* dx) {
  const Float positive = Fill(map.positive);
  const Float offset = Fill(map.offset);
  const Float dropped = Fill(map.dropped);
  const auto grad = [&](Float g, Float value) {
    const Float slope = value > offset ? positive : value - dropped;
    return kMasked && value == dropped ? Float{} : g * slope;
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Put<kStream>(dx + i, grad(Load(dy + i), Load(y + i)));
  if (i == count) return;
  const int64_t part = count - i;
  StorePart(dx + i, grad(LoadPart(dy + i, part), LoadPart(y + i, part)), part);
}

template <bool kStream>
void GradLine(const SeluGradBlock& block) {
  const auto line = block.masked ? GradLine<kStream, true> : GradLine<kStream, false>;
  line(block.count, block.dy, block.y, block.map, block.dx);
}

void SeluGrad(const SeluGradBlock& block) {
  if (block.stream && StreamAligned(block.dx, 0)) {
    GradLine<true>(block);
    StreamFence();
  } else {
    GradLine<false>(block);
  }
}

}  // namespace

void RegisterSelu(SimdKernels* kernels) {
  kernels->selu_forward = SeluForwardBlock;
  kernels->selu_grad = SeluGrad;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
