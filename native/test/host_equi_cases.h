// equi_norm.h against double precision, for the host tests.
#pragma once

#include <vector>

#include "test/equi_reference.h"
#include "test/host_cases.h"

namespace tfjs_norm::test {

inline void CheckEqui(const EquiCase& c) {
  const std::string name = c.Name() + " on " + host::Simd().name;
  const EquiArrays arrays(c, 11);
  const auto in_place = [](const std::vector<float>& values, int) { return values.data(); };
  Array factors(c.entries);
  const EquiNorm norm = arrays.Norm(c, in_place, factors.data());
  RunOn(norm);
  ExpectNear(factors, reference::Run(norm), name + " new_factors");
  std::vector<Array> y;
  std::vector<float*> places;
  for (const EquiWeight& weight : arrays.weights) y.emplace_back(weight.size(), c.shift);
  for (Array& one : y) places.push_back(one.data());
  const EquiScale scale = arrays.Scale(c, in_place, places);
  RunOn(scale);
  for (size_t i = 0; i < y.size(); ++i) {
    ExpectNear(y[i], reference::Run(scale, i), name + " y");
  }
}

}  // namespace tfjs_norm::test
