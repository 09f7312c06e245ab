// What the stand-in libcuda.so.1 exports beside CUDA's names: its counters, and faults on demand,
// for tests; and its door for kernels that do not come as CUDA modules.
//
// Environment, read when the process first calls cuInit or one of these:
//   TFJS_CUDA_NORM_STAND_IN_DEVICES   how many devices there are (1)
//   TFJS_CUDA_NORM_STAND_IN_VERSION   the CUDA version of the driver (13000)
//   TFJS_CUDA_NORM_STAND_IN_MEMORY    megabytes of a device (8192)
//   TFJS_CUDA_NORM_STAND_IN_FAULT     KIND:AFTER, as norm_driver_fault
#pragma once

#include <cstdint>

extern "C" {

// JSON. Counts since the last reset: {"copies": {"toDevice": {"count", "bytes"}, "toHost",
// "onDevice", "betweenDevices"}, "allocations", "frees", "events", "peakBytes"}; what is:
// "liveBytes", "devices", "lost", "streams": [{"stream" (0 the default stream, then in the order of
// creation), "device", "copies", "launches": {kernel: count}}]. Valid until the calling thread's
// next call.
const char* norm_driver_counters();
// Counts become zero, and peakBytes what is live.
void norm_driver_reset();

// The (after + 1)-th operation of the kind from now fails once: "allocation" out of memory,
// "copy" and "launch" with a launch failure. "full": every
// allocation from that one on is out of memory, until a call with after < 0. "lost": from that
// operation of any kind on, every one fails, until a call with after < 0, which disarms. 1 for an
// unknown kind.
int norm_driver_fault(const char* kind, int after);

// Counts a launch of a kernel on a stream and says whether the device takes it, as cuLaunchKernel
// does: the emulated kernels and the kernels that TensorFlow registers with the runtime library
// come through here. The stream must be one of this driver's; null is the default stream.
int norm_driver_launch(const char* kernel, void* stream);
}
