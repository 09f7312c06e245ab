// The arguments of NativeAddon.run, read from JavaScript and checked as far as that needs no
// knowledge of the op's maths.
#pragma once

#include <napi.h>

#include <string>
#include <utility>
#include <vector>

#include "addon/library.h"

namespace tfjs_norm {
namespace addon {

struct DirectInput {
  Napi::TypedArray array;  // float32; its length is checked when its data is taken
  std::vector<int64_t> shape;
  double size = 1;
};

struct DirectArguments {
  std::string op;
  const OpFacts* facts = nullptr;
  int32_t device = NORM_HOST;
  std::vector<DirectInput> inputs;
  std::vector<std::pair<std::string, double>> attributes;
};

// info: (op, device, inputs, attributes). Runs JavaScript where the caller hides it (getters,
// proxies), so data pointers are to be taken afterwards. Throws Napi::Error.
DirectArguments ReadDirectArguments(const Napi::CallbackInfo& info, const Library& library);

}  // namespace addon
}  // namespace tfjs_norm
