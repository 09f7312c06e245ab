#include "core/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace tfjs_norm {
namespace host {
namespace {

// A sleeping thread wakes later than a small op ends, so a worker that has run out of work watches
// for more: at first without pause, for the serial step between two phases of one op; then giving
// way to whoever else wants its core, for the way to the next op of a model.
constexpr auto kSpinTime = std::chrono::microseconds(50);
constexpr auto kYieldTime = std::chrono::microseconds(500);

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Each thread's own share of the tasks, on a cache line of its own.
struct alignas(64) Share {
  std::atomic<int64_t> next;
  int64_t begin;
  int64_t end;
};

struct Job {
  TaskFunction function;
  void* context;
  Order order;
  int threads;
  Share shares[kMaxThreads];

  Job(int64_t tasks, int among, Order in, TaskFunction call, void* with)
      : function(call), context(with), order(in), threads(among) {
    for (int i = 0; i < threads; ++i) {
      shares[i].begin = tasks * i / threads;
      shares[i].end = tasks * (i + 1) / threads;
      shares[i].next.store(shares[i].begin, std::memory_order_relaxed);
    }
  }

  // Its own share first, for that is what its caches hold; then what others have left.
  void Work(int slot) {
    for (int i = 0; i < threads; ++i) {
      Share& share = shares[(slot + i) % threads];
      for (;;) {
        const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
        if (task >= share.end) break;
        const bool forward = order == Order::kForward;
        function(context, forward ? task : share.begin + share.end - 1 - task, slot);
      }
    }
  }
};

class Pool {
 public:
  explicit Pool(int helpers) {
    CPU_ZERO(&allowed_);
    sched_getaffinity(0, sizeof allowed_, &allowed_);
    workers_.reserve(static_cast<size_t>(helpers));
    // A worker runs none of the host program's signal handlers.
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    for (int i = 0; i < helpers; ++i) {
      try {
        std::thread worker([this, slot = i + 1] { Serve(slot); });
        workers_.push_back(worker.native_handle());
        worker.detach();
      } catch (const std::system_error&) {
        break;  // fewer threads are slower, not wrong
      }
    }
    pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  }

  int helpers() const { return static_cast<int>(workers_.size()); }

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
    if (sleepers) {
      AvoidThisCore();
      wake_.notify_all();
    }
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
  // The kernels of virtual machines wake a thread on the core of whoever wakes it even if others
  // are idle, and there it would not run before the op is over. Among many workers one does not
  // matter.
  void AvoidThisCore() {
    constexpr size_t kFewWorkers = 7;
    if (workers_.size() > kFewWorkers) return;
    const int core = sched_getcpu();
    if (core < 0 || core == avoided_) return;
    avoided_ = core;
    cpu_set_t others = allowed_;
    CPU_CLR(core, &others);
    if (CPU_COUNT(&others) == 0) return;
    for (const pthread_t worker : workers_) {
      pthread_setaffinity_np(worker, sizeof others, &others);
    }
  }

  // The same thread has the same slot, and so the same share, in every job of one shape.
  void Serve(int slot) {
    uint64_t seen = 0;
    for (;;) {
      AwaitNews(seen);
      Job* job = nullptr;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        seen = generation_.load(std::memory_order_relaxed);
        if (job_ && slot < job_->threads) {
          job = job_;
          ++joined_;
        }
      }
      if (!job) continue;
      job->Work(slot);
      left_.fetch_add(1, std::memory_order_release);
    }
  }

  void AwaitNews(uint64_t seen) {
    const auto news = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    const auto start = std::chrono::steady_clock::now();
    for (auto waited = start - start; waited < kYieldTime;
         waited = std::chrono::steady_clock::now() - start) {
      for (int i = 0; i < 32; ++i) {
        if (news()) return;
        Pause();
      }
      if (waited >= kSpinTime) std::this_thread::yield();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    ++sleeping_;
    wake_.wait(lock, news);
    --sleeping_;
  }

  std::vector<pthread_t> workers_;
  cpu_set_t allowed_;
  int avoided_ = -1;
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

void RunTasks(int64_t tasks, int64_t elements, Order order, TaskFunction function, void* context) {
  const int limit = thread_limit.load(std::memory_order_relaxed);
  const int64_t most = std::min<int64_t>(limit > 0 ? limit : kMaxThreads, ThreadCount());
  const int64_t threads = std::min(tasks, most);
  if (threads > 1 && elements >= kInlineElements && ThePool().helpers() > 0) {
    Job job(tasks, static_cast<int>(threads), order, function, context);
    if (ThePool().Run(job)) return;
  }
  for (int64_t i = 0; i < tasks; ++i) {
    function(context, order == Order::kForward ? i : tasks - 1 - i, 0);
  }
}

}  // namespace host
}  // namespace tfjs_norm
