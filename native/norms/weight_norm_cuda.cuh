// What the forward and the backward kernels of weight_norm.h share.
#pragma once

#include "core/fill.cuh"
#include "core/tiling.cuh"
#include "core/weight_list.cuh"
#include "norms/weight_scale.h"

namespace tfjs_norm {
namespace cuda {

constexpr int kMaxParameterBytes = 4096;

// The numbers of a block's columns, from the thread that finds them to those that use them.
template <int N>
struct ColumnValues {
  float* values;  // [N, kThreads]; no tile is wider

  NORM_DEVICE explicit ColumnValues(SharedArena& arena) : values(arena.Take<float>(N * kThreads)) {}
  static constexpr size_t kSharedBytes = SharedBytes<float>(N * kThreads);

  NORM_DEVICE float& At(int n, int column) const { return values[n * kThreads + column]; }
};

// How the weights are cut; none without elements is in a launch.
template <class Weight, class... Pointer>
std::vector<WeightTiling> TilingsOf(const std::vector<Weight>& weights,
                                    Pointer Weight::*... pointers) {
  std::vector<WeightTiling> tilings;
  int64_t columns = 0;
  int64_t partials = 0;
  for (const Weight& weight : weights) {
    const bool vectorize = CanVectorize(weight.view) && Aligned16(weight.*pointers...);
    WeightTiling tiling = WeightTiling::Make(weight.view, vectorize);
    tiling.first_column = static_cast<int>(columns);
    tiling.first_partial = static_cast<int>(partials);
    columns += weight.view.kept;
    partials += tiling.partials();
    tilings.push_back(tiling);
  }
  return tilings;
}

// The most partial sums that the weights may need: pointers decide on vectors, and a workspace is
// sized without.
template <class Weight>
int64_t MostPartials(const std::vector<Weight>& weights) {
  int64_t partials = 0;
  for (const Weight& weight : weights) {
    int64_t most = WeightTiling::Make(weight.view, false).partials();
    if (CanVectorize(weight.view)) {
      most = std::max(most, WeightTiling::Make(weight.view, true).partials());
    }
    partials += most;
  }
  return partials;
}

// One launch for each table.
template <class Parameters, class Table>
Status LaunchTables(const char* name, void (*kernel)(Parameters), size_t shared_bytes,
                    const std::vector<Table>& tables, std::remove_const_t<Parameters> parameters,
                    void* stream) {
  for (const Table& table : tables) {
    parameters.table = table;
    const LaunchConfig config = {name, dim3(static_cast<unsigned>(table.tiles)), dim3(kThreads),
                                 shared_bytes, stream};
    NORM_RETURN_IF_ERROR(Launch(config, kernel, parameters));
  }
  return Ok();
}

// Of weights without positions: their statistics, and the gradients of their gains.
inline Status LaunchFills(const std::vector<Fill>& all, void* stream) {
  for (size_t first = 0; first < all.size(); first += Fills::kMax) {
    Fills fills;
    for (size_t i = 0; i < Fills::kMax && first + i < all.size(); ++i) {
      fills.fill[i] = all[first + i];
    }
    NORM_RETURN_IF_ERROR(LaunchFill(fills, stream));
  }
  return Ok();
}

}  // namespace cuda
}  // namespace tfjs_norm
