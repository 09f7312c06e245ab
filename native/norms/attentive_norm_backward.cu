// Backward of attentive norm on CUDA: gradient sums; statistics of the sets beside the samples'
// logits; Q with the gradients of the weights; the attention, forward and backward; coefficients
// beside the gradients of the [K, C] parameters; dx.
#include "core/grad_apply.cuh"
#include "core/merge_grad_sums.cuh"
#include "norms/attentive_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

using attentive::LogitMeans;
using attentive::SetGradient;
using attentive::SlopeRule;
using attentive::Slopes;

struct BackwardArrays {
  AttentivePairs pairs;
  Attention attention;
  GradChunks chunks;
  double values;  // M
  SlopeRule rule;
  double* g0;         // [N, C]: G0
  double* q0;         // [N, C]: G1, then Q
  double* mixed;      // [N, C]: Ga
  SetGradient* sets;  // as pairs.standards
  float* p;
  float* q;
  float* t;
  float* dgamma;
  float* dbeta;
  float* dkernel;
};

// The first `of_sets` blocks do sets, the others samples.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    AttentiveGradStatisticsKernel(SetTiling sets, int of_sets, SetTiling samples,
                                  BackwardArrays args) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(kThreads);
  const int block = static_cast<int>(blockIdx.x);
  if (block < of_sets) {
    for (int64_t index = block; index < sets.blocks; index += of_sets) {
      TakeStandards(sets, SetBlock(sets, index), args.pairs, shared,
                    [](int64_t, double, double) {});
    }
  } else {
    for (int64_t index = block - of_sets; index < samples.blocks;
         index += static_cast<int>(gridDim.x) - of_sets) {
      TakeLogits(samples, SetBlock(samples, index), args.pairs, args.attention,
                 reinterpret_cast<Sums<1>*>(shared));
    }
  }
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    AttentiveGradSamplesKernel(SetTiling tiling, BackwardArrays args) {
  SharedArena arena;
  Sums<2>* shared = arena.Take<Sums<2>>(kThreads);
  const AttentivePairs& pairs = args.pairs;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergeChunks(
        tiling, block, shared,
        [&](Sums<2>& sum, int64_t pair, int lane, int stride) {
          args.chunks.Add(sum, pair, lane, stride);
        },
        [&](const Sums<2>& sum, int64_t pair) {
          const int64_t sample = pair / pairs.channels;
          const Standard set = pairs.Set(sample, pair - sample * pairs.channels);
          const double d = MeanOf(pairs.moments, pair) - set.mean;
          args.g0[pair] = sum.of[0];
          args.q0[pair] = set.rho * fma(d, sum.of[0], sum.of[1]);
        });
    SumOverChannels(
        tiling, block, pairs, reinterpret_cast<Sums<1>*>(shared),
        [&](int64_t pair, int64_t weight) {
          double term = 0.0;
          if (pairs.gamma) term = args.q0[pair] * static_cast<double>(pairs.gamma[weight]);
          if (pairs.beta) term = fma(args.g0[pair], static_cast<double>(pairs.beta[weight]), term);
          return term;
        },
        [&](int64_t sample, int64_t k, double sum) {
          args.attention.d[sample * pairs.mixtures + k] = sum;
        });
  }
}

struct VectorGradients {
  float* bias;
  float* gamma;
  float* beta;
};

// One block.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    AttentiveGradAttentionKernel(Attention attention, VectorGradients gradients) {
  SharedArena arena;
  Sums<2>* shared = arena.Take<Sums<2>>(kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  const double rows = static_cast<double>(attention.rows);
  RunAttention(attention, shared, [](int64_t, double, double) {});
  // A thread has the same samples as in RunAttention.
  for (int64_t n = thread; n < attention.rows; n += kThreads) attention.ActivationGradRow(n);
  SumOverSamples(
      attention, shared,
      [&](Sums<2>& sum, int64_t at, int64_t) {
        sum.of[0] += attention.d[at];
        sum.of[1] = fma(attention.d[at], attention.h[at], sum.of[1]);
      },
      [&](int64_t k, const Sums<2>& sum) {
        attention.means[k] = {sum.of[0] / rows, sum.of[1] / rows};
        if (gradients.beta) gradients.beta[k] = static_cast<float>(sum.of[0]);
        if (gradients.gamma) gradients.gamma[k] = static_cast<float>(sum.of[1]);
      });
  for (int64_t n = thread; n < attention.rows; n += kThreads) attention.NormGradRow(n);
  if (!gradients.bias) return;
  SumOverSamples(
      attention, shared, [&](Sums<2>& sum, int64_t at, int64_t) { sum.of[0] += attention.dz[at]; },
      [&](int64_t k, const Sums<2>& sum) { gradients.bias[k] = static_cast<float>(sum.of[0]); });
}

