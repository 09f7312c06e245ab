// Backward of the set normalizers on CUDA: gradient sums, coefficients (this file's kernel), dx and
// the sums over the rows that make dgamma, dbeta and dgate.
#include "core/fill.cuh"
#include "core/grad_apply.cuh"
#include "core/merge_grad_sums.cuh"
#include "core/merge_moments.cuh"
#include "core/workspace.h"
#include "norms/set_norm.h"

namespace tfjs_norm {
namespace cuda {
namespace {

// What dx needs of a set, besides its pairs' own numbers.
struct SetGradients {
  double mean;
  double rho;
  double p;  // rho * P_R / M
  double q;  // rho^2 * Q_R / M
};

// Over the pairs of a set, with m relative to the reference pair's mean.
struct SetSums {
  Deviations deviations;
  double g0;   // sum gamma * G0
  double g1;   // sum gamma * G1
  double mg0;  // sum gamma * G0 * m

  NORM_DEVICE void Merge(const SetSums& other) {
    deviations.Merge(other.deviations);
    g0 += other.g0;
    g1 += other.g1;
    mg0 += other.mg0;
  }
};

struct BackwardCoefficients {
  GradChunks chunks;
  Moments moments;
  const float* gamma;
  double epsilon;
  bool mean_only;
  double values;  // M
  SetGradients* sets;
  double* g0;  // [R, C]: G0
  double* q0;  // [R, C]: G1, then what dgamma is the sum of
  float* p;
  float* q;
  float* t;
  const float* corrections;
  double* gate_terms;  // [R, C] with a gate: G2, then what dgate is the sum of

  // Of the set norm: gamma r with renorm.
  NORM_DEVICE double Gamma(int64_t channel) const {
    const double own = gamma ? gamma[channel] : 1.0;
    return corrections ? own * corrections[channel] : own;
  }
};

// kSums: 2, or 3 with a gate, whose numerator is not centered.
template <int kSums>
__global__ void NORM_LAUNCH_BOUNDS(1024, 1)
    SetGradCoefficientsKernel(SetTiling tiling, BackwardCoefficients args) {
  constexpr bool kGate = kSums == 3;
  SharedArena arena;
  // The two merges take turns, with a barrier between them.
  SetSums* shared = arena.Take<SetSums>(static_cast<int>(blockDim.x));
  const double items = static_cast<double>(tiling.rows_per_set) * tiling.channels_per_set;
  const bool single = !kGate && args.values == 1.0;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergeChunks(
        tiling, block, reinterpret_cast<Sums<kSums>*>(shared),
        [&](Sums<kSums>& sum, int64_t pair, int lane, int stride) {
          args.chunks.Add(sum, pair, lane, stride);
        },
        [&](const Sums<kSums>& sum, int64_t pair) {
          args.g0[pair] = sum.of[0];
          args.q0[pair] = sum.of[1];
          if constexpr (kGate) args.gate_terms[pair] = sum.of[2];
        });
    MergePairs(
        tiling, block, shared,
        [&](SetSums& sum, int j, int reference) {
          const int64_t pair = block.Pair(tiling, j);
          const double origin = MeanOf(args.moments, block.Pair(tiling, reference));
          const double gamma = args.Gamma(block.Channel(tiling, j));
          const double g0 = kGate ? 0.0 : gamma * args.g0[pair];
          AddPair(sum.deviations, args.moments, pair, origin);
          sum.g0 += g0;
          sum.g1 = fma(gamma, args.q0[pair], sum.g1);
          sum.mg0 = fma(g0, MeanOf(args.moments, pair) - origin, sum.mg0);
        },
        [&](const SetSums& sum, int64_t set, int reference) {
          const double shift = sum.deviations.first / items;
          const double rho =
              args.mean_only ? 1.0 : 1.0 / sqrt(sum.deviations.Variance(items) + args.epsilon);
          SetGradients& out = args.sets[set];
          out.mean = MeanOf(args.moments, block.Pair(tiling, reference)) + shift;
          out.rho = rho;
          out.p = rho * sum.g0 / args.values;
          const double q = rho * (sum.g1 + (sum.mg0 - shift * sum.g0));
          out.q = args.mean_only ? 0.0 : rho * rho * q / args.values;
        });
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t pair = block.Pair(tiling, j);
      const SetGradients set = args.sets[block.SetOfPair(tiling, j)];
      const double d = MeanOf(args.moments, pair) - set.mean;
      const int64_t channel = block.Channel(tiling, j);
      const Correction correction = SavedCorrection(args.corrections, channel, tiling.channels);
      const double g0 = args.g0[pair];
      const double q0 = kGate ? args.q0[pair] : fma(d, g0, args.q0[pair]);
      args.q0[pair] = fma(correction.d, g0, correction.r * (set.rho * q0));
      const double gamma = args.Gamma(channel);
      if constexpr (kGate) args.gate_terms[pair] *= gamma * set.rho;
      args.p[pair] = single ? 0.0f : static_cast<float>(gamma * set.rho);
      args.q[pair] = single ? 0.0f : static_cast<float>(-set.q);
      args.t[pair] = single ? 0.0f : static_cast<float>(-fma(set.q, d, set.p));
    }
    __syncthreads();
  }
}

struct BackwardWorkspace {
  GradPartials partials;
  SetGradients* sets;
  double* g0;
  double* q0;
  float* p;
  float* q;
  float* t;
  double* gate_terms;

