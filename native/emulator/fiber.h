// A fiber: a stack of its own and a place to continue. Switching saves what the calling convention
// says a callee keeps, and nothing else: no system call, no signal mask.
#pragma once

#include <cstddef>

#if !defined(__x86_64__) && !defined(__aarch64__)
#define NORM_FIBER_UCONTEXT 1
#endif
#ifdef NORM_FIBER_UCONTEXT
#include <ucontext.h>
#endif

namespace tfjs_norm::emulator {

class Fiber {
 public:
  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes it stand for the calling OS thread, which is to switch away from it first.
  void AdoptThread();

  // False when the system gives no more memory. `color` spreads the stacks over the cache's sets.
  bool Allocate(unsigned color);

  // The next switch to this fiber calls entry(argument) on a fresh stack; entry never returns.
  void Reset(void (*entry)(void*), void* argument);

  // Continues `to`; returns when somebody switches back. `done`: nobody will, until Reset.
  void SwitchTo(Fiber* to, bool done);

  bool Contains(const void* address) const {
    const char* p = static_cast<const char*>(address);
    return p >= base_ && p < base_ + size_;
  }

 private:
  static void Main(void* self);
  void Entered();

  char* base_ = nullptr;
  size_t size_ = 0;
  char* top_ = nullptr;  // null: the stack is not ours
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
#ifdef NORM_FIBER_UCONTEXT
  ucontext_t context_;
#else
  void* stack_pointer_ = nullptr;
#endif
  // What AddressSanitizer has to know of the stack that a switch leaves.
  void* fake_stack_ = nullptr;
};

}  // namespace tfjs_norm::emulator
