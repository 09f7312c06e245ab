// Runs the threads of a block as fibers of one OS thread: a thread runs until it waits or returns,
// then the next runnable one continues, in the order asked for. Checked on the way, and reported as
// an error that names kernel, block, thread and place:
//
//   - a barrier or warp operation that not all of its threads reach, or that they reach in
//   different places
//   - a warp mask that is not an aligned power of two of lanes, or lacks the caller; a width that
//   is none
//   - a shuffle that reads a lane that takes no part
//   - shared memory taken beyond what the launch asked for, or written outside of what was taken
//   - vector accesses that are misaligned or leave their buffer (memory.h)
//
// Shared memory is NaN when a block starts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/status.h"
#include "emulator/cuda_types.h"
#include "emulator/fiber.h"
#include "emulator/memory.h"
#include "emulator/site.h"

namespace tfjs_norm::emulator {

constexpr unsigned kWarpSize = 32;
constexpr size_t kMaxBlockThreads = 1024;
// What the smallest of the GPUs we build for (sm_86, sm_89) gives a block.
constexpr size_t kMaxSharedBytes = 99 * 1024;

enum class Order { kForward = 0, kReverse = 1, kRandom = 2 };

struct Grid {
  const char* kernel;
  dim3 grid;
  dim3 block;
  size_t shared_bytes;
  Order order;
  uint64_t seed;
  void (*body)(const void*);  // calls the kernel with the launch's arguments
  const void* closure;
  const MemoryMap* memory;
};

enum class Operation { kNone, kSyncThreads, kSyncWarp, kShuffle, kBallot };
const char* Name(Operation operation);

class BlockRunner;

struct Thread {
  uint3 index;  // threadIdx
  unsigned id;
  BlockRunner* runner;
  Fiber* fiber;  // null until it starts
  // What it waits for.
  Operation operation;
  Site site;
  // Its part in a warp operation.
  uint64_t bits;
  unsigned source;
  uint64_t result;
};

// The kernel thread that runs on this OS thread; null outside of kernels.
extern __thread Thread* t_thread;

class BlockRunner {
 public:
  BlockRunner();
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  Status Run(const Grid& grid, uint64_t block);

  const dim3& grid_dim() const { return grid_->grid; }
  const dim3& block_dim() const { return grid_->block; }
  const uint3& block_index() const { return block_index_; }

  // Called by kernel threads. One that fails never returns from here.
  void SyncThreads(Site site);
  // All lanes of the mask meet; each gets the bits of its source lane, for a ballot one bit of each
  // lane.
  uint64_t Meet(Operation operation, unsigned mask, unsigned width, uint64_t bits, unsigned source,
                Site site);
  unsigned char* Take(unsigned number, size_t offset, size_t bytes, Site site);
  void CheckAccess(const void* address, size_t bytes, bool write, Site site);
  [[noreturn]] __attribute__((format(printf, 3, 4))) void Fail(Site site, const char* format, ...);

 private:
  struct Group {  // lanes that meet, found by the lowest lane of their mask
    unsigned mask;
    unsigned arrived;
    unsigned width;
    Operation operation;
    Site site;
  };
  struct Warp {
    unsigned lanes;     // that exist
    unsigned returned;  // that have left the kernel
    Group groups[kWarpSize];
  };
  struct alignas(16) SharedBlock {
    unsigned char bytes[16];
  };
  struct Span {
    size_t begin, end;
  };

  unsigned char* SharedMemory();

  void Prepare(const Grid& grid, uint64_t block);
  void PoisonSharedMemory();
  Status CheckSharedMemory();

  static void Main(void* runner);
  void Returned();  // comes back when there is another thread to start on this stack
  void Wait();
  Thread* Next();
  void Push(unsigned thread) { queue_[tail_++ & queue_mask_] = thread; }
  Fiber* TakeFiber();
  void ReleaseGroup(Group* group, Warp* warp, unsigned first_thread);
  [[noreturn]] void FailDeadlock();

  const Grid* grid_ = nullptr;
  uint3 block_index_ = {};
  uint64_t random_ = 0;
  unsigned count_ = 0;     // threads of the block
  unsigned returned_ = 0;  // that have left the kernel
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;

  // Runnable threads: a ring of a power of two.
  std::vector<unsigned> queue_;
  unsigned queue_mask_ = 0;
  unsigned head_ = 0;
  unsigned tail_ = 0;

  unsigned waiting_ = 0;  // at the block's barrier
  Site barrier_ = {};

  Fiber home_;  // the OS thread's own stack
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;

  std::unique_ptr<SharedBlock[]> shared_;
  std::vector<Span> takes_;
  bool takes_differ_ = false;
  const Buffer* last_buffer_ = nullptr;

  bool failed_ = false;
  char message_[768];
};

}  // namespace tfjs_norm::emulator
