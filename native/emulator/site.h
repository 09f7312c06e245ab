// A place in a kernel's source, taken by default arguments at the call.
#pragma once

namespace tfjs_norm::emulator {

struct Site {
  const char* file;
  int line;
};

inline bool operator==(const Site& a, const Site& b) { return a.file == b.file && a.line == b.line; }
inline bool operator!=(const Site& a, const Site& b) { return !(a == b); }

}  // namespace tfjs_norm::emulator

// The default of a parameter of type Site.
#define NORM_SITE (::tfjs_norm::emulator::Site{__builtin_FILE(), __builtin_LINE()})
