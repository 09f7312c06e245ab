// Cases of fixup.h, for kernel_check and host_check.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tfjs_norm::test {

struct FixupCase {
  int64_t size = 0;
  bool relu = false;
  bool scale = false, bias = false, shift = false, residual = false;
  int from = 0;  // of the tensors from a 256-byte boundary, in floats

  std::string Name() const {
    std::string text = "fixup of " + std::to_string(size) + (relu ? ", relu" : "");
    for (const auto& [used, name] :
         {std::pair{scale, ", scale"}, {bias, ", bias"}, {shift, ", shift"}}) {
      if (used) text += name;
    }
    return text + (residual ? ", residual" : "") + ", from " + std::to_string(from);
  }

  // As the op asks for them.
  bool has_dx() const { return relu || scale; }
  bool has_dz() const { return relu && scale && residual; }
};

inline std::vector<FixupCase> AwkwardFixup(bool quick) {
  std::vector<FixupCase> cases;
  const auto add = [&](int64_t size, int from = 0) {
    for (int parts = 0; parts < 32; ++parts) {
      const auto has = [parts](int bit) { return (parts >> bit & 1) != 0; };
      cases.push_back({size, has(0), has(1), has(2), has(3), has(4), from});
    }
  };
  for (const int64_t size : {0, 1, 3, 4, 5, 63, 64, 65, 130, 1000}) add(size);
  add(333, 1);
  if (quick) return cases;
  add(70001);
  add(70000, 2);
  return cases;
}

}  // namespace tfjs_norm::test
