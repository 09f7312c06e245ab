// A place in a kernel's source: the last parameter of what kernels call, with Site::Here() as its
// default, which is evaluated where the call is.
#pragma once

#include <cstring>

namespace tfjs_norm::emulator {

struct Site {
  const char* file;
  int line;

  static constexpr Site Here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  const char* name() const {
    const char* slash = std::strrchr(file, '/');
    return slash == nullptr ? file : slash + 1;
  }
};

inline bool operator==(const Site& a, const Site& b) {
  return a.file == b.file && a.line == b.line;
}
inline bool operator!=(const Site& a, const Site& b) { return !(a == b); }

}  // namespace tfjs_norm::emulator
