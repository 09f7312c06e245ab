#include "emulator/driver/control.h"

#include <cinttypes>
#include <cstdio>

#include "core/json.h"
#include "emulator/driver/driver.h"

namespace tfjs_norm::driver {
namespace {

std::string Number(int64_t value) { return std::to_string(value); }

std::string Json(const Traffic& traffic) {
  return JsonObject({{"count", Number(traffic.count)}, {"bytes", Number(traffic.bytes)}});
}

std::string Json(const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<std::string, std::string>> members;
  for (const auto& [name, count] : counts) members.emplace_back(name, Number(count));
  return JsonObject(members);
}

}  // namespace

std::string Driver::Counters() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> streams;
  for (const auto& [handle, stream] : streams_) {
    streams.push_back(JsonObject({{"stream", Number(stream.number)},
                                  {"device", Number(stream.device)},
                                  {"copies", Number(stream.copies)},
                                  {"launches", Json(stream.launches)}}));
  }
  return JsonObject({{"copies", JsonObject({{"toDevice", Json(to_device_)},
                                            {"toHost", Json(to_host_)},
                                            {"onDevice", Json(on_device_)},
                                            {"betweenDevices", Json(between_devices_)}})},
                     {"allocations", Number(allocated_)},
                     {"frees", Number(freed_)},
                     {"liveBytes", Number(static_cast<int64_t>(live_bytes_))},
                     {"peakBytes", Number(static_cast<int64_t>(peak_bytes_))},
                     {"events", Number(events_made_)},
                     {"streams", JsonArray(streams)},
                     {"devices", Number(static_cast<int64_t>(devices_.size()))},
                     {"lost", JsonBool(lost_)}});
}

void Driver::Reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  to_device_ = to_host_ = on_device_ = between_devices_ = {};
  allocated_ = freed_ = events_made_ = 0;
  peak_bytes_ = live_bytes_;
  for (auto& [handle, stream] : streams_) {
    stream.copies = 0;
    stream.launches.clear();
  }
}

}  // namespace tfjs_norm::driver

using tfjs_norm::driver::Driver;

NORM_DRIVER_API const char* norm_driver_counters() {
  thread_local std::string json;
  json = Driver::Get().Counters();
  return json.c_str();
}

NORM_DRIVER_API void norm_driver_reset() { Driver::Get().Reset(); }

NORM_DRIVER_API int norm_driver_fault(const char* kind, int after) {
  return Driver::Get().SetFault(kind, after) ? 0 : 1;
}

NORM_DRIVER_API int norm_driver_launch(const char* kernel, void* stream) {
  return Driver::Get().Launch(kernel, stream);
}
