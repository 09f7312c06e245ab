// The memory of a block: its shared memory, and the checks of Load and Store.
#include <cstring>

#include "emulator/block.h"

namespace tfjs_norm::emulator {
namespace {

// Around every take; has to keep the poison.
constexpr size_t kGapBytes = 32;
constexpr size_t kMaxTakes = 64;
constexpr size_t kSlackBytes = (kMaxTakes + 1) * kGapBytes;

}  // namespace

BlockRunner::BlockRunner()
    : shared_(new SharedBlock[(kMaxSharedBytes + kSlackBytes) / sizeof(SharedBlock)]) {
  takes_.reserve(kMaxTakes);
}

unsigned char* BlockRunner::SharedMemory() { return shared_[0].bytes; }

void BlockRunner::PoisonSharedMemory() {
  takes_.clear();
  takes_differ_ = false;
  std::memset(SharedMemory(), kPoison, grid_->shared_bytes + kSlackBytes);
}

unsigned char* BlockRunner::Take(unsigned number, size_t offset, size_t bytes, Site site) {
  if (offset + bytes > grid_->shared_bytes) {
    Fail(site, "shared memory: take %u ends at byte %zu, and the launch asked for %zu bytes",
         number, offset + bytes, grid_->shared_bytes);
  }
  if (number >= kMaxTakes) Fail(site, "shared memory: more than %zu takes", kMaxTakes);
  // Gaps keep the takes apart, so that an index beyond one of them does not look like its
  // neighbour.
  const size_t begin = offset + (number + 1) * kGapBytes;
  const Span span = {begin, begin + bytes};
  if (number < takes_.size()) {
    takes_differ_ |= takes_[number].begin != span.begin || takes_[number].end != span.end;
  } else {
    takes_.push_back(span);
  }
  return SharedMemory() + span.begin;
}

Status BlockRunner::CheckSharedMemory() {
  // Two arenas of one kernel may lie over each other: then there are no gaps to look at.
  if (takes_differ_) return Ok();
  size_t end = 0;
  for (size_t take = 0; take <= takes_.size(); ++take) {
    const size_t gap_end = take < takes_.size() ? takes_[take].begin : end + kGapBytes;
    for (size_t i = end; i < gap_end; ++i) {
      if (SharedMemory()[i] == kPoison) continue;
      return Error(
          Code::kInternal,
          "emulator: kernel %s, block (%u,%u,%u): a write to shared memory %zu bytes before take "
          "%zu, %zu bytes behind the one before",
          grid_->kernel, block_index_.x, block_index_.y, block_index_.z, gap_end - i, take,
          i - end);
    }
    if (take < takes_.size()) end = takes_[take].end;
  }
  return Ok();
}

void BlockRunner::CheckAccess(const void* address, size_t bytes, bool write, Site site) {
  const char* what = write ? "Store" : "Load";
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) {
    Fail(site, "misaligned %s of %zu bytes at %p", what, bytes, address);
  }
  const char* begin = static_cast<const char*>(address);
  const char* end = begin + bytes;
  if (last_buffer_ != nullptr && begin >= last_buffer_->begin && end <= last_buffer_->end &&
      (last_buffer_->writable || !write)) {
    return;
  }
  const Buffer* found = grid_->memory->Find(begin, end, write);
  if (found != nullptr) {
    last_buffer_ = found;
    return;
  }
  const char* shared = reinterpret_cast<const char*>(SharedMemory());
  if (begin >= shared && begin < shared + kMaxSharedBytes + kSlackBytes) {
    const size_t offset = static_cast<size_t>(begin - shared);
    for (const Span& take : takes_) {
      if (offset >= take.begin && offset + bytes <= take.end) return;
    }
    if (!takes_differ_)
      Fail(site, "%s of %zu bytes outside of the shared memory taken", what, bytes);
    return;
  }
  if (t_thread->fiber->Contains(address)) return;
  char reason[256];
  if (!grid_->memory->Allows(begin, end, reason, sizeof reason)) {
    Fail(site, "%s out of bounds: %s", what, reason);
  }
}

}  // namespace tfjs_norm::emulator
