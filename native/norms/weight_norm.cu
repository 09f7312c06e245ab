// Forward of weight_norm.h: one launch for all weights; another one before it for columns so long
// that they are cut into pieces.
#include "core/merge_moments.cuh"
#include "core/moment_sum.cuh"
#include "core/workspace.h"
#include "norms/weight_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

struct Arrays {
  const float* x;
  const float* gamma;
  float* y;
};

struct Parameters {
  WeightNormSettings settings;
  Moments moments;          // of the first column of the list
  MomentPartials partials;  // of the weights in pieces
  WeightTable<Arrays> table;
};
static_assert(sizeof(Parameters) <= kMaxParameterBytes, "a launch takes that much");

constexpr int kGroup = 8;

// The moments of a thread's share of its columns in this piece.
template <int V, int W>
NORM_DEVICE MomentSum<W> SumPiece(const WeightTiling& t, const WeightSlot& slot, const float* x,
                                  float (&shift)[W]) {
  MomentSum<W> sum = {};
  if (slot.count == 0) return sum;
  const Vec<V> first = Load<V>(x + slot.start);
  NORM_UNROLL
  for (int w = 0; w < W; ++w) shift[w] = first.v[w];
  WeightWalk walk(t, slot);
  for (int left = slot.count; left > 0; left -= kGroup) {
    Vec<V> values[kGroup];
    NORM_UNROLL
    for (int u = 0; u < kGroup; ++u) {
      const int64_t at = walk.Next();
      values[u] = u < left ? Load<V>(x + at) : Vec<V>{};
    }
    AddGroup<V, W, kGroup>(values, left < kGroup ? left : kGroup, shift, sum);
  }
  return sum;
}

template <int W>
NORM_DEVICE void StorePartials(const WeightTiling& t, const WeightSlot& slot,
                               const MomentPartials& partials, const float (&shift)[W],
                               const MomentSum<W>& sum) {
  const int at = t.first_partial + slot.piece * t.columns + slot.column;
  NORM_UNROLL
  for (int w = 0; w < W; ++w) {
    partials.shift[at + w] = shift[w];
    partials.mean[at + w] = sum.mean[w];
    partials.m2[at + w] = sum.m2[w];
  }
}

// Mean and variance of the tile's columns, from the pieces' partials: left in `columns` as hi, lo
// and variance.
NORM_DEVICE void MergePieces(const WeightTiling& t, const WeightSlot& slot,
                             const MomentPartials& partials, Deviations* shared,
                             const ColumnValues<3>& columns) {
  MomentChunks chunks;
  chunks.partials = {partials.shift + t.first_partial, partials.mean + t.first_partial,
                     partials.m2 + t.first_partial};
  chunks.pairs = t.columns;
  chunks.chunks = t.pieces;
  chunks.chunk_values = static_cast<double>(t.chunk() * (t.vector / t.wide));
  chunks.values = static_cast<double>(t.fan());
  chunks.last_values = chunks.values - chunks.chunk_values * (t.pieces - 1);
  for (int w = 0; w < t.wide; ++w) {
    Deviations sum = {0.0, 0.0};
    if (slot.active()) chunks.Add(sum, slot.column + w, slot.y, t.ty());
    MergeLanes(t.lanes(), sum, shared);
    if (!slot.active() || slot.y > 0) continue;
    const double mean = chunks.Reference(slot.column + w) + sum.first / chunks.values;
    const int place = slot.x * t.wide + w;
    columns.At(0, place) = static_cast<float>(mean);
    columns.At(1, place) = static_cast<float>(mean - static_cast<double>(columns.At(0, place)));
    columns.At(2, place) = static_cast<float>(sum.Variance(chunks.values));
  }
  __syncthreads();
}

// Writes the statistics of one column, and leaves what its values are multiplied with: hi, lo, a.
NORM_DEVICE void Finish(const Parameters& parameters, const WeightTiling& t, const float* gamma,
                        bool save, int column, double mean, double variance,
                        const ColumnValues<3>& columns, int place) {
  const WeightNormSettings& settings = parameters.settings;
  const double fan = static_cast<double>(t.fan());
  // About the mean or about zero.
  const double square = settings.center ? variance : fma(mean, mean, variance);
  const double center = settings.center ? mean : 0.0;
  const float hi = static_cast<float>(center);
  const float lo = static_cast<float>(center - static_cast<double>(hi));
  if (save) {
    const int at = t.first_column + column;
    parameters.moments.hi[at] = hi;
    parameters.moments.lo[at] = lo;
    parameters.moments.variance[at] = static_cast<float>(square);
  }
  const double gain = gamma ? static_cast<double>(gamma[column]) : 1.0;
  columns.At(0, place) = hi;
  columns.At(1, place) = lo;
  columns.At(2, place) = static_cast<float>(gain * ScaleOf(settings, square * fan, fan).s);
}

