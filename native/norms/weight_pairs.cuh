// Passes over lists of weights in pairs, as a gradient and its weight: two sums of each column,
// three numbers from those, and a result of each element; one launch for all, and another one
// before it for columns so long that they are cut into pieces. A Method says what is summed and
// made of it:
//
//   Columns<W>(method, tiling, slot)   what it knows of a thread's columns
//     .Add(a, b, w, &first, &second)   the terms of two elements
//     .Out(a, b, p, q, r, w)           their result, by the column's numbers
//   Finish(tiling, gain, out, save, column, sum)   the numbers; writes to `out` where `save`
#pragma once

#include "core/column_sums.cuh"
#include "core/workspace.h"
#include "norms/weight_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {

struct PairArrays {
  const float* a;
  const float* b;
  const float* gain;  // [columns], or null
  float* y;
  float* of_columns;  // [columns], or null
};

struct PairNumbers {
  float p, q, r;
};

template <int W>
struct PairSums {
  Sums<2> of[W];

  NORM_DEVICE void Merge(const PairSums& other) {
    NORM_UNROLL
    for (int w = 0; w < W; ++w) of[w].Merge(other.of[w]);
  }
};

template <class Method>
struct PairParameters {
  Method method;
  Sums<2>* partials;  // [pieces, columns] of the weights in pieces
  WeightTable<PairArrays> table;
};

// From sm_100 on, four at a time spill registers.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
constexpr int kPairGroup = 2;
#else
constexpr int kPairGroup = 4;
#endif

// Calls f(offset, a, b) for a thread's loads, and end() after each kPairGroup of them, which are
// under way at a time.
template <int V, class F, class End>
NORM_DEVICE void ForPairs(const WeightTiling& t, const WeightSlot& slot, const PairArrays& arrays,
                          const F& f, const End& end) {
  WeightWalk walk(t, slot);
  for (int left = slot.count; left > 0; left -= kPairGroup) {
    int64_t at[kPairGroup];
    Vec<V> first[kPairGroup];
    Vec<V> second[kPairGroup];
    NORM_UNROLL
    for (int i = 0; i < kPairGroup; ++i) {
      at[i] = walk.Next();
      if (i >= left) continue;
      first[i] = Load<V>(arrays.a + at[i]);
      second[i] = Load<V>(arrays.b + at[i]);
    }
    NORM_UNROLL
    for (int i = 0; i < kPairGroup; ++i) {
      if (i < left) f(at[i], first[i], second[i]);
    }
    end();
  }
}

// A thread's share of its columns' sums.
template <int V, int W, class Columns>
NORM_DEVICE PairSums<W> SumPiece(const WeightTiling& t, const WeightSlot& slot,
                                 const PairArrays& arrays, const Columns& of) {
  PairSums<W> sum = {};
  // A few terms in float, many of these sums in double.
  float first[W] = {}, second[W] = {};
  const auto add = [&](int64_t, const Vec<V>& a, const Vec<V>& b) {
    NORM_UNROLL
    for (int v = 0; v < V; ++v) of.Add(a.v[v], b.v[v], v % W, &first[v % W], &second[v % W]);
  };
  ForPairs<V>(t, slot, arrays, add, [&] {
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      sum.of[w].Merge({{static_cast<double>(first[w]), static_cast<double>(second[w])}});
      first[w] = second[w] = 0.0f;
    }
  });
  return sum;
}

template <int V, int W, class Columns>
NORM_DEVICE void ApplyPiece(const WeightTiling& t, const WeightSlot& slot, const PairArrays& arrays,
                            const Columns& of, const ColumnValues<3>& columns) {
  if (slot.count == 0) return;
  float p[W], q[W], r[W];
  NORM_UNROLL
  for (int w = 0; w < W; ++w) {
    const int place = slot.x * W + w;
    p[w] = columns.At(0, place);
    q[w] = columns.At(1, place);
    r[w] = columns.At(2, place);
  }
  const auto write = [&](int64_t at, const Vec<V>& a, const Vec<V>& b) {
    Vec<V> y;
    NORM_UNROLL
    for (int v = 0; v < V; ++v) {
      const int w = v % W;
      y.v[v] = of.Out(a.v[v], b.v[v], p[w], q[w], r[w], w);
    }
    Store<V>(arrays.y + at, y);
  };
  ForPairs<V>(t, slot, arrays, write, [] {});
}

