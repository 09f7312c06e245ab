// fixup.h against double precision, for the host tests.
#pragma once

#include <cmath>

#include "test/fixup_cases.h"
#include "test/host_cases.h"

namespace tfjs_norm::test {

// Large arrays lie 16 bytes after a page's start: from there to the next line of the cache, in
// floats.
constexpr int kFromHeader = 12;

// Multiples of 1/16, with which z is exact in float32: on which side of 0 it is, is beyond doubt.
inline Array Sixteenths(int64_t size, double mean) {
  Array values = Random(size, mean, 1);
  for (int64_t i = 0; i < size; ++i) values[i] = std::round(values[i] * 16) / 16;
  return values;
}

inline void CheckFixup(const FixupCase& c) {
  const std::string name = c.Name() + " on " + host::Simd().name;
  const float scale = 0.75f, bias = -0.25f, shift = 0.5f;
  const FixupScalars<const float*> scalars = {c.scale ? &scale : nullptr, c.bias ? &bias : nullptr,
                                              c.shift ? &shift : nullptr};
  const Array x = Sixteenths(c.size, 0.25), residual = Sixteenths(c.size, 0);
  const Array dy = Random(c.size, 0.1, 1);
  Array y(c.size, c.from), dx(c.size, c.from), dz(c.size, c.from);
  RunOn(FixupForward{c.size, c.relu, scalars, x.data(), c.residual ? residual.data() : nullptr,
                     y.data()});
  float sums[] = {0, 0, 0};
  FixupBackward backward;
  backward.size = c.size;
  backward.relu = c.relu;
  backward.scalars = scalars;
  backward.dy = dy.data();
  backward.x = c.has_dx() ? x.data() : nullptr;
  backward.residual = c.relu && c.residual ? residual.data() : nullptr;
  backward.dx = c.has_dx() ? dx.data() : nullptr;
  backward.dz = c.has_dz() ? dz.data() : nullptr;
  backward.sums = {&sums[0], &sums[1], &sums[2]};
  RunOn(backward);

  reference::Values want_y(c.size), want_dx(c.size), want_dz(c.size);
  double want[3] = {}, terms[3] = {1, 1, 1};
  for (int64_t i = 0; i < c.size; ++i) {
    const double z = (c.scale ? scale : 1.0) * x[i] + (c.bias ? bias : 0.0) +
                     (c.residual ? double{residual[i]} : 0.0);
    want_y[i] = (c.relu ? std::fmax(z, 0) : z) + (c.shift ? shift : 0.0);
    want_dz[i] = c.relu && !(z > 0) ? 0.0 : dy[i];
    want_dx[i] = (c.scale ? scale : 1.0) * want_dz[i];
    const double all[] = {want_dz[i] * x[i], want_dz[i], dy[i]};
    for (int n = 0; n < 3; ++n) {
      want[n] += all[n];
      terms[n] += std::fabs(all[n]);
    }
  }
  ExpectNear(y, want_y, name + " y");
  if (c.has_dx()) ExpectNear(dx, want_dx, name + " dx");
  if (c.has_dz()) ExpectNear(dz, want_dz, name + " dz");
  const char* names[] = {" dscale", " dbias", " dshift"};
  for (int n = c.has_dx() ? 0 : 1; n < 3; ++n) {
    Array sum(1);
    sum[0] = sums[n];
    ExpectNear(sum, {want[n]}, name + names[n], terms[n]);
  }
}

}  // namespace tfjs_norm::test
