#include "core/counters.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "core/c_api.h"
#include "core/json.h"

namespace tfjs_norm {
namespace {

constexpr int64_t kDisarmed = -1;

struct State {
  std::mutex mutex;
  NormCounters counters = {};
  std::map<std::string, int64_t> calls;
  // How many more allocations or launches succeed before one is refused.
  int64_t allocations_left = kDisarmed;
  int64_t launches_left = kDisarmed;
};

// Never destroyed: TensorFlow's threads may still run ops while the process exits.
State& GetState() {
  static State& state = *new State;
  return state;
}

bool Refuses(int64_t* left) {
#ifdef NORM_KIND_emulated
  return *left >= 0 && (*left)-- == 0;
#else
  (void)left;
  return false;
#endif
}

}  // namespace

Status BeforeLaunch(const char* kernel) {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (Refuses(&state.launches_left)) {
    return Error(Code::kResourceExhausted, "launch of kernel %s refused (injected fault)", kernel);
  }
  ++state.counters.launches;
  return Ok();
}

Status BeforeAllocation(const char* what, AllocationKind kind, size_t bytes) {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (Refuses(&state.allocations_left)) {
    return Error(Code::kResourceExhausted,
                 "allocation of %zu bytes for %s refused (injected fault)", bytes, what);
  }
  if (kind == AllocationKind::kBuffer) return Ok();
  ++state.counters.allocations;
  int64_t& sum =
      kind == AllocationKind::kOutput ? state.counters.output_bytes : state.counters.temp_bytes;
  sum += static_cast<int64_t>(bytes);
  return Ok();
}

void AfterAllocation(size_t bytes) {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.counters.live_bytes += static_cast<int64_t>(bytes);
  state.counters.peak_bytes = std::max(state.counters.peak_bytes, state.counters.live_bytes);
}

void AfterFree(size_t bytes) {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.counters.live_bytes -= static_cast<int64_t>(bytes);
}

void CountOpCall(const char* op) {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  ++state.counters.op_calls;
  ++state.calls[op];
}

}  // namespace tfjs_norm

using namespace tfjs_norm;

void norm_counters(NormCounters* counters) {
  if (counters == nullptr) return;
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  *counters = state.counters;
}

void norm_reset_counters() {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  // What is alive stays alive.
  const int64_t live_bytes = state.counters.live_bytes;
  state.counters = {};
  state.counters.live_bytes = live_bytes;
  state.counters.peak_bytes = live_bytes;
  state.calls.clear();
}

const char* norm_op_calls() {
  thread_local std::string json;
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  std::vector<std::pair<std::string, std::string>> members;
  for (const auto& [op, calls] : state.calls) {
    members.emplace_back(op, std::to_string(calls));
  }
  json = JsonObject(members);
  return json.c_str();
}

int32_t norm_inject_fault(const char* kind, int32_t after) {
#ifdef NORM_KIND_emulated
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  const int64_t left = after < 0 ? kDisarmed : after;
  if (kind != nullptr && std::strcmp(kind, "allocation") == 0) {
    state.allocations_left = left;
  } else if (kind != nullptr && std::strcmp(kind, "launch") == 0) {
    state.launches_left = left;
  } else {
    return static_cast<int32_t>(Code::kInvalidArgument);
  }
  return 0;
#else
  (void)kind;
  (void)after;
  return static_cast<int32_t>(Code::kUnimplemented);
#endif
}
