#include "emulator/driver/driver.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace tfjs_norm::driver {
namespace {

// What uninitialised memory holds, as in the emulator: a NaN in every float format.
constexpr unsigned char kPoison = 0xFF;
constexpr size_t kAlignment = 512;

int Setting(const char* name, int otherwise) {
  const char* text = std::getenv((std::string("TFJS_CUDA_NORM_STAND_IN_") + name).c_str());
  return text != nullptr && *text != '\0' ? std::atoi(text) : otherwise;
}

// As the driver reads CUDA_VISIBLE_DEVICES: numbers up to the first that is no device.
std::vector<int> VisibleDevices(int count) {
  std::vector<int> visible;
  const char* text = std::getenv("CUDA_VISIBLE_DEVICES");
  if (text == nullptr) {
    for (int i = 0; i < count; ++i) visible.push_back(i);
    return visible;
  }
  std::istringstream numbers(text);
  for (std::string number; std::getline(numbers, number, ',');) {
    char* end = nullptr;
    const long device = std::strtol(number.c_str(), &end, 10);
    if (end == number.c_str() || device < 0 || device >= count) break;
    visible.push_back(static_cast<int>(device));
  }
  return visible;
}

void Count(Traffic* traffic, size_t bytes) {
  ++traffic->count;
  traffic->bytes += static_cast<int64_t>(bytes);
}

}  // namespace

Driver& Driver::Get() {
  static auto& driver = *new Driver;  // never destroyed: TensorFlow's threads outlive exit handlers
  return driver;
}

Device*& Driver::Current() {
  thread_local Device* current = nullptr;
  return current;
}

std::vector<Device*>& Driver::Pushed() {
  thread_local std::vector<Device*> pushed;
  return pushed;
}

Driver::Driver() : version_(Setting("VERSION", 13000)) {
  memory_bytes_ = static_cast<size_t>(Setting("MEMORY", 8192)) << 20;
  for (const int physical : VisibleDevices(Setting("DEVICES", 1))) {
    devices_.push_back({static_cast<int>(devices_.size()), physical});
  }
  streams_.emplace(nullptr, Stream{0, 0});
  const char* fault = std::getenv("TFJS_CUDA_NORM_STAND_IN_FAULT");
  if (fault == nullptr || *fault == '\0') return;
  const std::string text = fault;
  const size_t colon = text.find(':');
  if (colon == std::string::npos || !SetFault(text.substr(0, colon), std::atoi(&text[colon + 1]))) {
    std::fprintf(stderr, "TFJS_CUDA_NORM_STAND_IN_FAULT: expected KIND:AFTER, got %s\n", fault);
    std::abort();
  }
}

bool Driver::SetFault(const std::string& kind, int after) {
  if (kind != "allocation" && kind != "full" && kind != "copy" && kind != "launch" &&
      kind != "lost") {
    return false;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  fault_ = kind;
  fault_after_ = after;
  if (after < 0) lost_ = false;
  return true;
}

Result Driver::Fault(Operation operation) {
  if (lost_) return kLaunchFailed;
  constexpr const char* kNames[] = {"allocation", "copy", "launch"};
  const bool is_allocation = operation == Operation::kAllocation;
  const bool is_full = fault_ == "full";
  const bool is_lost = fault_ == "lost";
  const bool concerns =
      is_lost || (is_full ? is_allocation : fault_ == kNames[static_cast<int>(operation)]);
  if (fault_after_ < 0 || !concerns) return kSuccess;
  if (fault_after_ > 0) {
    --fault_after_;
    return kSuccess;
  }
  if (!is_full) fault_after_ = -1;
  lost_ = is_lost;
  return is_allocation && !is_lost ? kOutOfMemory : kLaunchFailed;
}

size_t Driver::FreeBytes(const Device& device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return memory_bytes_ - std::min(memory_bytes_, device.live_bytes);
}

Result Driver::Allocate(size_t bytes, void** data) {
  *data = nullptr;
  Device* device = Current();
  if (device == nullptr) return kInvalidContext;
  if (bytes == 0) return kInvalidValue;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const Result fault = Fault(Operation::kAllocation); fault != kSuccess) return fault;
  if (bytes > memory_bytes_ - device->live_bytes) return kOutOfMemory;
  void* memory = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (memory == nullptr) return kOutOfMemory;
  std::memset(memory, kPoison, bytes);
  allocations_[static_cast<char*>(memory)] = {bytes, device->ordinal};
  device->live_bytes += bytes;
  live_bytes_ += bytes;
  peak_bytes_ = std::max(peak_bytes_, live_bytes_);
  ++allocated_;
  *data = memory;
  return kSuccess;
}

