// An NVTX tool that times our ranges where no profiler is installed: NVTX_INJECTION64_PATH names
// this library, TFJS_CUDA_NORM_PROFILE the file that gets, when the process ends, one JSON object a
// line:
//
//   {"range": "TfjsGroupNorm x[2,3]", "calls": 2, "total": 31000, "least": 12000, "most": 19000}
//
// in the order in which the ranges first began; times in nanoseconds on the host's clock. A range
// that did not end is not counted.
#define NVTX_NO_IMPL
#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/json.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr char kDomain[] = "tfjs-cuda-norm";

struct Range {
  std::string name;
  int64_t calls = 0;
  int64_t total = 0;
  int64_t least = INT64_MAX;
  int64_t most = 0;

  void Add(int64_t nanoseconds) {
    ++calls;
    total += nanoseconds;
    least = std::min(least, nanoseconds);
    most = std::max(most, nanoseconds);
  }
};

class Ranges {
 public:
  ~Ranges() {
    const char* const path = std::getenv("TFJS_CUDA_NORM_PROFILE");
    FILE* const file = path == nullptr ? nullptr : std::fopen(path, "w");
    if (file == nullptr) return;
    using tfjs_norm::JsonNumber;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Range& range : ranges_) {
      if (range.calls == 0) continue;
      const auto number = [](int64_t value) { return JsonNumber(static_cast<double>(value)); };
      const std::string line = tfjs_norm::JsonObject({{"range", tfjs_norm::JsonString(range.name)},
                                                      {"calls", number(range.calls)},
                                                      {"total", number(range.total)},
                                                      {"least", number(range.least)},
                                                      {"most", number(range.most)}});
      std::fprintf(file, "%s\n", line.c_str());
    }
    std::fclose(file);
  }

  size_t Begin(const char* name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto [found, is_new] = indices_.emplace(name, ranges_.size());
    if (is_new) ranges_.emplace_back().name = name;
    return found->second;
  }
  void End(size_t index, int64_t nanoseconds) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ranges_[index].Add(nanoseconds);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, size_t> indices_;
  std::vector<Range> ranges_;
};

Ranges& All() {
  static Ranges ranges;
  return ranges;
}

struct Open {
  size_t range;
  Clock::time_point began;
};
thread_local std::vector<Open> open_ranges;

// Ours is the domain whose handle is not null.
nvtxDomainHandle_t DomainCreate(const char* name) {
  static char ours;
  return std::strcmp(name, kDomain) == 0 ? reinterpret_cast<nvtxDomainHandle_t>(&ours) : nullptr;
}

int RangePush(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* event) {
  if (domain == nullptr || event->messageType != NVTX_MESSAGE_TYPE_ASCII) return 0;
  const size_t range = All().Begin(event->message.ascii);
  open_ranges.push_back({range, Clock::now()});
  return 0;
}

int RangePop(nvtxDomainHandle_t domain) {
  const Clock::time_point now = Clock::now();
  if (domain == nullptr || open_ranges.empty()) return 0;
  const Open open = open_ranges.back();
  open_ranges.pop_back();
  All().End(open.range,
            std::chrono::duration_cast<std::chrono::nanoseconds>(now - open.began).count());
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxGetExportTableFunc_t get_export_table) {
  const auto* const callbacks =
      static_cast<const NvtxExportTableCallbacks*>(get_export_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks == nullptr ||
      !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) ||
      size <= NVTX_CBID_CORE2_DomainCreateA) {
    return 0;
  }
  All();  // before the first range, so that it is written after the last
  *table[NVTX_CBID_CORE2_DomainCreateA] = reinterpret_cast<NvtxFunctionPointer>(DomainCreate);
  *table[NVTX_CBID_CORE2_DomainRangePushEx] = reinterpret_cast<NvtxFunctionPointer>(RangePush);
  *table[NVTX_CBID_CORE2_DomainRangePop] = reinterpret_cast<NvtxFunctionPointer>(RangePop);
  return 1;
}
