// A launch: all blocks of a grid, over the OS threads of the machine when there are many of them.
#pragma once

#include <cstddef>

#include "core/status.h"
#include "emulator/cuda_types.h"

namespace tfjs_norm::emulator {

// The emulated device takes every launch. Where TensorFlow's GPU is the stand-in driver's
// (emulator/driver), that driver counts the launch by name and stream, and refuses a stream that is
// not its own or a launch that a test makes fail.
Status AskDriver(const char* kernel, void* stream);

// Complete when it returns. `body(closure)` calls the kernel with the launch's arguments. Blocks
// and the threads of a block run in the order that norm_emulator_order or the environment variable
// TFJS_CUDA_NORM_EMULATOR_ORDER (forward, reverse, random or random:<seed>) asks for.
Status LaunchGrid(const char* kernel, dim3 grid, dim3 block, size_t shared_bytes,
                  void (*body)(const void*), const void* closure);

}  // namespace tfjs_norm::emulator
