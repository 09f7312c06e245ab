#include "core/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>

namespace tfjs_norm {
namespace host {
namespace {

// Long enough to bridge the serial step between two phases of one op, short enough to cost nothing.
constexpr auto kSpinTime = std::chrono::microseconds(20);

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

struct Job {
  TaskFunction function = nullptr;
  void* context = nullptr;
  int64_t tasks = 0;
  int max_helpers = 0;
  std::atomic<int64_t> next{0};

  void Work(int slot) {
    for (;;) {
      const int64_t task = next.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks) return;
      function(context, task, slot);
    }
  }
};

class Pool {
 public:
  explicit Pool(int helpers) {
    // A worker runs none of the host program's signal handlers.
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    for (int i = 0; i < helpers; ++i) {
      try {
        std::thread([this] { Serve(); }).detach();
        ++helpers_;
      } catch (const std::system_error&) {
        break;  // fewer threads are slower, not wrong
      }
    }
    pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  }

  int helpers() const { return helpers_; }

  // False: another caller has the pool.
  bool Run(Job& job) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) return false;
    bool sleepers;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = &job;
      joined_ = 0;
      left_.store(0, std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
      sleepers = sleeping_ > 0;
    }
    if (sleepers) wake_.notify_all();
    job.Work(0);
    int joined;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = nullptr;
      joined = joined_;
    }
    for (int spins = 0; left_.load(std::memory_order_acquire) < joined; ++spins) {
      if (spins < 1000) {
        Pause();
      } else {
        std::this_thread::yield();
      }
    }
    return true;
  }

 private:
  void Serve() {
    uint64_t seen = 0;
    for (;;) {
      AwaitNews(seen);
      Job* job = nullptr;
      int slot = 0;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        seen = generation_.load(std::memory_order_relaxed);
        if (job_ && joined_ < job_->max_helpers) {
          job = job_;
          slot = ++joined_;
        }
      }
      if (!job) continue;
      job->Work(slot);
      left_.fetch_add(1, std::memory_order_release);
    }
  }

  void AwaitNews(uint64_t seen) {
    const auto news = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    const auto end = std::chrono::steady_clock::now() + kSpinTime;
    do {
      for (int i = 0; i < 32; ++i) {
        if (news()) return;
        Pause();
      }
    } while (std::chrono::steady_clock::now() < end);
    std::unique_lock<std::mutex> lock(mutex_);
    ++sleeping_;
    wake_.wait(lock, news);
    --sleeping_;
  }

  int helpers_ = 0;
  std::mutex owner_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> left_{0};
  Job* job_ = nullptr;
  int joined_ = 0;
  int sleeping_ = 0;
};

// Never destroyed: its threads may be running while the process exits.
Pool& ThePool() {
  static Pool* pool = new Pool(ThreadCount() - 1);
  return *pool;
}

std::atomic<int> thread_limit{0};

}  // namespace

int ThreadCount() {
  static const int count = [] {
    const char* text = std::getenv("TFJS_CUDA_NORM_THREADS");
    const long wanted = text ? std::strtol(text, nullptr, 10) : 0;
    const long found = wanted > 0 ? wanted : static_cast<long>(std::thread::hardware_concurrency());
    return static_cast<int>(std::clamp<long>(found, 1, kMaxThreads));
  }();
  return count;
}

void LimitThreads(int threads) { thread_limit.store(threads, std::memory_order_relaxed); }

void RunTasks(int64_t tasks, int64_t elements, TaskFunction function, void* context) {
  Job job;
  job.function = function;
  job.context = context;
  job.tasks = tasks;
  const int limit = thread_limit.load(std::memory_order_relaxed);
  const int64_t threads = std::min<int64_t>(limit > 0 ? limit : kMaxThreads, tasks);
  job.max_helpers = static_cast<int>(std::min<int64_t>(threads, ThreadCount())) - 1;
  const bool alone = job.max_helpers < 1 || elements < kInlineElements || ThePool().helpers() == 0;
  if (alone || !ThePool().Run(job)) job.Work(0);
}

}  // namespace host
}  // namespace tfjs_norm
