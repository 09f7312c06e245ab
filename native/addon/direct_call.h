// One direct op call on typed arrays: JavaScript arguments in, NormCall, JavaScript tensors out.
#pragma once

#include <napi.h>

#include "addon/library.h"

namespace tfjs_norm {
namespace addon {

// info: (op, device, inputs, attributes), as NativeAddon.run of src/native.ts. Throws Napi::Error.
Napi::Value RunDirectCall(const Napi::CallbackInfo& info, const Library& library);

}  // namespace addon
}  // namespace tfjs_norm