template <bool kPieces, int V, int W, class Method>
NORM_DEVICE void RunPairs(const PairParameters<Method>& parameters, const WeightTiling& t,
                          const PairArrays& arrays, const WeightSlot& slot) {
  SharedArena arena;
  PairSums<W>* sums = arena.Take<PairSums<W>>(kThreads);
  const ColumnValues<3> columns(arena);
  const typename Method::template Columns<W> of(parameters.method, t, slot);
  PairSums<W> sum = {};
  Sums<2>* const partials = parameters.partials + t.first_partial;
  if (kPieces || t.pieces == 1) {
    sum = SumPiece<V, W>(t, slot, arrays, of);
  } else {
    for (int piece = slot.y; slot.active() && piece < t.pieces; piece += t.ty()) {
      NORM_UNROLL
      for (int w = 0; w < W; ++w) sum.of[w].Merge(partials[piece * t.columns + slot.column + w]);
    }
  }
  MergeLanes(t.lanes(), sum, sums);
  if constexpr (kPieces) {
    if (!slot.active() || slot.y > 0) return;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) partials[slot.piece * t.columns + slot.column + w] = sum.of[w];
  } else {
    // A thread for each column.
    const int place = static_cast<int>(threadIdx.x);
    const int column = slot.first + place;
    if (place < t.width() && column < t.columns) {
      const Sums<2> total = sums[t.FirstLane(place / W)].of[place % W];
      const PairNumbers numbers = parameters.method.Finish(t, arrays.gain, arrays.of_columns,
                                                           slot.piece == 0, column, total);
      columns.At(0, place) = numbers.p;
      columns.At(1, place) = numbers.q;
      columns.At(2, place) = numbers.r;
    }
    __syncthreads();
    ApplyPiece<V, W>(t, slot, arrays, of, columns);
    __syncthreads();
  }
}

template <bool kPieces, class Method>
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 2)
    PairsKernel(NORM_GRID_CONSTANT const PairParameters<Method> parameters) {
  for (int tile = static_cast<int>(blockIdx.x); tile < parameters.table.tiles;
       tile += static_cast<int>(gridDim.x)) {
    const int weight = parameters.table.Find(tile);
    const WeightTiling& t = parameters.table.tilings[weight];
    const WeightSlot slot = SlotOf(t, tile - t.first_tile);
    ForWeight(t, [&](auto v, auto w) {
      RunPairs<kPieces, decltype(v)::value, decltype(w)::value>(
          parameters, t, parameters.table.arrays[weight], slot);
    });
  }
}

template <class Weight>
Sums<2>* TakePairPartials(const std::vector<Weight>& weights, Workspace& space) {
  return space.Take<Sums<2>>(MostPartials(weights));
}

// `names`: of the launch for pieces and of the one for all.
template <class Method>
Status LaunchPairs(const char* const (&names)[2], const Method& method, Sums<2>* partials,
                   const std::vector<WeightTiling>& tilings, const std::vector<PairArrays>& arrays,
                   void* stream) {
  static_assert(sizeof(PairParameters<Method>) <= kMaxParameterBytes, "a launch takes that much");
  constexpr size_t kSharedBytes =
      SharedBytes<PairSums<4>>(kThreads) + ColumnValues<3>::kSharedBytes;
  const PairParameters<Method> parameters = {method, partials, {}};
  NORM_RETURN_IF_ERROR(LaunchTables(names[0], PairsKernel<true, Method>, kSharedBytes,
                                    TablesOf(tilings, arrays, 1), parameters, stream));
  return LaunchTables(names[1], PairsKernel<false, Method>, kSharedBytes,
                      TablesOf(tilings, arrays, 0), parameters, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
