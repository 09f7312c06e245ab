// Cases of fixup.h for kernel_check.
#pragma once

#include "norms/fixup.h"
#include "test/fixup_cases.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

inline void CheckFixup(Results& results, Device device, const FixupCase& c, Random& random) {
  results.Case(c.Name());
  const float scale = 0.75f, bias = -0.25f, shift = 0.5f;
  Floats x = random.Normal(c.size, 0.2, 1), residual = random.Normal(c.size, 0, 1);
  const Floats dy = random.Normal(c.size, 0.1, 1);
  // z that rounding alone keeps from 0.
  for (size_t i = 0; i < x.size(); i += 5) {
    residual[i] = c.scale ? -scale * x[i] - bias : -x[i] - bias;
  }
  const auto scalars = [&](Memory& memory) {
    return FixupScalars<const float*>{memory.PutIf(c.scale, {scale}), memory.PutIf(c.bias, {bias}),
                                      memory.PutIf(c.shift, {shift})};
  };
  const Floats y = RunTwice(results, "Fixup", [&] {
    Memory memory(device);
    FixupForward args;
    args.size = c.size;
    args.relu = c.relu;
    args.scalars = scalars(memory);
    args.x = memory.Put(x, c.from);
    args.residual = c.residual ? memory.Put(residual, c.from) : nullptr;
    args.y = memory.Poisoned(c.size, c.from);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, c.size)};
  })[0];
  const std::vector<Floats> got = RunTwice(results, "FixupGrad", [&] {
    Memory memory(device);
    FixupBackward args;
    args.size = c.size;
    args.relu = c.relu;
    args.scalars = scalars(memory);
    args.dy = memory.Put(dy, c.from);
    args.x = c.has_dx() ? memory.Put(x, c.from) : nullptr;
    args.residual = c.relu && c.residual ? memory.Put(residual, c.from) : nullptr;
    args.dx = c.has_dx() ? memory.Poisoned(c.size, c.from) : nullptr;
    args.dz = c.has_dz() ? memory.Poisoned(c.size, c.from) : nullptr;
    args.sums = {c.scale ? memory.Poisoned(1) : nullptr, c.bias ? memory.Poisoned(1) : nullptr,
                 c.shift ? memory.Poisoned(1) : nullptr};
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, c.size), memory.Get(args.dz, c.size),
                               memory.Get(args.sums.scale, 1), memory.Get(args.sums.bias, 1),
                               memory.Get(args.sums.shift, 1)};
  });

  reference::Values want_y, want_dz, want_dx;
  double sums[3] = {}, terms[3] = {};
  bool sides = true;
  const float factor = c.scale ? scale : 1.0f;
  for (size_t i = 0; i < x.size(); ++i) {
    const double z =
        double{factor} * x[i] + (c.bias ? bias : 0.0) + (c.residual ? double{residual[i]} : 0.0);
    want_y.push_back((c.relu && z < 0 ? 0 : z) + (c.shift ? shift : 0.0));
    // Which side of 0 z is on is for the forward to say where rounding decides.
    const bool passes = !c.relu || (std::fabs(z) > 1e-5 || c.shift ? z > 0 : y[i] > 0);
    if (c.relu && !c.shift) sides = sides && got[0][i] == factor * (y[i] > 0 ? dy[i] : 0.0f);
    const bool unsure = c.relu && c.shift && std::fabs(z) <= 1e-5;
    const double dz = unsure   ? (got[0][i] != 0 ? double{dy[i]} : 0.0)
                      : passes ? double{dy[i]}
                               : 0.0;
    want_dz.push_back(dz);
    want_dx.push_back(factor * dz);
    const double all[] = {dz * x[i], dz, dy[i]};
    for (int n = 0; n < 3; ++n) {
      sums[n] += all[n];
      terms[n] += std::fabs(all[n]);
    }
  }
  results.Close("Fixup", "y", y, want_y);
  results.That(sides, "dx is scale * dy where y > 0 and 0 elsewhere");
  if (c.has_dx()) results.Close("FixupGrad", "dx", got[0], want_dx);
  if (c.has_dz()) results.Close("FixupGrad", "dz", got[1], want_dz);
  const bool wanted[] = {c.scale, c.bias, c.shift};
  const char* names[] = {"dscale", "dbias", "dshift"};
  for (int n = 0; n < 3; ++n) {
    // A sum over everything, whose terms cancel.
    if (wanted[n]) results.Close("FixupGrad", names[n], got[2 + n], {sums[n]}, terms[n]);
  }
}

}  // namespace tfjs_norm::test
