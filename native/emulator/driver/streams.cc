// Streams and events of the stand-in driver: everything is done when its call returns, so they
// only have to be known.
#include "emulator/driver/driver.h"

namespace tfjs_norm::driver {

Stream* Driver::FindStream(const void* stream) {
  const auto found = streams_.find(stream);
  return found != streams_.end() ? &found->second : nullptr;
}

Result Driver::CreateStream(void** stream) {
  const Device* device = Current();
  if (device == nullptr) return kInvalidContext;
  const std::lock_guard<std::mutex> lock(mutex_);
  *stream = new char;  // only its address is used
  streams_.emplace(*stream, Stream{++streams_made_, device->ordinal});
  return kSuccess;
}

Result Driver::DestroyStream(void* stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stream == nullptr || streams_.erase(stream) == 0) return kInvalidHandle;
  delete static_cast<char*>(stream);
  return kSuccess;
}

Result Driver::CheckStream(const void* stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (lost_) return kLaunchFailed;
  return FindStream(stream) != nullptr ? kSuccess : kInvalidHandle;
}

int Driver::DeviceOf(const void* stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Stream* found = FindStream(stream);
  return found != nullptr ? found->device : 0;
}

Result Driver::CreateEvent(void** event) {
  if (Current() == nullptr) return kInvalidContext;
  const std::lock_guard<std::mutex> lock(mutex_);
  *event = new char;
  events_.insert(*event);
  ++events_made_;
  return kSuccess;
}

Result Driver::DestroyEvent(void* event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (events_.erase(event) == 0) return kInvalidHandle;
  delete static_cast<char*>(event);
  return kSuccess;
}

Result Driver::CheckEvent(const void* event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (lost_) return kLaunchFailed;
  return events_.count(event) != 0 ? kSuccess : kInvalidHandle;
}

}  // namespace tfjs_norm::driver
