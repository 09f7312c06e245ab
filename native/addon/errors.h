// JavaScript errors with the native message and a `code` such as 'INVALID_ARGUMENT'.
#pragma once

#include <napi.h>

#include <string>

#include "core/status.h"

namespace tfjs_norm {
namespace addon {

Napi::Error MakeError(Napi::Env env, Code code, const std::string& message);
inline Napi::Error InvalidArgument(Napi::Env env, const std::string& message) {
  return MakeError(env, Code::kInvalidArgument, message);
}

// A JavaScript value in an error message: 3, 1.5, "32", null, [object Float64Array].
std::string Show(const Napi::Value& value);

}  // namespace addon
}  // namespace tfjs_norm
