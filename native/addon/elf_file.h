// Whether a file is a whole shared library for this machine. dlopen maps a truncated one all the
// same, and the process then dies of SIGBUS.
#pragma once

#include <string>

namespace tfjs_norm {
namespace addon {

// Empty when the file may be given to dlopen, else what is wrong with it. A name without a slash is
// left to the search of dlopen.
std::string WhyNotLoadable(const std::string& path);

}  // namespace addon
}  // namespace tfjs_norm
