// One CUDA device as norm_devices describes it, and the JSON of all of them.
#pragma once

#include <string>
#include <vector>

namespace tfjs_norm {

struct DeviceFacts {
  std::string name;
  int major = 0;
  int minor = 0;
  double total_memory = 0;
  double free_memory = 0;  // 0 where the driver does not tell
  int multiprocessors = 0;
};

// `message` says why there is no device.
std::string DevicesJson(int driver, int runtime, const std::vector<DeviceFacts>& devices,
                        const std::string& message);

}  // namespace tfjs_norm
