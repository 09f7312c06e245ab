// Backward of weight_norm.h, launched as its forward.
#include "core/column_sums.cuh"
#include "core/workspace.h"
#include "norms/weight_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

struct Arrays {
  const float* dy;
  const float* x;
  const float* gamma;
  float* dx;
  float* dgamma;
};

// [pieces, columns] of the weights in pieces.
struct Partials {
  Sums<2>* sums;
};

// G0 and G1 of a thread's columns.
template <int W>
struct ColumnSums {
  Sums<2> of[W];

  NORM_DEVICE void Merge(const ColumnSums& other) {
    NORM_UNROLL
    for (int w = 0; w < W; ++w) of[w].Merge(other.of[w]);
  }
};

struct Parameters {
  WeightNormSettings settings;
  Moments moments;
  Partials partials;
  WeightTable<Arrays> table;
};
static_assert(sizeof(Parameters) <= kMaxParameterBytes, "a launch takes that much");

constexpr int kGroup = 4;
// From sm_100 on, four at a time spill registers.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
constexpr int kApplyGroup = 2;
#else
constexpr int kApplyGroup = kGroup;
#endif

template <int W>
struct Center {
  float hi[W] = {};
  float lo[W] = {};

  NORM_DEVICE Center(const Parameters& parameters, const WeightTiling& t, const WeightSlot& slot) {
    if (!parameters.settings.center || !slot.active()) return;
    const Moments& moments = parameters.moments;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      hi[w] = moments.hi[t.first_column + slot.column + w];
      lo[w] = moments.lo[t.first_column + slot.column + w];
    }
  }
  NORM_DEVICE float From(float x, int w) const { return (x - hi[w]) - lo[w]; }
};

// A thread's share of G0 and G1.
template <int V, int W>
NORM_DEVICE ColumnSums<W> SumPiece(const WeightTiling& t, const WeightSlot& slot,
                                   const Arrays& arrays, const Center<W>& center) {
  ColumnSums<W> sum = {};
  WeightWalk walk(t, slot);
  for (int left = slot.count; left > 0; left -= kGroup) {
    Vec<V> gradients[kGroup];
    Vec<V> values[kGroup];
    NORM_UNROLL
    for (int i = 0; i < kGroup; ++i) {
      const int64_t at = walk.Next();
      gradients[i] = i < left ? Load<V>(arrays.dy + at) : Vec<V>{};
      values[i] = i < left ? Load<V>(arrays.x + at) : Vec<V>{};
    }
    // A few terms in float, many of these sums in double.
    float g0[W] = {}, g1[W] = {};
    NORM_UNROLL
    for (int i = 0; i < kGroup; ++i) {
      NORM_UNROLL
      for (int v = 0; v < V; ++v) {
        const int w = v % W;
        // A position that does not exist has no dy, but its x - hi may be infinite.
        const float u = i < left ? center.From(values[i].v[v], w) : 0.0f;
        g0[w] += gradients[i].v[v];
        g1[w] = fmaf(gradients[i].v[v], u, g1[w]);
      }
    }
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      sum.of[w].Merge({{static_cast<double>(g0[w]), static_cast<double>(g1[w])}});
    }
  }
  return sum;
}

template <int W>
NORM_DEVICE void StorePartials(const WeightTiling& t, const WeightSlot& slot,
                               const Partials& partials, const ColumnSums<W>& sum) {
  const int at = t.first_partial + slot.piece * t.columns + slot.column;
  NORM_UNROLL
  for (int w = 0; w < W; ++w) partials.sums[at + w] = sum.of[w];
}

// A thread's share of the pieces' sums.
template <int W>
NORM_DEVICE void MergePieces(const WeightTiling& t, const WeightSlot& slot,
                             const Partials& partials, ColumnSums<W>& sum) {
  for (int piece = slot.y; slot.active() && piece < t.pieces; piece += t.ty()) {
    const int at = t.first_partial + piece * t.columns + slot.column;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) sum.of[w].Merge(partials.sums[at + w]);
  }
}

// Writes the gradient of one column's gain and the numbers of its dx.
NORM_DEVICE void Finish(const Parameters& parameters, const WeightTiling& t, const Arrays& arrays,
                        bool save, int column, const Sums<2>& sum, const ColumnValues<3>& columns,
                        int place) {
  const double fan = static_cast<double>(t.fan());
  const double square = static_cast<double>(parameters.moments.variance[t.first_column + column]);
  const double gain = arrays.gamma ? static_cast<double>(arrays.gamma[column]) : 1.0;
  const WeightGradient gradient =
      GradientOf(parameters.settings, square * fan, fan, gain, sum.of[0], sum.of[1]);
  if (save && arrays.dgamma) arrays.dgamma[column] = static_cast<float>(gradient.dgamma);
  columns.At(0, place) = static_cast<float>(gradient.p);
  columns.At(1, place) = static_cast<float>(gradient.q);
  columns.At(2, place) = static_cast<float>(gradient.t);
}

