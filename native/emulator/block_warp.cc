// Warp operations: the lanes of a mask meet, and the last one to come hands out the results.
#include "emulator/block.h"

namespace tfjs_norm::emulator {
namespace {

bool IsPowerOfTwo(unsigned n) { return n != 0 && (n & (n - 1)) == 0; }

}  // namespace

uint64_t BlockRunner::Meet(Operation operation, unsigned mask, unsigned width, uint64_t bits,
                           unsigned source, Site site) {
  Thread* thread = t_thread;
  const unsigned lane = thread->id % kWarpSize;
  Warp& warp = warps_[thread->id / kWarpSize];
  const unsigned lanes = static_cast<unsigned>(__builtin_popcount(mask));
  const unsigned low = mask == 0 ? 0 : static_cast<unsigned>(__builtin_ctz(mask));
  if (!IsPowerOfTwo(lanes) || low % lanes != 0 || mask >> low != ~0u >> (kWarpSize - lanes)) {
    Fail(site, "%s with mask 0x%08x: expected an aligned power of two of lanes", Name(operation),
         mask);
  }
  if ((mask >> lane & 1) == 0) {
    Fail(site, "%s with mask 0x%08x that lacks the calling lane %u", Name(operation), mask, lane);
  }
  if (!IsPowerOfTwo(width) || width > kWarpSize) {
    Fail(site, "%s with width %u: expected a power of two up to 32", Name(operation), width);
  }
  if ((mask & warp.returned) != 0) {
    Fail(site, "divergent warp operation: %s after lanes 0x%08x of its mask have returned",
         Name(operation), mask & warp.returned);
  }
  Group& group = warp.groups[low];
  if (group.arrived == 0) {
    group.mask = mask;
    group.width = width;
    group.operation = operation;
    group.site = site;
  } else if (group.mask != mask || group.width != width || group.operation != operation ||
             group.site != site) {
    Fail(site,
         "divergent warp operation: %s with mask 0x%08x and width %u, where lanes 0x%08x wait in "
         "%s with "
         "mask 0x%08x and width %u of %s:%d",
         Name(operation), mask, width, group.arrived, Name(group.operation), group.mask,
         group.width, group.site.name(), group.site.line);
  }
  thread->operation = operation;
  thread->site = site;
  thread->bits = bits;
  thread->source = source;
  group.arrived |= 1u << lane;
  if (group.arrived == (mask & warp.lanes)) {
    ReleaseGroup(&group, &warp, thread->id - lane);
  }
  Wait();
  thread->operation = Operation::kNone;
  return thread->result;
}

void BlockRunner::ReleaseGroup(Group* group, Warp* warp, unsigned first_thread) {
  const unsigned present = group->mask & warp->lanes;
  uint64_t ballot = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    const unsigned chosen = grid_->order == Order::kReverse ? kWarpSize - 1 - lane : lane;
    if ((present >> chosen & 1) == 0) continue;
    Thread& thread = threads_[first_thread + chosen];
    if (group->operation == Operation::kShuffle) {
      if ((present >> thread.source & 1) == 0) {
        Fail(group->site, "shuffle: lane %u reads lane %u, which takes no part (mask 0x%08x)",
             chosen, thread.source, present);
      }
      thread.result = threads_[first_thread + thread.source].bits;
    } else if (thread.bits != 0) {
      ballot |= uint64_t{1} << chosen;
    }
    Push(first_thread + chosen);
  }
  if (group->operation == Operation::kBallot) {
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if ((present >> lane & 1) != 0) threads_[first_thread + lane].result = ballot;
    }
  }
  group->arrived = 0;
}

}  // namespace tfjs_norm::emulator
