// Lists of weights on the host: large ones are shared by all threads, one after the other; small
// ones are done whole, one by each thread.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "core/thread_pool.h"
#include "core/view.h"
#include "core/weight_view.h"

namespace tfjs_norm {
namespace host {

// The columns as channels.
inline View ViewOf(const WeightView& weight) {
  if (weight.kept == 1) return {1, weight.fan(), 1, false};
  if (weight.inner == 1) return {1, weight.outer, weight.kept, true};
  return {weight.outer, weight.inner, weight.kept, false};
}

inline bool IsSmall(const WeightView& view) { return view.size() < kInlineElements; }

// Room for one large weight, or for a small one of every thread, by the bytes that each needs.
struct ListRoom {
  size_t large = 0;
  size_t small = 0;
  int64_t slots = 0;

  template <class Weight, class BytesOf>
  ListRoom(const std::vector<Weight>& weights, BytesOf bytes_of) {
    int64_t smalls = 0;
    for (const Weight& weight : weights) {
      size_t& most = IsSmall(weight.view) ? small : large;
      most = std::max(most, bytes_of(weight));
      smalls += IsSmall(weight.view) ? 1 : 0;
    }
    slots = std::min<int64_t>(smalls, ThreadCount());
  }
  size_t bytes() const { return std::max(large, small * static_cast<size_t>(slots)); }
};

// Calls run(weight, first column of it in the list, workspace) for each.
template <class Weight, class Run>
void ForWeights(const std::vector<Weight>& weights, const ListRoom& room, void* workspace,
                Run run) {
  auto* base = static_cast<unsigned char*>(workspace);
  std::vector<std::pair<const Weight*, int64_t>> smalls;
  int64_t elements = 0;
  int64_t column = 0;
  for (const Weight& weight : weights) {
    if (IsSmall(weight.view)) {
      smalls.emplace_back(&weight, column);
      elements += weight.view.size();
    } else {
      run(weight, column, base);
    }
    column += weight.view.kept;
  }
  ParallelFor(static_cast<int64_t>(smalls.size()), elements, [&](int64_t task, int slot) {
    const auto& [weight, first] = smalls[static_cast<size_t>(task)];
    run(*weight, first, base + room.small * static_cast<size_t>(slot));
  });
}

}  // namespace host
}  // namespace tfjs_norm