template <int V, int W>
NORM_DEVICE void ApplyPiece(const WeightTiling& t, const WeightSlot& slot, const Arrays& arrays,
                            const Center<W>& center, const ColumnValues<3>& columns) {
  if (slot.count == 0) return;
  float p[W], q[W], r[W];
  NORM_UNROLL
  for (int w = 0; w < W; ++w) {
    const int place = slot.x * W + w;
    p[w] = columns.At(0, place);
    q[w] = columns.At(1, place);
    r[w] = columns.At(2, place);
  }
  WeightWalk walk(t, slot);
  for (int left = slot.count; left > 0; left -= kApplyGroup) {
    int64_t at[kApplyGroup];
    Vec<V> gradients[kApplyGroup];
    Vec<V> values[kApplyGroup];
    NORM_UNROLL
    for (int i = 0; i < kApplyGroup; ++i) {
      at[i] = walk.Next();
      if (i >= left) continue;
      gradients[i] = Load<V>(arrays.dy + at[i]);
      values[i] = Load<V>(arrays.x + at[i]);
    }
    NORM_UNROLL
    for (int i = 0; i < kApplyGroup; ++i) {
      if (i >= left) continue;
      NORM_UNROLL
      for (int v = 0; v < V; ++v) {
        const int w = v % W;
        const float along = fmaf(q[w], center.From(values[i].v[v], w), r[w]);
        gradients[i].v[v] = fmaf(p[w], gradients[i].v[v], along);
      }
      Store<V>(arrays.dx + at[i], gradients[i]);
    }
  }
}

template <bool kPieces, int V, int W>
NORM_DEVICE void Differentiate(const Parameters& parameters, const WeightTiling& t,
                               const Arrays& arrays, const WeightSlot& slot) {
  SharedArena arena;
  ColumnSums<W>* sums = arena.Take<ColumnSums<W>>(kThreads);
  const ColumnValues<3> columns(arena);
  const Center<W> center(parameters, t, slot);
  ColumnSums<W> sum = {};
  if (kPieces || t.pieces == 1) {
    sum = SumPiece<V, W>(t, slot, arrays, center);
  } else {
    MergePieces(t, slot, parameters.partials, sum);
  }
  MergeLanes(t.lanes(), sum, sums);
  if constexpr (kPieces) {
    if (slot.active() && slot.y == 0) StorePartials(t, slot, parameters.partials, sum);
  } else {
    // A thread for each column.
    const int place = static_cast<int>(threadIdx.x);
    const int column = slot.first + place;
    if (place < t.width() && column < t.columns) {
      const Sums<2> total = sums[t.FirstLane(place / W)].of[place % W];
      Finish(parameters, t, arrays, slot.piece == 0, column, total, columns, place);
    }
    __syncthreads();
    ApplyPiece<V, W>(t, slot, arrays, center, columns);
    __syncthreads();
  }
}

template <bool kPieces>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    WeightNormGradKernel(NORM_GRID_CONSTANT const Parameters parameters) {
  for (int tile = static_cast<int>(blockIdx.x); tile < parameters.table.tiles;
       tile += static_cast<int>(gridDim.x)) {
    const int weight = parameters.table.Find(tile);
    const WeightTiling& t = parameters.table.tilings[weight];
    const WeightSlot slot = SlotOf(t, tile - t.first_tile);
    ForWeight(t, [&](auto v, auto w) {
      Differentiate<kPieces, decltype(v)::value, decltype(w)::value>(
          parameters, t, parameters.table.arrays[weight], slot);
    });
  }
}

constexpr size_t kSharedBytes =
    SharedBytes<ColumnSums<4>>(kThreads) + ColumnValues<3>::kSharedBytes;

Partials TakePartials(const WeightNormBackward& args, Workspace& space) {
  return {space.Take<Sums<2>>(MostPartials(args.weights))};
}

}  // namespace

size_t WorkspaceBytes(const WeightNormBackward& args) {
  Workspace space;
  TakePartials(args, space);
  return space.bytes();
}

Status Run(const WeightNormBackward& args, void* workspace, void* stream) {
  using Weight = WeightNormBackward::Weight;
  Workspace space(workspace);
  Parameters parameters = {args.settings, args.moments, TakePartials(args, space), {}};
  const std::vector<WeightTiling> tilings =
      TilingsOf(args.weights, &Weight::dy, &Weight::x, &Weight::dx);
  std::vector<Arrays> arrays;
  std::vector<Fill> empty;
  for (const Weight& weight : args.weights) {
    arrays.push_back({weight.dy, weight.x, weight.gamma, weight.dx, weight.dgamma});
    if (weight.view.fan() == 0) empty.push_back({weight.dgamma, nullptr, weight.view.kept});
  }
  NORM_RETURN_IF_ERROR(LaunchFills(empty, stream));
  NORM_RETURN_IF_ERROR(LaunchTables("WeightNormGradPieces", WeightNormGradKernel<true>,
                                    kSharedBytes, TablesOf(tilings, arrays, 1), parameters,
                                    stream));
  return LaunchTables("WeightNormGrad", WeightNormGradKernel<false>, kSharedBytes,
                      TablesOf(tilings, arrays, 0), parameters, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