Result Driver::Free(void* data) {
  if (data == nullptr) return kSuccess;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = allocations_.find(static_cast<char*>(data));
  if (found == allocations_.end()) return kInvalidValue;
  devices_[found->second.device].live_bytes -= found->second.bytes;
  live_bytes_ -= found->second.bytes;
  ++freed_;
  allocations_.erase(found);
  std::free(data);
  return kSuccess;
}

const std::pair<char* const, Driver::Allocation>* Driver::Holder(const void* data) {
  auto next = allocations_.upper_bound(static_cast<char*>(const_cast<void*>(data)));
  if (next == allocations_.begin()) return nullptr;
  --next;
  return data < next->first + next->second.bytes ? &*next : nullptr;
}

bool Driver::Find(const void* data, size_t bytes, void** begin, size_t* size, int* device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto* holder = Holder(data);
  if (holder == nullptr ||
      static_cast<const char*>(data) + bytes > holder->first + holder->second.bytes) {
    return false;
  }
  *begin = holder->first;
  *size = holder->second.bytes;
  *device = holder->second.device;
  return true;
}

Result Driver::Copy(void* to, const void* from, size_t bytes, void* stream) {
  if (bytes == 0) return kSuccess;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const Result fault = Fault(Operation::kCopy); fault != kSuccess) return fault;
  Stream* on = FindStream(stream);
  if (on == nullptr) return kInvalidHandle;
  const auto* target = Holder(to);
  const auto* source = Holder(from);
  const auto leaves = [bytes](const auto* holder, const void* data) {
    return holder != nullptr &&
           static_cast<const char*>(data) + bytes > holder->first + holder->second.bytes;
  };
  if (leaves(target, to) || leaves(source, from)) return kInvalidValue;
  if (target != nullptr && source != nullptr) {
    Count(target->second.device == source->second.device ? &on_device_ : &between_devices_, bytes);
  } else if (target != nullptr || source != nullptr) {
    Count(target != nullptr ? &to_device_ : &to_host_, bytes);
  }
  ++on->copies;
  std::memmove(to, from, bytes);
  return kSuccess;
}

Result Driver::Set(void* to, const void* pattern, size_t pattern_bytes, size_t count,
                   void* stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (lost_) return kLaunchFailed;
  if (FindStream(stream) == nullptr) return kInvalidHandle;
  const auto* holder = Holder(to);
  char* next = static_cast<char*>(to);
  if (count != 0 &&
      (holder == nullptr || next + pattern_bytes * count > holder->first + holder->second.bytes)) {
    return kInvalidValue;
  }
  for (size_t i = 0; i < count; ++i, next += pattern_bytes) {
    std::memcpy(next, pattern, pattern_bytes);
  }
  return kSuccess;
}

Result Driver::Launch(const std::string& kernel, void* stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const Result fault = Fault(Operation::kLaunch); fault != kSuccess) return fault;
  Stream* on = FindStream(stream);
  if (on == nullptr) return kInvalidHandle;
  ++on->launches[kernel];
  return kSuccess;
}

}  // namespace tfjs_norm::driver
