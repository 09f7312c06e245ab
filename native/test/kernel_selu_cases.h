// Cases of selu.h for kernel_check: values against double precision, masks word by word.
#pragma once

#include <cmath>

#include "norms/selu.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct SeluCase {
  std::vector<int64_t> shape;
  uint32_t shared = 0;  // bit d: axis d
  bool selu = true;
  double rate = 0.1;
  uint64_t seed = 42;
  uint64_t stream = 0;
  int shift = 0;  // of x, y, dy and dx from a 256-byte boundary, in floats

  int64_t size() const {
    int64_t size = 1;
    for (const int64_t extent : shape) size *= extent;
    return size;
  }
  std::string Name() const {
    std::string text = selu ? "selu [" : "linear [";
    for (const int64_t extent : shape) text += std::to_string(extent) + ",";
    return text + "] shared " + std::to_string(shared) + ", rate " + std::to_string(rate) +
           ", seed " + std::to_string(seed) + ", stream " + std::to_string(stream) + ", shift " +
           std::to_string(shift);
  }
};

// Whether each element is kept, from the definition.
inline std::vector<bool> Kept(const SeluCase& c, uint32_t threshold) {
  const philox::Stream stream = {static_cast<uint32_t>(c.seed), static_cast<uint32_t>(c.seed >> 32),
                                 static_cast<uint32_t>(c.stream),
                                 static_cast<uint32_t>(c.stream >> 32)};
  std::vector<bool> kept(static_cast<size_t>(c.size()));
  for (int64_t i = 0; i < c.size(); ++i) {
    int64_t rest = i;
    int64_t word = 0;
    int64_t stride = 1;
    for (int axis = static_cast<int>(c.shape.size()) - 1; axis >= 0; --axis) {
      if ((c.shared >> axis & 1) == 0) {
        word += rest % c.shape[axis] * stride;
        stride *= c.shape[axis];
      }
      rest /= c.shape[axis];
    }
    const philox::Block block = philox::BlockOf(stream, static_cast<uint64_t>(word / 4));
    kept[static_cast<size_t>(i)] = block.word[word % 4] >> 8 >= threshold;
  }
  return kept;
}

inline Floats Digits(const SeluCase& c) {
  Floats digits;
  for (const uint64_t number : {c.seed, c.stream}) {
    for (int i = 0; i < 4; ++i) digits.push_back(static_cast<float>(number >> (16 * i) & 0xffff));
  }
  return digits;
}

// Normal values, and where there is room those that meet a bound of the code or of float32.
inline Floats SeluValues(const SeluCase& c, Random& random) {
  Floats x = random.Normal(c.size(), 0, 1.5);
  const Floats special = {0.0f,  -0.0f, 1e-9f,  -1e-9f,     1e-30f, -1e-30f, -0.3466f,  -17.5f,
                          -87.f, -88.f, -1e30f, -HUGE_VALF, 1e30f,  20.0f,   HUGE_VALF, NAN};
  for (size_t i = 0; i < special.size() && 3 * i + 2 < x.size(); ++i) x[3 * i + 2] = special[i];
  return x;
}

// What a passes on where a number and an infinity or NaN cannot be compared by their difference.
inline bool SameKind(float got, double want) {
  if (std::isnan(want)) return std::isnan(got);
  return std::isinf(want) && std::isinf(got) && std::signbit(got) == std::signbit(want);
}

