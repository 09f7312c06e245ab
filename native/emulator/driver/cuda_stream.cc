// libcuda.so.1: streams, events, callbacks.
#include "emulator/driver/driver.h"

using namespace tfjs_norm::driver;  // the whole file is CUDA's names over it

NORM_DRIVER_API Result cuStreamCreate(void** stream, unsigned) {
  return Driver::Get().CreateStream(stream);
}
NORM_DRIVER_API Result cuStreamCreateWithPriority(void** stream, unsigned, int) {
  return Driver::Get().CreateStream(stream);
}
NORM_DRIVER_API Result cuStreamDestroy_v2(void* stream) {
  return Driver::Get().DestroyStream(stream);
}
NORM_DRIVER_API Result cuStreamSynchronize(void* stream) {
  return Driver::Get().CheckStream(stream);
}
NORM_DRIVER_API Result cuStreamQuery(void* stream) { return Driver::Get().CheckStream(stream); }
NORM_DRIVER_API Result cuStreamGetPriority(void* stream, int* priority) {
  *priority = 0;
  return Driver::Get().CheckStream(stream);
}
NORM_DRIVER_API Result cuStreamGetFlags(void* stream, unsigned* flags) {
  *flags = 0;
  return Driver::Get().CheckStream(stream);
}
NORM_DRIVER_API Result cuStreamGetCtx(void* stream, Context* context) {
  *context = &Driver::Get().devices()[Driver::Get().DeviceOf(stream)];
  return Driver::Get().CheckStream(stream);
}
NORM_DRIVER_API Result cuStreamIsCapturing(void* stream, int* status) {
  *status = 0;
  return Driver::Get().CheckStream(stream);
}
NORM_DRIVER_API Result cuStreamWaitEvent(void* stream, void* event, unsigned) {
  const Result known = Driver::Get().CheckEvent(event);
  return known == kSuccess ? Driver::Get().CheckStream(stream) : known;
}

NORM_DRIVER_API Result cuEventCreate(void** event, unsigned) {
  return Driver::Get().CreateEvent(event);
}
NORM_DRIVER_API Result cuEventDestroy_v2(void* event) { return Driver::Get().DestroyEvent(event); }
NORM_DRIVER_API Result cuEventRecord(void* event, void* stream) {
  return cuStreamWaitEvent(stream, event, 0);
}
NORM_DRIVER_API Result cuEventQuery(void* event) { return Driver::Get().CheckEvent(event); }
NORM_DRIVER_API Result cuEventSynchronize(void* event) { return Driver::Get().CheckEvent(event); }
NORM_DRIVER_API Result cuEventElapsedTime(float* milliseconds, void* from, void* to) {
  *milliseconds = 0;
  const Result known = Driver::Get().CheckEvent(from);
  return known == kSuccess ? Driver::Get().CheckEvent(to) : known;
}

// Everything before the callback is done already, so it runs at once; never under the mutex.
NORM_DRIVER_API Result cuLaunchHostFunc(void* stream, void (*function)(void*), void* data) {
  const Result known = Driver::Get().CheckStream(stream);
  if (known == kSuccess) function(data);
  return known;
}
NORM_DRIVER_API Result cuStreamAddCallback(void* stream, void (*function)(void*, Result, void*),
                                           void* data, unsigned) {
  const Result known = Driver::Get().CheckStream(stream);
  if (known == kSuccess) function(stream, known, data);
  return known;
}
