#include "emulator/launch.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <system_error>
#include <thread>
#include <vector>

#include "core/c_api.h"
#include "emulator/block.h"

namespace tfjs_norm::emulator {
namespace {

constexpr unsigned kMaxWorkers = 8;
// Fewer blocks are done before another OS thread has started.
constexpr uint64_t kBlocksPerWorker = 8;

struct Schedule {
  Order order = Order::kForward;
  uint64_t seed = 0;
};

// False when the text is none of forward, reverse, random, random:<seed>.
bool Parse(const char* text, Schedule* schedule) {
  if (std::strcmp(text, "forward") == 0) {
    schedule->order = Order::kForward;
  } else if (std::strcmp(text, "reverse") == 0) {
    schedule->order = Order::kReverse;
  } else if (std::strncmp(text, "random", 6) == 0 && (text[6] == 0 || text[6] == ':')) {
    schedule->order = Order::kRandom;
    if (text[6] == 0) return true;
    char* end;
    schedule->seed = std::strtoull(text + 7, &end, 10);
    return end != text + 7 && *end == 0;
  } else {
    return false;
  }
  return true;
}

struct Shared {
  std::mutex mutex;
  Schedule schedule;
  std::string problem;  // with the environment variable
  std::vector<std::unique_ptr<BlockRunner>> idle;

  Shared() {
    const char* text = std::getenv("TFJS_CUDA_NORM_EMULATOR_ORDER");
    if (text == nullptr || *text == 0 || Parse(text, &schedule)) return;
    problem = std::string("TFJS_CUDA_NORM_EMULATOR_ORDER: expected forward, reverse, random or ") +
              "random:<seed>, got " + text;
  }
};

// Never destroyed: other threads may still run kernels while the process exits.
Shared& State() {
  static Shared* shared = new Shared;
  return *shared;
}

std::unique_ptr<BlockRunner> TakeRunner() {
  Shared& shared = State();
  {
    std::lock_guard<std::mutex> lock(shared.mutex);
    if (!shared.idle.empty()) {
      std::unique_ptr<BlockRunner> runner = std::move(shared.idle.back());
      shared.idle.pop_back();
      return runner;
    }
  }
  return std::make_unique<BlockRunner>();
}

void GiveBack(std::unique_ptr<BlockRunner> runner) {
  Shared& shared = State();
  std::lock_guard<std::mutex> lock(shared.mutex);
  shared.idle.push_back(std::move(runner));
}

// What a GPU refuses.
Status CheckConfiguration(const char* kernel, dim3 grid, dim3 block, size_t shared_bytes) {
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  const char* problem = nullptr;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || threads == 0) {
    problem = "empty grid or block";
  } else if (grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535) {
    problem = "grid too large (2^31 - 1, 65535, 65535)";
  } else if (block.x > 1024 || block.y > 1024 || block.z > 64 || threads > kMaxBlockThreads) {
    problem = "block too large (1024, 1024, 64; 1024 together)";
  } else if (shared_bytes > kMaxSharedBytes) {
    problem = "too much shared memory (101376 bytes)";
  }
  if (problem == nullptr) return Ok();
  return Error(
      Code::kInternal,
      "launch of kernel %s (grid %u x %u x %u, block %u x %u x %u, %zu bytes of shared memory) "
      "failed: %s",
      kernel, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes, problem);
}

// Blocks in the order of the schedule: k-th to run -> linear index.
class BlockOrder {
 public:
  BlockOrder(const Schedule& schedule, uint64_t count) : order_(schedule.order), count_(count) {
    if (order_ != Order::kRandom) return;
    // k -> step * k + start is a permutation when step and count have no common factor.
    start_ = schedule.seed % count;
    step_ = (count / 2 + schedule.seed % (count / 2 + 1)) | 1;
    while (std::gcd(step_, count) != 1) step_ += 2;
  }
  uint64_t operator()(uint64_t k) const {
    if (order_ == Order::kForward) return k;
    if (order_ == Order::kReverse) return count_ - 1 - k;
    return static_cast<uint64_t>((static_cast<unsigned __int128>(step_) * k + start_) % count_);
  }

 private:
  Order order_;
  uint64_t count_;
  uint64_t start_ = 0;
  uint64_t step_ = 1;
};

// What the OS threads of one launch share.
class Work {
 public:
  Work(const Grid& grid, const Schedule& schedule, uint64_t count)
      : grid_(grid), order_(schedule, count), count_(count) {}

  void Run() {
    std::unique_ptr<BlockRunner> runner = TakeRunner();
    for (;;) {
      const uint64_t k = next_.fetch_add(1, std::memory_order_relaxed);
      if (k >= count_ || failed_.load(std::memory_order_relaxed)) break;
      Status status = runner->Run(grid_, order_(k));
      if (!status.ok()) Fail(std::move(status));
    }
    GiveBack(std::move(runner));
  }

  void RunOnHelper() noexcept {
    try {
      Run();
    } catch (const std::bad_alloc&) {
      Fail(Status(Code::kResourceExhausted, "emulator: out of memory"));
    }
  }

  void Fail(Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!failed_.exchange(true)) status_ = std::move(status);
  }

  const Status& status() const { return status_; }

 private:
  const Grid& grid_;
  BlockOrder order_;
  uint64_t count_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  Status status_;
};

void RunOnThreads(Work* work, uint64_t blocks) {
  const uint64_t cores = std::max(1u, std::min(kMaxWorkers, std::thread::hardware_concurrency()));
  const uint64_t workers = std::min(cores, blocks / kBlocksPerWorker);
  std::vector<std::thread> helpers;
  helpers.reserve(kMaxWorkers);
  for (uint64_t i = 1; i < workers; ++i) {
    try {
      helpers.emplace_back(&Work::RunOnHelper, work);
    } catch (const std::system_error&) {
      break;  // the threads there are do all the work
    }
  }
  work->RunOnHelper();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace

Status LaunchGrid(const char* kernel, dim3 grid, dim3 block, size_t shared_bytes,
                  void (*body)(const void*), const void* closure) try {
  NORM_RETURN_IF_ERROR(CheckConfiguration(kernel, grid, block, shared_bytes));
  Schedule schedule;
  {
    Shared& shared = State();
    std::lock_guard<std::mutex> lock(shared.mutex);
    if (!shared.problem.empty()) return Status(Code::kInvalidArgument, shared.problem);
    schedule = shared.schedule;
  }
  const MemoryMap memory;
  const Grid work_grid = {kernel,        grid, block,   shared_bytes, schedule.order,
                          schedule.seed, body, closure, &memory};
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  Work work(work_grid, schedule, blocks);
  RunOnThreads(&work, blocks);
  NORM_RETURN_IF_ERROR(work.status());
  return CheckGuardZones(kernel);
} catch (const std::bad_alloc&) {
  return Error(Code::kResourceExhausted, "emulator: kernel %s: out of memory", kernel);
}

}  // namespace tfjs_norm::emulator

extern "C" NORM_API int32_t norm_emulator_order(int32_t order, uint64_t seed) {
  using tfjs_norm::emulator::Order;
  if (order < 0 || order > 2) return static_cast<int32_t>(tfjs_norm::Code::kInvalidArgument);
  auto& shared = tfjs_norm::emulator::State();
  std::lock_guard<std::mutex> lock(shared.mutex);
  shared.problem.clear();
  shared.schedule.order = static_cast<Order>(order);
  shared.schedule.seed = seed;
  return 0;
}
