#include "emulator/fiber.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace tfjs_norm::emulator {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr size_t kStackBytes = 256 * 1024;  // red zones make frames several times larger
#else
constexpr size_t kStackBytes = 64 * 1024;
#endif

}  // namespace
}  // namespace tfjs_norm::emulator

// norm_fiber_switch(void** save, void* load): pushes the registers a callee keeps, stores the stack
// pointer in *save, takes `load` as the stack pointer and pops the same registers from there.
// norm_fiber_start is where a new fiber's first switch arrives: function and argument are in kept
// registers.
#ifndef NORM_FIBER_UCONTEXT
extern "C" {
__attribute__((visibility("hidden"))) void norm_fiber_switch(void** save, void* load);
__attribute__((visibility("hidden"))) void norm_fiber_start();
}
#if defined(__x86_64__)
// The last two instructions of the switch stand for `ret`, which would be mispredicted every time.
asm(R"(
    .text
    .globl norm_fiber_switch
    .hidden norm_fiber_switch
    .type norm_fiber_switch, @function
norm_fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmp *%rcx
    .size norm_fiber_switch, . - norm_fiber_switch

    .globl norm_fiber_start
    .hidden norm_fiber_start
    .type norm_fiber_start, @function
norm_fiber_start:
    .cfi_startproc
    .cfi_undefined rip
    movq %r13, %rdi
    call *%r12
    ud2
    .cfi_endproc
    .size norm_fiber_start, . - norm_fiber_start
)");
#else
asm(R"(
    .text
    .globl norm_fiber_switch
    .hidden norm_fiber_switch
    .type norm_fiber_switch, %function
norm_fiber_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    br x30
    .size norm_fiber_switch, . - norm_fiber_switch

    .globl norm_fiber_start
    .hidden norm_fiber_start
    .type norm_fiber_start, %function
norm_fiber_start:
    .cfi_startproc
    .cfi_undefined x30
    mov x0, x20
    blr x19
    brk #1
    .cfi_endproc
    .size norm_fiber_start, . - norm_fiber_start
)");
#endif
#endif

namespace tfjs_norm::emulator {

Fiber::~Fiber() {
  if (top_ == nullptr) return;
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  munmap(base_ - page, size_ + page);
}

void Fiber::AdoptThread() {
#ifdef __SANITIZE_ADDRESS__
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  void* base = nullptr;
  pthread_attr_getstack(&attributes, &base, &size_);
  base_ = static_cast<char*>(base);
  pthread_attr_destroy(&attributes);
#endif
}

bool Fiber::Allocate(unsigned color) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, kStackBytes + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  if (mprotect(memory, page, PROT_NONE) != 0) {
    munmap(memory, kStackBytes + page);
    return false;
  }
  base_ = static_cast<char*>(memory) + page;
  size_ = kStackBytes;
  // Stacks are a multiple of the page apart: with equal tops their hot lines would share one cache
  // set.
  top_ = base_ + size_ - color % 32 * 128;
  return true;
}

void Fiber::Reset(void (*entry)(void*), void* argument) {
  entry_ = entry;
  argument_ = argument;
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(base_, size_);
#endif
#if defined(NORM_FIBER_UCONTEXT)
  getcontext(&context_);
  context_.uc_stack.ss_sp = base_;
  context_.uc_stack.ss_size = static_cast<size_t>(top_ - base_);
  context_.uc_link = nullptr;
  // makecontext passes ints only.
  const uintptr_t self = reinterpret_cast<uintptr_t>(this);
  makecontext(
      &context_,
      reinterpret_cast<void (*)()>(
          static_cast<void (*)(unsigned, unsigned)>([](unsigned high, unsigned low) {
            Main(reinterpret_cast<void*>(static_cast<uintptr_t>(uint64_t{high} << 32 | low)));
          })),
      2, static_cast<unsigned>(uint64_t{self} >> 32), static_cast<unsigned>(self));
#elif defined(__x86_64__)
  // r15 r14 r13 r12 rbx rbp, return address: the stack is 16-byte aligned when norm_fiber_start
  // calls.
  void** frame = reinterpret_cast<void**>(top_) - 8;
  *frame++ = nullptr;
  stack_pointer_ = frame;
  frame[0] = nullptr;
  frame[1] = nullptr;
  frame[2] = this;
  frame[3] = reinterpret_cast<void*>(&Main);
  frame[4] = nullptr;
  frame[5] = nullptr;
  frame[6] = reinterpret_cast<void*>(&norm_fiber_start);
#else
  void** frame = reinterpret_cast<void**>(top_) - 20;
  for (int i = 0; i < 20; ++i) frame[i] = nullptr;
  stack_pointer_ = frame;
  frame[0] = reinterpret_cast<void*>(&Main);               // x19
  frame[1] = this;                                         // x20
  frame[11] = reinterpret_cast<void*>(&norm_fiber_start);  // x30
#endif
}

void Fiber::SwitchTo(Fiber* to, bool done) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(done ? nullptr : &fake_stack_, to->base_, to->size_);
#endif
  (void)done;
#ifdef NORM_FIBER_UCONTEXT
  swapcontext(&context_, &to->context_);
#else
  norm_fiber_switch(&stack_pointer_, to->stack_pointer_);
#endif
  Entered();
}

void Fiber::Entered() {
#ifdef __SANITIZE_ADDRESS__
  const void* from_base;
  size_t from_size;
  __sanitizer_finish_switch_fiber(fake_stack_, &from_base, &from_size);
  fake_stack_ = nullptr;
#endif
}

void Fiber::Main(void* self) {
  Fiber* fiber = static_cast<Fiber*>(self);
  fiber->Entered();
  fiber->entry_(fiber->argument_);
  __builtin_unreachable();
}

}  // namespace tfjs_norm::emulator
