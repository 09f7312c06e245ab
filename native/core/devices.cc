#include "core/devices.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "core/devices_cuda.h"

namespace tfjs_norm {
namespace {

constexpr size_t kAlignment = 256;

}  // namespace

Status AllocateOnDevice(Device device, size_t bytes, void** data) {
  *data = nullptr;
  const size_t asked = std::max<size_t>(bytes, 1);
  if (device == Device::kCuda) return cuda::Allocate(asked, data);
  // aligned_alloc wants a multiple of the alignment.
  const size_t rounded = (asked + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded >= asked) *data = std::aligned_alloc(kAlignment, rounded);
  if (*data != nullptr) return Ok();
  return Error(Code::kResourceExhausted, "allocation of %zu bytes of host memory failed", bytes);
}

void FreeOnDevice(Device device, void* data) {
  if (data == nullptr) return;
  if (device == Device::kCuda) {
    cuda::Free(data);
  } else {
    std::free(data);
  }
}

Status FillZero(Device device, void* data, size_t bytes, void* stream) {
  if (device == Device::kCuda) return cuda::FillZero(data, bytes, stream);
  std::memset(data, 0, bytes);
  return Ok();
}

Status CopyOnDevice(Device device, void* to, const void* from, size_t bytes, void* stream) {
  if (device == Device::kCuda) return cuda::CopyOnDevice(to, from, bytes, stream);
  std::memcpy(to, from, bytes);
  return Ok();
}

Status CopyToDevice(Device device, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return Ok();
  if (device == Device::kCuda) return cuda::CopyToDevice(to, from, bytes);
  std::memcpy(to, from, bytes);
  return Ok();
}

Status CopyToHost(Device device, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return Ok();
  if (device == Device::kCuda) return cuda::CopyToHost(to, from, bytes);
  std::memcpy(to, from, bytes);
  return Ok();
}

Status Synchronize(Device device, void* stream) {
  return device == Device::kCuda ? cuda::Synchronize(stream) : Ok();
}

std::string DescribeDevices() { return cuda::DescribeDevices(); }

// CMake's words: "80-real" is machine code, "80-virtual" PTX, "80" both.
std::vector<std::string> Architectures() {
  std::vector<std::string> codes;
#ifdef NORM_KIND_cuda
  std::istringstream words(NORM_ARCHITECTURES);
  for (std::string word; std::getline(words, word, ',');) {
    const size_t dash = word.find('-');
    const std::string number = word.substr(0, dash);
    const std::string form = dash == std::string::npos ? "" : word.substr(dash + 1);
    if (!std::isdigit(static_cast<unsigned char>(number.empty() ? ' ' : number[0]))) {
      codes.push_back(word);  // "native", "all", "all-major"
      continue;
    }
    if (form != "virtual") codes.push_back("sm_" + number);
    if (form != "real") codes.push_back("compute_" + number);
  }
#endif
  return codes;
}

// Machine code runs on its own major version from its minor one on; PTX on everything from its
// version on. Code for an architecture with a letter (sm_90a) runs on exactly that one.
bool HasCodeFor(const std::vector<std::string>& architectures, int major, int minor) {
#ifdef NORM_KIND_emulated
  (void)architectures;
  (void)major;
  (void)minor;
  return true;
#else
  const int wanted = major * 10 + minor;
  for (const std::string& code : architectures) {
    const size_t underscore = code.find('_');
    if (underscore == std::string::npos) return true;  // compiled for "native" or "all"
    char* end = nullptr;
    const int version = static_cast<int>(std::strtol(&code[underscore + 1], &end, 10));
    const bool exact = *end != '\0';
    const bool machine_code = code.compare(0, underscore, "sm") == 0;
    if (version == wanted) return true;
    if (exact || version > wanted) continue;
    if (!machine_code || version / 10 == major) return true;
  }
  return false;
#endif
}

}  // namespace tfjs_norm