template <int V, int W>
NORM_DEVICE void ApplyPiece(const WeightTiling& t, const WeightSlot& slot, const Arrays& arrays,
                            const ColumnValues<3>& columns) {
  if (slot.count == 0) return;
  float hi[W], lo[W], a[W];
  NORM_UNROLL
  for (int w = 0; w < W; ++w) {
    const int place = slot.x * W + w;
    hi[w] = columns.At(0, place);
    lo[w] = columns.At(1, place);
    a[w] = columns.At(2, place);
  }
  WeightWalk walk(t, slot);
  for (int left = slot.count; left > 0; left -= kGroup / 2) {
    int64_t at[kGroup / 2];
    Vec<V> values[kGroup / 2];
    NORM_UNROLL
    for (int u = 0; u < kGroup / 2; ++u) {
      at[u] = walk.Next();
      if (u < left) values[u] = Load<V>(arrays.x + at[u]);
    }
    NORM_UNROLL
    for (int u = 0; u < kGroup / 2; ++u) {
      if (u >= left) continue;
      NORM_UNROLL
      for (int v = 0; v < V; ++v) {
        const int w = v % W;
        values[u].v[v] = a[w] * ((values[u].v[v] - hi[w]) - lo[w]);
      }
      Store<V>(arrays.y + at[u], values[u]);
    }
  }
}

template <bool kPieces, int V, int W>
NORM_DEVICE void Normalize(const Parameters& parameters, const WeightTiling& t,
                           const Arrays& arrays, const WeightSlot& slot) {
  SharedArena arena;
  MomentSum<W>* sums = arena.Take<MomentSum<W>>(kThreads);
  Deviations* merged = arena.Take<Deviations>(kThreads);
  const ColumnValues<3> columns(arena);
  const bool whole = kPieces || t.pieces == 1;
  if (whole) {
    float shift[W] = {};
    MomentSum<W> sum = SumPiece<V, W>(t, slot, arrays.x, shift);
    if constexpr (!kPieces) {
      NORM_UNROLL
      for (int w = 0; w < W; ++w) {
        if (slot.y == 0) columns.At(0, slot.x * W + w) = shift[w];
      }
    }
    MergeLanes(t.lanes(), sum, sums);
    if constexpr (kPieces) {
      if (slot.active() && slot.y == 0) {
        StorePartials(t, slot, parameters.partials, shift, sum);
      }
    }
  } else {
    MergePieces(t, slot, parameters.partials, merged, columns);
  }
  if constexpr (!kPieces) {
    // A thread for each column.
    const int place = static_cast<int>(threadIdx.x);
    const int column = slot.first + place;
    if (place < t.width() && column < t.columns) {
      double mean = static_cast<double>(columns.At(0, place));
      double variance = 0.0;
      if (whole) {
        const MomentSum<W>& sum = sums[t.FirstLane(place / W)];
        mean += static_cast<double>(sum.mean[place % W]);
        variance = static_cast<double>(sum.m2[place % W]) / static_cast<double>(t.fan());
      } else {
        mean += static_cast<double>(columns.At(1, place));
        variance = static_cast<double>(columns.At(2, place));
      }
      Finish(parameters, t, arrays.gamma, slot.piece == 0, column, mean, variance, columns, place);
    }
    __syncthreads();
    ApplyPiece<V, W>(t, slot, arrays, columns);
    __syncthreads();
  }
}

template <bool kPieces>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    WeightNormKernel(NORM_GRID_CONSTANT const Parameters parameters) {
  for (int tile = static_cast<int>(blockIdx.x); tile < parameters.table.tiles;
       tile += static_cast<int>(gridDim.x)) {
    const int weight = parameters.table.Find(tile);
    const WeightTiling& t = parameters.table.tilings[weight];
    const WeightSlot slot = SlotOf(t, tile - t.first_tile);
    ForWeight(t, [&](auto v, auto w) {
      Normalize<kPieces, decltype(v)::value, decltype(w)::value>(
          parameters, t, parameters.table.arrays[weight], slot);
    });
  }
}

constexpr size_t kSharedBytes = SharedBytes<MomentSum<4>>(kThreads) +
                                SharedBytes<Deviations>(kThreads) + ColumnValues<3>::kSharedBytes;

MomentPartials TakePartials(const WeightNormForward& args, Workspace& space) {
  const int64_t count = MostPartials(args.weights);
  MomentPartials partials;
  for (float** array : {&partials.shift, &partials.mean, &partials.m2}) {
    *array = space.Take<float>(count);
  }
  return partials;
}

}  // namespace

size_t WorkspaceBytes(const WeightNormForward& args) {
  Workspace space;
  TakePartials(args, space);
  return space.bytes();
}

Status Run(const WeightNormForward& args, void* workspace, void* stream) {
  using Weight = WeightNormForward::Weight;
  Workspace space(workspace);
  Parameters parameters = {args.settings, args.moments, TakePartials(args, space), {}};
  const std::vector<WeightTiling> tilings = TilingsOf(args.weights, &Weight::x, &Weight::y);
  std::vector<Arrays> arrays;
  std::vector<Fill> empty;
  for (size_t i = 0; i < tilings.size(); ++i) {
    const Weight& weight = args.weights[i];
    arrays.push_back({weight.x, weight.gamma, weight.y});
    if (weight.view.fan() > 0) continue;
    for (float* array : {args.moments.hi, args.moments.lo, args.moments.variance}) {
      empty.push_back({array + tilings[i].first_column, nullptr, weight.view.kept});
    }
  }
  NORM_RETURN_IF_ERROR(LaunchFills(empty, stream));
  NORM_RETURN_IF_ERROR(LaunchTables("WeightNormPieces", WeightNormKernel<true>, kSharedBytes,
                                    TablesOf(tilings, arrays, 1), parameters, stream));
  return LaunchTables("WeightNorm", WeightNormKernel<false>, kSharedBytes,
                      TablesOf(tilings, arrays, 0), parameters, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
