// The passes of fixup.h on the host. Tasks are cut by shape alone; each leaves its sums.
#include <algorithm>

#include "core/host_grid.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "norms/fixup.h"

namespace tfjs_norm {
namespace host {
namespace {

constexpr int64_t kTaskElements = 36 * 1024;
constexpr int kSums = FixupGradBlock::kSums;

FixupScalars<float> ValuesOf(const FixupScalars<const float*>& given) {
  return {given.scale ? *given.scale : 1, given.bias ? *given.bias : 0,
          given.shift ? *given.shift : 0};
}

template <class T>
T* From(T* data, int64_t start) {
  return data ? data + start : nullptr;
}

// f(task, start, count) on all threads.
template <class F>
void ForPieces(int64_t size, const F& f) {
  ParallelFor(CeilDiv(size, kTaskElements), size, [&](int64_t task, int) {
    const int64_t start = task * kTaskElements;
    f(task, start, std::min(kTaskElements, size - start));
  });
}

}  // namespace

size_t WorkspaceBytes(const FixupForward&) { return 0; }

Status Run(const FixupForward& args, void*) {
  const FixupScalars<float> scalars = ValuesOf(args.scalars);
  const bool stream = args.size >= kStreamElements;
  ForPieces(args.size, [&](int64_t, int64_t start, int64_t count) {
    Simd().fixup_forward({count, args.relu, scalars, args.x + start, From(args.residual, start),
                          args.y + start, stream});
  });
  return Ok();
}

size_t WorkspaceBytes(const FixupBackward& args) {
  Workspace space;
  space.Take<double>(kSums * CeilDiv(args.size, kTaskElements));
  return space.bytes();
}

Status Run(const FixupBackward& args, void* workspace) {
  const FixupScalars<float> scalars = ValuesOf(args.scalars);
  const bool stream = args.size >= kStreamElements;
  const int64_t tasks = CeilDiv(args.size, kTaskElements);
  Workspace space(workspace);
  double* const partials = space.Take<double>(kSums * tasks);
  ForPieces(args.size, [&](int64_t task, int64_t start, int64_t count) {
    Simd().fixup_grad({count, args.relu, scalars, args.dy + start, From(args.x, start),
                       From(args.residual, start), From(args.dx, start), From(args.dz, start),
                       partials + kSums * task, stream});
  });
  double sums[kSums] = {};
  for (int64_t task = 0; task < tasks; ++task) {
    for (int n = 0; n < kSums; ++n) sums[n] += partials[kSums * task + n];
  }
  if (args.sums.scale) *args.sums.scale = static_cast<float>(sums[0]);
  if (args.sums.bias) *args.sums.bias = static_cast<float>(sums[1]);
  if (args.sums.shift) *args.sums.shift = static_cast<float>(sums[2]);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
