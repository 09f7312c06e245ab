// The passes of norms/fixup.h over contiguous values.
#include "core/host_simd.h"
#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

// z: the same bits forward and backward.
struct ZOf {
  Float scale, bias;

  explicit ZOf(const FixupScalars<float>& scalars)
      : scale(Fill(scalars.scale)), bias(Fill(scalars.bias)) {}

  Float operator()(Float x) const { return x * scale + bias; }
  Float operator()(Float x, Float residual) const { return (*this)(x) + residual; }
};

template <bool kRelu, bool kResidual, bool kStream>
void Forward(const FixupBlock& block) {
  const ZOf z_of(block.scalars);
  const Float shift = Fill(block.scalars.shift);
  const auto map = [&](Float z) {
    // In this order NaN stays.
    const Float kept = kRelu ? (z < 0.0f ? Float{} : z) : z;
    return kept + shift;
  };
  const auto z_at = [&](int64_t i) {
    const Float x = Load(block.x + i);
    return kResidual ? z_of(x, Load(block.residual + i)) : z_of(x);
  };
  int64_t i = 0;
  for (; i + kLanes <= block.count; i += kLanes) Put<kStream>(block.y + i, map(z_at(i)));
  if (const int64_t part = block.count - i) {
    const Float x = LoadPart(block.x + i, part);
    const Float z = kResidual ? z_of(x, LoadPart(block.residual + i, part)) : z_of(x);
    StorePart(block.y + i, map(z), part);
  }
  if (kStream) StreamFence();
}

template <bool kStream>
void ForwardWith(const FixupBlock& block) {
  if (block.relu) {
    block.residual ? Forward<true, true, kStream>(block) : Forward<true, false, kStream>(block);
  } else {
    block.residual ? Forward<false, true, kStream>(block) : Forward<false, false, kStream>(block);
  }
}

void FixupForward(const FixupBlock& block) {
  block.stream&& StreamAligned(block.y, 0) ? ForwardWith<true>(block) : ForwardWith<false>(block);
}

// The terms of the three sums.
struct Terms {
  Float product, dz, dy;
};
inline Terms operator+(const Terms& a, const Terms& b) {
  return {a.product + b.product, a.dz + b.dz, a.dy + b.dy};
}

// What of x, and of the residual, backward reads.
enum class Reads { kNothing, kX, kXForRelu, kXAndResidualForRelu };

template <Reads kReads, bool kStream>
void Grad(const FixupGradBlock& block) {
  constexpr bool kRelu = kReads == Reads::kXForRelu || kReads == Reads::kXAndResidualForRelu;
  const ZOf z_of(block.scalars);
  // By value, so that no store can be taken for one into them.
  const float *const dy = block.dy, *const x = block.x, *const residual = block.residual;
  float *const dx = block.dx, *const dz = block.dz;
  const auto terms_of = [z_of](Float g, Float value, Float r) -> Terms {
    if (kReads == Reads::kNothing) return {Float{}, g, g};
    if (!kRelu) return {g * value, g, g};
    const Float z = kReads == Reads::kXForRelu ? z_of(value) : z_of(value, r);
    const Float passed = z > 0.0f ? g : Float{};
    return {passed * value, passed, g};
  };
  const auto at = [=](int64_t i) {
    const Float value = kReads == Reads::kNothing ? Float{} : Load(x + i);
    const Float r = kReads == Reads::kXAndResidualForRelu ? Load(residual + i) : Float{};
    const Terms terms = terms_of(Load(dy + i), value, r);
    if (dz) Put<kStream>(dz + i, terms.dz);
    if (dx) Put<kStream>(dx + i, terms.dz * z_of.scale);
    return terms;
  };
  // A few vectors in float32 first: widening costs more than adding.
  constexpr int kVectors = 4;
  Wide sums[FixupGradBlock::kSums] = {};
  const auto add = [&](const Terms& terms) {
    sums[0] = sums[0] + Widen(terms.product);
    sums[1] = sums[1] + Widen(terms.dz);
    sums[2] = sums[2] + Widen(terms.dy);
  };
  int64_t i = 0;
  for (; i + kVectors * kLanes <= block.count; i += kVectors * kLanes) {
    const Terms first = at(i), second = at(i + kLanes);
    const Terms third = at(i + 2 * kLanes), fourth = at(i + 3 * kLanes);
    add((first + second) + (third + fourth));
  }
  for (; i + kLanes <= block.count; i += kLanes) add(at(i));
  if (const int64_t part = block.count - i) {
    const Float value = kReads == Reads::kNothing ? Float{} : LoadPart(x + i, part);
    const Float r = kReads == Reads::kXAndResidualForRelu ? LoadPart(residual + i, part) : Float{};
    const Terms terms = terms_of(LoadPart(dy + i, part), value, r);
    if (dz) StorePart(dz + i, terms.dz, part);
    if (dx) StorePart(dx + i, terms.dz * z_of.scale, part);
    add(terms);
  }
  for (int n = 0; n < FixupGradBlock::kSums; ++n) block.sums[n] = Sum(sums[n]);
  if (kStream) StreamFence();
}

template <bool kStream>
void GradWith(const FixupGradBlock& block) {
  if (!block.x) return Grad<Reads::kNothing, kStream>(block);
  if (!block.relu) return Grad<Reads::kX, kStream>(block);
  if (!block.residual) return Grad<Reads::kXForRelu, kStream>(block);
  Grad<Reads::kXAndResidualForRelu, kStream>(block);
}

void FixupGrad(const FixupGradBlock& block) {
  // No output at all: null is aligned.
  const bool stream = block.stream && StreamAligned(block.dx, 0) && StreamAligned(block.dz, 0);
  stream ? GradWith<true>(block) : GradWith<false>(block);
}

}  // namespace

void RegisterFixup(SimdKernels* kernels) {
  kernels->fixup_forward = FixupForward;
  kernels->fixup_grad = FixupGrad;
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
