#include "core/device_facts.h"

#include "core/devices.h"
#include "core/json.h"

namespace tfjs_norm {

std::string DevicesJson(int driver, int runtime, const std::vector<DeviceFacts>& devices,
                        const std::string& message) {
  const std::vector<std::string> architectures = Architectures();
  std::vector<std::string> list;
  for (const DeviceFacts& device : devices) {
    list.push_back(JsonObject({
        {"name", JsonString(device.name)},
        {"computeCapability",
         JsonString(std::to_string(device.major) + '.' + std::to_string(device.minor))},
        {"totalMemory", JsonNumber(device.total_memory)},
        {"freeMemory", JsonNumber(device.free_memory)},
        {"multiprocessors", std::to_string(device.multiprocessors)},
        {"hasCode", JsonBool(HasCodeFor(architectures, device.major, device.minor))},
    }));
  }
  return JsonObject({{"driver", std::to_string(driver)},
                     {"runtime", std::to_string(runtime)},
                     {"devices", JsonArray(list)},
                     {"message", JsonString(message)}});
}

}  // namespace tfjs_norm
