#include "emulator/block.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

namespace tfjs_norm::emulator {

__thread Thread* t_thread = nullptr;

namespace {

uint64_t NextRandom(uint64_t* state) {  // splitmix64
  uint64_t z = *state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

const char* Name(Operation operation) {
  switch (operation) {
    case Operation::kSyncThreads:
      return "__syncthreads";
    case Operation::kSyncWarp:
      return "__syncwarp";
    case Operation::kShuffle:
      return "a shuffle";
    case Operation::kBallot:
      return "a vote";
    case Operation::kNone:
      break;
  }
  return "nothing";
}

Status BlockRunner::Run(const Grid& grid, uint64_t block) {
  Prepare(grid, block);
  home_.AdoptThread();
  Thread* first = Next();
  first->fiber = TakeFiber();
  if (first->fiber == nullptr) {
    return Error(Code::kResourceExhausted, "emulator: kernel %s: no memory for a stack",
                 grid.kernel);
  }
  t_thread = first;
  home_.SwitchTo(first->fiber, false);
  t_thread = nullptr;
  if (failed_) {
    // Threads that wait for ever are abandoned with their stacks; kernels own nothing that leaks.
    free_.clear();
    for (const auto& fiber : fibers_) free_.push_back(fiber.get());
    return Status(Code::kInternal, message_);
  }
  return CheckSharedMemory();
}

void BlockRunner::Prepare(const Grid& grid, uint64_t block) {
  grid_ = &grid;
  block_index_ = {static_cast<unsigned>(block % grid.grid.x),
                  static_cast<unsigned>(block / grid.grid.x % grid.grid.y),
                  static_cast<unsigned>(block / grid.grid.x / grid.grid.y)};
  random_ = grid.seed ^ (block * 0xD1342543DE82EF95);
  count_ = grid.block.x * grid.block.y * grid.block.z;
  returned_ = 0;
  waiting_ = 0;
  failed_ = false;
  last_buffer_ = nullptr;

  threads_.resize(count_);
  warps_.resize((count_ + kWarpSize - 1) / kWarpSize);
  unsigned capacity = 1;
  while (capacity < count_) capacity *= 2;
  queue_.resize(capacity);
  queue_mask_ = capacity - 1;
  head_ = tail_ = 0;
  for (Warp& warp : warps_) {
    warp.lanes = ~0u;
    warp.returned = 0;
    for (Group& group : warp.groups) group.arrived = 0;
  }
  if (count_ % kWarpSize != 0) warps_.back().lanes = (1u << count_ % kWarpSize) - 1;
  for (unsigned id = 0; id < count_; ++id) {
    Thread& thread = threads_[id];
    thread.index = {id % grid.block.x, id / grid.block.x % grid.block.y,
                    id / grid.block.x / grid.block.y};
    thread.id = id;
    thread.runner = this;
    thread.fiber = nullptr;
    thread.operation = Operation::kNone;
    Push(grid.order == Order::kReverse ? count_ - 1 - id : id);
  }
  PoisonSharedMemory();
}

Thread* BlockRunner::Next() {
  if (head_ == tail_) return nullptr;
  if (grid_->order == Order::kRandom) {
    const unsigned pick = head_ + static_cast<unsigned>(NextRandom(&random_) % (tail_ - head_));
    std::swap(queue_[head_ & queue_mask_], queue_[pick & queue_mask_]);
  }
  return &threads_[queue_[head_++ & queue_mask_]];
}

Fiber* BlockRunner::TakeFiber() {
  Fiber* fiber;
  if (!free_.empty()) {
    fiber = free_.back();
    free_.pop_back();
  } else {
    auto made = std::make_unique<Fiber>();
    if (!made->Allocate(static_cast<unsigned>(fibers_.size()))) return nullptr;
    fiber = made.get();
    fibers_.push_back(std::move(made));
  }
  fiber->Reset(&BlockRunner::Main, this);
  return fiber;
}

void BlockRunner::Main(void* self) {
  BlockRunner* runner = static_cast<BlockRunner*>(self);
  for (;;) {
    runner->grid_->body(runner->grid_->closure);
    runner->Returned();
  }
}

void BlockRunner::Returned() {
  Thread* thread = t_thread;
  Warp& warp = warps_[thread->id / kWarpSize];
  const unsigned lane_bit = 1u << thread->id % kWarpSize;
  if (waiting_ > 0) {
    Fail(barrier_, "divergent barrier: the thread has returned and others wait in __syncthreads");
  }
  for (const Group& group : warp.groups) {
    if (group.arrived != 0 && (group.mask & lane_bit) != 0) {
      Fail(group.site,
           "divergent warp operation: the thread has returned and lanes 0x%08x wait in %s",
           group.arrived, Name(group.operation));
    }
  }
  warp.returned |= lane_bit;
  ++returned_;
  Fiber* fiber = thread->fiber;
  Thread* next = Next();
  if (next == nullptr) {
    if (returned_ < count_) FailDeadlock();
    free_.push_back(fiber);
    fiber->SwitchTo(&home_, true);
  }
  t_thread = next;
  if (next->fiber == nullptr) {
    next->fiber = fiber;
    return;
  }
  free_.push_back(fiber);
  fiber->SwitchTo(next->fiber, true);
}

void BlockRunner::Wait() {
  Thread* thread = t_thread;
  Thread* next = Next();
  if (next == nullptr) FailDeadlock();
  if (next == thread) return;
  if (next->fiber == nullptr) {
    next->fiber = TakeFiber();
    if (next->fiber == nullptr) Fail(thread->site, "no memory for the stack of another thread");
  }
  t_thread = next;
  thread->fiber->SwitchTo(next->fiber, false);
}

void BlockRunner::SyncThreads(Site site) {
  Thread* thread = t_thread;
  if (returned_ > 0) {
    Fail(site, "divergent barrier: __syncthreads after %u threads of the block have returned",
         returned_);
  }
  if (waiting_ == 0) {
    barrier_ = site;
  } else if (barrier_ != site) {
    Fail(site, "divergent barrier: %u other threads wait in the __syncthreads of %s:%d", waiting_,
         barrier_.name(), barrier_.line);
  }
  thread->operation = Operation::kSyncThreads;
  thread->site = site;
  if (++waiting_ == count_) {
    waiting_ = 0;
    for (unsigned i = 0; i < count_; ++i) {
      Push(grid_->order == Order::kReverse ? count_ - 1 - i : i);
    }
  }
  Wait();
  thread->operation = Operation::kNone;
}

void BlockRunner::FailDeadlock() {
  // Every thread that has not returned waits, and no one is left who could release it.
  const Thread* first = nullptr;
  const Thread* other = nullptr;
  for (const Thread& thread : threads_) {
    if (thread.operation == Operation::kNone) continue;
    if (first == nullptr) first = &thread;
    if (thread.site != first->site) other = &thread;
  }
  if (other == nullptr) {
    Fail(first->site, "deadlock: thread %u waits in %s for threads that never come", first->id,
         Name(first->operation));
  }
  Fail(first->site, "deadlock: thread %u waits in %s and thread %u in %s of %s:%d", first->id,
       Name(first->operation), other->id, Name(other->operation), other->site.name(),
       other->site.line);
}

void BlockRunner::Fail(Site site, const char* format, ...) {
  const Thread* thread = t_thread;
  int size = std::snprintf(
      message_, sizeof message_,
      "emulator: kernel %s, block (%u,%u,%u), thread (%u,%u,%u), %s:%d: ", grid_->kernel,
      block_index_.x, block_index_.y, block_index_.z, thread->index.x, thread->index.y,
      thread->index.z, site.name(), site.line);
  if (size > static_cast<int>(sizeof message_)) size = sizeof message_;
  va_list args;
  va_start(args, format);
  std::vsnprintf(message_ + size, sizeof message_ - static_cast<size_t>(size), format, args);
  va_end(args);
  failed_ = true;
  thread->fiber->SwitchTo(&home_, true);
  __builtin_unreachable();
}

}  // namespace tfjs_norm::emulator