inline void CheckSelu(Results& results, Device device, const SeluCase& c, Random& random) {
  results.Case(c.Name());
  const int64_t size = c.size();
  const Floats x = SeluValues(c, random);
  const Floats dy = random.Normal(size, 0.1, 1);
  const float positive = 0.9680118f, negative = 1.6197115f, offset = c.rate > 0 ? 0.161971f : 0;
  const SeluMap map =
      c.selu ? SeluOf(positive, negative, offset) : LinearOf(positive, offset, offset - negative);
  DropoutMask mask;
  mask.threshold = static_cast<uint32_t>(std::ceil(c.rate * (1 << 24)));
  for (size_t axis = 0; axis < c.shape.size(); ++axis) {
    mask.shape.Append(c.shape[axis], (c.shared >> axis & 1) == 0);
  }
  mask.shape.Close();

  const auto forward = [&](const SeluMap& of, const Floats& from) {
    return [&] {
      Memory memory(device);
      SeluForward args;
      args.size = size;
      args.map = of;
      args.mask = mask;
      args.mask.digits = memory.Put(Digits(c));
      args.x = memory.Put(from, c.shift);
      args.y = memory.Poisoned(size, c.shift);
      results.Succeeded(RunOn(device, args, memory));
      return std::vector<Floats>{memory.Get(args.y, size)};
    };
  };
  const char* name = c.selu ? "SeluAlphaDropout" : "AlphaDropout";
  const Floats y = RunTwice(results, name, forward(map, x))[0];

  const std::vector<bool> kept = Kept(c, mask.threshold);
  const auto f = [&](double v) {
    if (!c.selu || v > 0) return positive * v + offset;
    return negative * std::expm1(v) + offset;
  };
  const auto slope = [&](double v) {
    if (!c.selu || v > 0) return double{positive};
    return negative * std::exp(v);
  };
  // What is not a finite number is compared here, and left out of the rest.
  Floats got, got_dx;
  reference::Values want, want_dx;
  bool masks = true, kinds = true, sides = true, exact = true;
  Floats dx;
  if (c.selu) {
    dx = RunTwice(results, "SeluAlphaDropoutGrad", [&] {
      Memory memory(device);
      SeluBackward args;
      args.size = size;
      args.map = map;
      args.masked = c.rate > 0;
      args.dy = memory.Put(dy, c.shift);
      args.y = memory.Put(y, c.shift);
      args.dx = memory.Poisoned(size, c.shift);
      results.Succeeded(RunOn(device, args, memory));
      return std::vector<Floats>{memory.Get(args.dx, size)};
    })[0];
  } else {
    dx = RunTwice(results, "AlphaDropoutGrad", forward(LinearOf(positive, 0, 0), dy))[0];
  }
  for (size_t i = 0; i < x.size(); ++i) {
    if (!kept[i]) {
      masks = masks && y[i] == map.dropped;
      exact = exact && dx[i] == 0;
      continue;
    }
    masks = masks && (c.selu ? !(y[i] < map.dropped) : true);
    if (c.selu) sides = sides && (std::isnan(x[i]) || (y[i] > offset) == (x[i] > 0));
    const double value = f(x[i]);
    if (!std::isfinite(value)) {
      kinds = kinds && SameKind(y[i], value);
      kinds = kinds && (!c.selu || !std::isnan(value) || std::isnan(dx[i]));
      continue;
    }
    // Relative to a value of 1e30 and more nothing else counts.
    if (std::fabs(value) > 100) {
      kinds = kinds && std::fabs(y[i] / value - 1) < 1e-6;
      continue;
    }
    got.push_back(y[i]);
    want.push_back(value);
    got_dx.push_back(dx[i]);
    want_dx.push_back(dy[i] * slope(x[i]));
  }
  results.That(masks, "the words say what is dropped, and that has its value");
  results.That(exact, "dx exactly 0 where dropped");
  results.That(kinds, "infinities and NaN pass");
  results.That(sides, "y > offset where x > 0 and nowhere else");
  results.Close(name, "y", got, want);
  results.Close(std::string(name) + "Grad", "dx", got_dx, want_dx);
}

inline std::vector<SeluCase> AwkwardSelu(bool quick) {
  std::vector<SeluCase> cases;
  const auto add = [&](std::vector<int64_t> shape, uint32_t shared, double rate = 0.1) {
    for (const bool selu : {true, false}) {
      SeluCase c;
      c.shape = shape;
      c.shared = shared;
      c.selu = selu;
      c.rate = rate;
      c.seed = 0x1234567890abcdef + cases.size();
      c.stream = 7 * cases.size();
      cases.push_back(c);
    }
  };
  add({}, 0);
  add({1}, 0);
  add({0, 3}, 0);
  for (const int64_t size : {3, 4, 5, 31, 33, 63, 64, 65, 127, 1000}) add({size}, 0);
  for (const double rate : {0.0, 0.5, 1e-9, 0.999, 1 - 1e-9}) add({9, 100}, 0, rate);
  add({5, 7, 11}, 1);
  add({5, 7, 11}, 2);
  add({5, 7, 11}, 4);
  add({5, 7, 11}, 5);
  add({5, 7, 11}, 6);
  add({5, 7, 11}, 3, 0.5);
  add({5, 7, 11}, 7, 0.5);
  add({3, 4, 5, 64}, 6, 0.5);  // channels of a sample
  add({3, 64, 4, 5}, 12, 0.5);
  add({2, 3, 4, 5, 6}, 0x15, 0.5);
  add({2, 3, 4, 5, 6}, 0x0a, 0.5);
  add({2, 1, 3, 1, 5}, 0x0a, 0.5);
  if (quick) return cases;
  add({70000}, 0);
  add({3, 40000}, 1);
  add({40000, 3}, 1);
  add({40000, 3}, 2);
  add({200, 300, 3}, 2);
  return cases;
}

inline SeluCase RandomSelu(Random& random) {
  SeluCase c;
  const int64_t rank = random.Int(1, 5);
  for (int64_t d = 0; d < rank; ++d) c.shape.push_back(random.OneOf<int64_t>({1, 2, 3, 5, 8, 13}));
  c.shared = static_cast<uint32_t>(random.Bool() ? 0 : random.Int(0, (1 << rank) - 1));
  c.selu = random.Bool();
  c.rate = random.OneOf({0.05, 0.1, 0.5, 0.9});
  c.seed = static_cast<uint64_t>(random.Int(0, INT64_MAX)) * 2 + 1;
  c.stream = static_cast<uint64_t>(random.Int(0, INT64_MAX));
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
