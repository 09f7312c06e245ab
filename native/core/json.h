// The little JSON that the library writes about itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tfjs_norm {

std::string JsonString(const std::string& text);
std::string JsonNumber(double value);  // null where it is not finite; reads back as the same double
inline std::string JsonBool(bool value) { return value ? "true" : "false"; }

// Values are JSON already.
std::string JsonArray(const std::vector<std::string>& values);
std::string JsonObject(const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace tfjs_norm