// Sums over the samples for one mixture k and a tile of channels.
NORM_DEVICE void SumMatrices(const ColumnTiling& columns, int64_t block, const BackwardArrays& args,
                             Sums<3>* shared) {
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t k = block / columns.tiles;
  const int64_t channels = columns.channels;
  const int64_t c = (block - k * columns.tiles) * columns.lanes.tx + columns.lanes.x(thread);
  const int y = columns.lanes.y(thread);
  const bool active = c < channels;
  Sums<3> sum = {};
  if (active) {
    for (int64_t n = y; n < columns.items; n += columns.lanes.ty) {
      const int64_t pair = n * channels + c;
      const int64_t weight = n * args.pairs.mixtures + k;
      sum.of[0] = fma(args.attention.lambda[weight], args.q0[pair], sum.of[0]);
      sum.of[1] = fma(args.attention.lambda[weight], args.g0[pair], sum.of[1]);
      sum.of[2] = fma(args.attention.dz[weight], args.pairs.squeezed[pair], sum.of[2]);
    }
  }
  MergeLanes(columns.lanes, sum, shared);
  if (active && y == 0) {
    const int64_t at = k * channels + c;
    if (args.dgamma) args.dgamma[at] = static_cast<float>(sum.of[0]);
    if (args.dbeta) args.dbeta[at] = static_cast<float>(sum.of[1]);
    args.dkernel[at] = static_cast<float>(sum.of[2]);
  }
}

NORM_DEVICE void SetSlopes(const SetTiling& tiling, const SetBlock& block,
                           const BackwardArrays& args, Sums<2>* shared) {
  const AttentivePairs& pairs = args.pairs;
  for (int j = static_cast<int>(threadIdx.x); j < block.pairs; j += static_cast<int>(blockDim.x)) {
    const int64_t pair = block.Pair(tiling, j);
    const int64_t sample = pair / pairs.channels;
    args.mixed[pair] =
        pairs.Mix(pairs.gamma, args.attention.lambda, sample, pair - sample * pairs.channels, 1.0);
  }
  if (!pairs.given) {
    MergePairs(
        tiling, block, shared,
        [&](Sums<2>& sum, int j, int) {
          const int64_t pair = block.Pair(tiling, j);
          sum.of[0] = fma(args.mixed[pair], args.g0[pair], sum.of[0]);
          sum.of[1] = fma(args.mixed[pair], args.q0[pair], sum.of[1]);
        },
        [&](const Sums<2>& sum, int64_t set, int) {
          args.sets[set] = {sum.of[0] / args.values, sum.of[1] / args.values};
        });
  }
  for (int j = static_cast<int>(threadIdx.x); j < block.pairs; j += static_cast<int>(blockDim.x)) {
    const int64_t pair = block.Pair(tiling, j);
    const int64_t sample = pair / pairs.channels;
    const int64_t c = pair - sample * pairs.channels;
    const Standard by = pairs.Set(sample, c);
    const SetGradient set =
        pairs.given ? SetGradient{0.0, 0.0} : args.sets[block.SetOfPair(tiling, j)];
    const double ds = pairs.Mix(pairs.kernel, args.attention.dz, sample, c, 0.0);
    const Slopes slopes(args.rule, set, by.rho, MeanOf(pairs.moments, pair) - by.mean,
                        args.mixed[pair], pairs.squeezed[pair], pairs.Scale(pair), ds,
                        args.g0[pair]);
    args.p[pair] = static_cast<float>(slopes.p);
    args.q[pair] = static_cast<float>(slopes.q);
    args.t[pair] = static_cast<float>(slopes.t);
  }
  __syncthreads();
}

