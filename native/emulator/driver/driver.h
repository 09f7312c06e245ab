// The state of the stand-in driver: devices, memory, streams and events of one process. Device
// memory is host memory and everything is done when its call returns, so streams and events only
// count. Unlike a GPU it refuses what is not its own: a copy that leaves its allocation, an unknown
// stream.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "emulator/driver/abi.h"

namespace tfjs_norm::driver {

struct Device {
  int ordinal;   // among those that CUDA_VISIBLE_DEVICES leaves; its context is the address of this
  int physical;  // among all
  size_t live_bytes = 0;
};

struct Stream {
  int number;  // in the order of creation, from 1; 0 is the default stream
  int device;
  int64_t copies = 0;
  std::map<std::string, int64_t> launches = {};  // by kernel
};

struct Traffic {
  int64_t count = 0;
  int64_t bytes = 0;
};

enum class Operation { kAllocation, kCopy, kLaunch };

class Driver {
 public:
  static Driver& Get();

  int version() const { return version_; }
  size_t memory_bytes() const { return memory_bytes_; }
  std::vector<Device>& devices() { return devices_; }

  // The device of the calling thread's context, null where it has none.
  static Device*& Current();
  static std::vector<Device*>& Pushed();  // the thread's contexts below it

  Result Allocate(size_t bytes, void** data);
  Result Free(void* data);
  size_t FreeBytes(const Device& device);
  // The allocation that holds all of the range: its first byte, its size and device.
  bool Find(const void* data, size_t bytes, void** begin, size_t* size, int* device);

  // By what the two ends are; a range that starts in an allocation must end in it.
  Result Copy(void* to, const void* from, size_t bytes, void* stream);
  Result Set(void* to, const void* pattern, size_t pattern_bytes, size_t count, void* stream);
  Result Launch(const std::string& kernel, void* stream);

  Result CreateStream(void** stream);
  Result DestroyStream(void* stream);
  Result CreateEvent(void** event);
  Result DestroyEvent(void* event);
  // kInvalidHandle for what is neither null nor one of this driver's.
  Result CheckStream(const void* stream);
  Result CheckEvent(const void* event);
  int DeviceOf(const void* stream);

  std::string Counters();
  void Reset();
  bool SetFault(const std::string& kind, int after);

 private:
  struct Allocation {
    size_t bytes;
    int device;
  };

  Driver();
  // With the mutex held.
  Result Fault(Operation operation);
  const std::pair<char* const, Allocation>* Holder(const void* data);
  Stream* FindStream(const void* stream);

  std::mutex mutex_;
  int version_ = 13000;
  size_t memory_bytes_ = size_t{8} << 30;
  std::vector<Device> devices_;
  std::map<char*, Allocation> allocations_;
  std::map<const void*, Stream> streams_;  // by handle; null is the default stream
  std::set<const void*> events_;
  int streams_made_ = 0;

  Traffic to_device_, to_host_, on_device_, between_devices_;
  int64_t allocated_ = 0, freed_ = 0, events_made_ = 0;
  size_t live_bytes_ = 0, peak_bytes_ = 0;

  std::string fault_;
  int fault_after_ = -1;
  bool lost_ = false;
};

}  // namespace tfjs_norm::driver
