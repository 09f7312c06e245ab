// The host kernels' threads: one pool per process, started by the first call that needs it.
//
// Every thread starts with its own consecutive tasks, the same in every call of a shape, and then
// helps the others, so a task must not depend on which thread runs it or in which order: callers
// partition their work by shape alone, and results are the same for every thread count.
#pragma once

#include <cstdint>

namespace tfjs_norm {
namespace host {

// TFJS_CUDA_NORM_THREADS, else the hardware's concurrency; at most kMaxThreads.
constexpr int kMaxThreads = 256;
int ThreadCount();

// Tests: at most this many threads from now on (0: no limit). Never raises ThreadCount().
void LimitThreads(int threads);

// A call touching fewer elements than this is over before a sleeping thread has woken.
constexpr int64_t kInlineElements = 96 * 1024;

using TaskFunction = void (*)(void* context, int64_t task, int slot);
// kBackward: every thread begins with its last task, which is the one that its caches hold still
// after the same tasks were done forward.
enum class Order { kForward, kBackward };
void RunTasks(int64_t tasks, int64_t elements, Order order, TaskFunction function, void* context);

// Calls f(task, slot) once for every task < tasks. `slot` < ThreadCount() names the thread's
// scratch: no two tasks of this call run in one slot at the same time. `elements` estimates the
// work. Calls from several threads are safe; whoever finds the pool busy runs its tasks itself.
template <typename F>
void ParallelFor(int64_t tasks, int64_t elements, const F& f, Order order = Order::kForward) {
  const TaskFunction call = [](void* context, int64_t task, int slot) {
    (*static_cast<const F*>(context))(task, slot);
  };
  RunTasks(tasks, elements, order, call, const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace host
}  // namespace tfjs_norm
