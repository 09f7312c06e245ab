// How the stand-in runtime calls the stand-in driver, which it opens as the real runtime opens the
// real one.
#pragma once

#include "emulator/driver/abi.h"

namespace tfjs_norm::driver {

// A function of libcuda.so.1; null where there is none.
void* Find(const char* name);

// What every call of the runtime does first: no driver, one of an older major version than
// NORM_RUNTIME_VERSION, no device, or the first device becomes the thread's. The values are those
// of cudaError_t, which agree with the driver's beyond these.
int Enter();
// Remembers a call's error for cudaGetLastError.
int Remember(int error);

template <class F>
F* Of(const char* name) {
  return reinterpret_cast<F*>(Find(name));
}

template <class... A>
int RuntimeResult(const char* name, A... arguments) {
  const int entered = Enter();
  return Remember(entered == 0 ? Of<int(A...)>(name)(arguments...) : entered);
}

}  // namespace tfjs_norm::driver