  BackwardWorkspace(Workspace& space, const SetNormBackward& args, const Tiling& tiling) {
    partials = GradPartials::Take(space, tiling, args.gate != nullptr);
    sets = space.Take<SetGradients>(tiling.pairs / args.rows_per_set / args.channels_per_set);
    g0 = space.Take<double>(tiling.pairs);
    q0 = space.Take<double>(tiling.pairs);
    p = space.Take<float>(tiling.pairs);
    q = space.Take<float>(tiling.pairs);
    t = space.Take<float>(tiling.pairs);
    gate_terms = space.Take<double>(args.gate ? tiling.pairs : 0);
  }
};

}  // namespace

size_t WorkspaceBytes(const SetNormBackward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    BackwardWorkspace(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const SetNormBackward& args, void* workspace, void* stream) {
  const View& view = args.view;
  if (view.size() == 0) {
    return LaunchFill({{{args.dgamma, nullptr, view.channels},
                        {args.dbeta, nullptr, view.channels},
                        {args.dgate, nullptr, view.channels}}},
                      stream);
  }
  const Tiling tiling =
      TilingFor(args.view, args.dy, args.x, args.dx, args.moments.hi, args.moments.lo);
  Workspace space(workspace);
  const BackwardWorkspace work(space, args, tiling);
  const ChannelGate gate = {view.channels, args.gate};
  const PairCenter center = {args.moments.hi, args.moments.lo};
  NORM_RETURN_IF_ERROR(
      args.gate ? LaunchGradSums(tiling, args.dy, args.x, gate, work.partials, stream)
                : LaunchGradSums(tiling, args.dy, args.x, center, work.partials, stream));

  const SetTiling sets = SetTiling::Make(view.rows, view.channels, args.rows_per_set,
                                         args.channels_per_set, tiling.chunks, false);
  BackwardCoefficients c = {};
  c.chunks = GradChunks::Make(work.partials, tiling);
  c.moments = args.moments;
  c.gamma = args.gamma;
  c.epsilon = args.epsilon;
  c.mean_only = args.mean_only;
  c.values = static_cast<double>(view.positions) *
             static_cast<double>(args.rows_per_set * args.channels_per_set);
  c.sets = work.sets;
  c.g0 = work.g0;
  c.q0 = work.q0;
  c.p = work.p;
  c.q = work.q;
  c.t = work.t;
  c.corrections = args.corrections;
  c.gate_terms = work.gate_terms;
  const LaunchConfig config = {"SetGradCoefficients", dim3(sets.grid()), dim3(sets.threads),
                               SharedBytes<SetSums>(sets.threads), stream};
  NORM_RETURN_IF_ERROR(args.gate ? Launch(config, SetGradCoefficientsKernel<3>, sets, c)
                                 : Launch(config, SetGradCoefficientsKernel<2>, sets, c));

  const GradCoefficients coefficients = {args.moments.hi, args.moments.lo, work.p, work.q, work.t};
  const ColumnTiling columns = ColumnTiling::Make(view.rows, view.channels);
  ParameterSums parameters;
  parameters.Add(work.q0, columns, args.dgamma);
  parameters.Add(work.g0, columns, args.dbeta);
  parameters.Add(work.gate_terms, columns, args.dgate);
  if (args.gate) {
    return LaunchGradApply(tiling, args.dy, args.x, coefficients, gate, args.dx, parameters,
                           stream);
  }
  return LaunchGradApply(tiling, args.dy, args.x, coefficients, args.dx, parameters, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