// The first columns.tiles * K blocks sum the gradients of [K, C] parameters, the others write
// coefficients.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    AttentiveGradCoefficientsKernel(ColumnTiling columns, SetTiling sets, BackwardArrays args) {
  SharedArena arena;
  Sums<3>* shared = arena.Take<Sums<3>>(kThreads);
  const int64_t of_matrices = columns.tiles * args.pairs.mixtures;
  const int64_t block = static_cast<int64_t>(blockIdx.x) - of_matrices;
  if (block < 0) {
    SumMatrices(columns, blockIdx.x, args, shared);
  } else {
    for (int64_t index = block; index < sets.blocks; index += gridDim.x - of_matrices) {
      SetSlopes(sets, SetBlock(sets, index), args, reinterpret_cast<Sums<2>*>(shared));
    }
  }
}

BackwardArrays TakeArrays(Workspace& space, const AttentiveNormBackward& args,
                          const Tiling& tiling) {
  BackwardArrays a = {};
  a.chunks = GradChunks::Make(GradPartials::Take(space, tiling), tiling);
  a.pairs = AttentivePairs::Take(space, args);
  a.attention = TakeAttention(space, args);
  const int64_t weights = args.view.rows * args.mixtures;
  a.attention.d = space.Take<double>(weights);
  a.attention.dz = space.Take<double>(weights);
  a.attention.row_rho = space.Take<double>(args.view.rows);
  a.attention.means = space.Take<LogitMeans>(args.mixtures);
  a.values = args.values();
  a.rule = {SqueezeRule::Of(args), static_cast<double>(args.view.positions), args.one_value()};
  a.g0 = space.Take<double>(tiling.pairs);
  a.q0 = space.Take<double>(tiling.pairs);
  a.mixed = space.Take<double>(tiling.pairs);
  a.sets = space.Take<SetGradient>(args.batch_backbone ? args.view.channels
                                                       : tiling.pairs / args.channels_per_group);
  a.p = space.Take<float>(tiling.pairs);
  a.q = space.Take<float>(tiling.pairs);
  a.t = space.Take<float>(tiling.pairs);
  a.dgamma = args.dgamma;
  a.dbeta = args.dbeta;
  a.dkernel = args.dattention_kernel;
  return a;
}

}  // namespace

size_t WorkspaceBytes(const AttentiveNormBackward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    TakeArrays(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const AttentiveNormBackward& args, void* workspace, void* stream) {
  const Tiling tiling =
      TilingFor(args.view, args.dy, args.x, args.dx, args.moments.hi, args.moments.lo);
  Workspace space(workspace);
  const BackwardArrays work = TakeArrays(space, args, tiling);
  NORM_RETURN_IF_ERROR(LaunchGradSums(tiling, args.dy, args.x,
                                      PairCenter{args.moments.hi, args.moments.lo},
                                      work.chunks.partials, stream));

  const auto config = [&](const char* name, int64_t blocks, size_t shared) {
    return LaunchConfig{name, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), shared, stream};
  };
  const SetTiling sets = AttentiveSetTiling(args);
  const SetTiling merged = AttentiveSampleTiling(args.view, 1);
  NORM_RETURN_IF_ERROR(Launch(config("AttentiveGradStatistics", sets.grid() + merged.grid(),
                                     SharedBytes<Deviations>(kThreads)),
                              AttentiveGradStatisticsKernel, sets, sets.grid(), merged, work));
  const SetTiling samples = AttentiveSampleTiling(args.view, tiling.chunks);
  NORM_RETURN_IF_ERROR(
      Launch(config("AttentiveGradSamples", samples.grid(), SharedBytes<Sums<2>>(kThreads)),
             AttentiveGradSamplesKernel, samples, work));
  const VectorGradients vectors = {args.dattention_bias, args.dattention_gamma,
                                   args.dattention_beta};
  NORM_RETURN_IF_ERROR(Launch(config("AttentiveGradAttention", 1, SharedBytes<Sums<2>>(kThreads)),
                              AttentiveGradAttentionKernel, work.attention, vectors));
  const ColumnTiling columns = ColumnTiling::Make(args.view.rows, args.view.channels);
  NORM_RETURN_IF_ERROR(
      Launch(config("AttentiveGradCoefficients", columns.tiles * args.mixtures + sets.grid(),
                    SharedBytes<Sums<3>>(kThreads)),
             AttentiveGradCoefficientsKernel, columns, sets, work));

  const GradCoefficients coefficients = {args.moments.hi, args.moments.lo, work.p, work.q, work.t};
  return LaunchGradApply(tiling, args.dy, args.x, coefficients, args.dx, {}, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
