// Forward of attentive norm on CUDA: moments; the samples' logits; attention; statistics of the
// sets with the coefficients; apply.
#include "core/apply.cuh"
#include "norms/attentive_norm_cuda.cuh"

namespace tfjs_norm {
namespace cuda {
namespace {

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    AttentiveSamplesKernel(SetTiling tiling, AttentivePairs pairs, MomentChunks chunks,
                           Attention attention) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(kThreads);
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    MergeChunks(
        tiling, block, shared,
        [&](Deviations& sum, int64_t pair, int lane, int stride) {
          chunks.Add(sum, pair, lane, stride);
        },
        [&](const Deviations& sum, int64_t pair) { chunks.Write(sum, pair, pairs.moments); });
    __syncthreads();
    TakeLogits(tiling, block, pairs, attention, reinterpret_cast<Sums<1>*>(shared));
  }
}

// Running statistics; the new ones are null where there are none.
struct Running {
  const float* mean;
  const float* variance;
  float* new_mean;
  float* new_variance;
  double update_rate;  // 0: copies
  double variance_factor;

  NORM_DEVICE void Follow(int64_t i, double now_mean, double now_variance) const {
    if (!new_mean) return;
    const double m = mean[i];
    const double v = variance[i];
    new_mean[i] = static_cast<float>(m + update_rate * (now_mean - m));
    new_variance[i] = static_cast<float>(v + update_rate * (now_variance * variance_factor - v));
  }
  NORM_DEVICE void Keep(int64_t i) const {
    if (!new_mean) return;
    new_mean[i] = mean[i];
    new_variance[i] = variance[i];
  }
};

// One block.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    AttentiveAttentionKernel(Attention attention, float* weights, Running running) {
  SharedArena arena;
  Sums<2>* shared = arena.Take<Sums<2>>(kThreads);
  RunAttention(attention, shared,
               [&](int64_t k, double mean, double variance) { running.Follow(k, mean, variance); });
  __syncthreads();
  const int thread = static_cast<int>(threadIdx.x);
  for (int64_t i = thread; i < attention.rows * attention.mixtures; i += kThreads) {
    weights[i] = static_cast<float>(attention.lambda[i]);
  }
  if (attention.batch_of_logits) return;
  for (int64_t k = thread; k < attention.mixtures; k += kThreads) running.Keep(k);
}

struct ForwardCoefficients {
  AttentivePairs pairs;
  const double* weights;
  float* a;
  float* b;
  Running running;
  bool one_value;
};

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    AttentiveCoefficientsKernel(SetTiling tiling, ForwardCoefficients args) {
  SharedArena arena;
  Deviations* shared = arena.Take<Deviations>(kThreads);
  const AttentivePairs& pairs = args.pairs;
  for (int64_t index = blockIdx.x; index < tiling.blocks; index += gridDim.x) {
    const SetBlock block(tiling, index);
    TakeStandards(tiling, block, pairs, shared, [&](int64_t set, double mean, double variance) {
      args.running.Follow(set, mean, variance);
    });
    for (int j = static_cast<int>(threadIdx.x); j < block.pairs;
         j += static_cast<int>(blockDim.x)) {
      const int64_t pair = block.Pair(tiling, j);
      const int64_t sample = pair / pairs.channels;
      const int64_t c = pair - sample * pairs.channels;
      const Standard set = pairs.Set(sample, c);
      const double a =
          args.one_value ? 0.0 : pairs.Mix(pairs.gamma, args.weights, sample, c, 1.0) * set.rho;
      const double offset = pairs.Mix(pairs.beta, args.weights, sample, c, 0.0);
      args.a[pair] = static_cast<float>(a);
      args.b[pair] = static_cast<float>(fma(a, MeanOf(pairs.moments, pair) - set.mean, offset));
      if (pairs.given && sample == 0) args.running.Keep(c);
    }
    __syncthreads();
  }
}

struct ForwardWorkspace {
  MomentPartials partials;
  float* a;
  float* b;
  AttentivePairs pairs;
  Attention attention;

  ForwardWorkspace(Workspace& space, const AttentiveNormForward& args, const Tiling& tiling) {
    partials = MomentPartials::Take(space, tiling);
    a = space.Take<float>(tiling.pairs);
    b = space.Take<float>(tiling.pairs);
    pairs = AttentivePairs::Take(space, args);
    attention = TakeAttention(space, args);
  }
};

}  // namespace

size_t WorkspaceBytes(const AttentiveNormForward& args) {
  return MaxOverVectors(args.view, [&](const Tiling& tiling) {
    Workspace space;
    ForwardWorkspace(space, args, tiling);
    return space.bytes();
  });
}

Status Run(const AttentiveNormForward& args, void* workspace, void* stream) {
  const Tiling tiling = TilingFor(args.view, args.x, args.y, args.moments.hi, args.moments.lo);
  Workspace space(workspace);
  const ForwardWorkspace work(space, args, tiling);
  NORM_RETURN_IF_ERROR(LaunchMoments(tiling, args.x, work.partials, stream));

  const auto config = [&](const char* name, int blocks, size_t shared) {
    return LaunchConfig{name, dim3(blocks), dim3(kThreads), shared, stream};
  };
  const SetTiling samples = AttentiveSampleTiling(args.view, tiling.chunks);
  NORM_RETURN_IF_ERROR(
      Launch(config("AttentiveSamples", samples.grid(), SharedBytes<Deviations>(kThreads)),
             AttentiveSamplesKernel, samples, work.pairs, MomentChunks::Make(work.partials, tiling),
             work.attention));

  const Running logits = {args.attention_moving_mean,
                          args.attention_moving_variance,
                          args.new_attention_moving_mean,
                          args.new_attention_moving_variance,
                          args.update_rate,
                          args.variance_factor(static_cast<double>(args.view.rows))};
  NORM_RETURN_IF_ERROR(Launch(config("AttentiveAttention", 1, SharedBytes<Sums<2>>(kThreads)),
                              AttentiveAttentionKernel, work.attention, args.attention, logits));

  const SetTiling sets = AttentiveSetTiling(args);
  ForwardCoefficients c = {};
  c.pairs = work.pairs;
  c.weights = work.attention.lambda;
  c.a = work.a;
  c.b = work.b;
  c.running = {args.moving_mean,         args.moving_variance, args.new_moving_mean,
               args.new_moving_variance, args.update_rate,     args.variance_factor(args.values())};
  c.one_value = args.one_value();
  NORM_RETURN_IF_ERROR(
      Launch(config("AttentiveCoefficients", sets.grid(), SharedBytes<Deviations>(kThreads)),
             AttentiveCoefficientsKernel, sets, c));

  const PairAffine affine = {args.moments.hi, args.moments.lo, work.a, work.b};
  return LaunchApply(tiling, args.x, affine, args.y, stream);
}

}  // namespace cuda
}  // namespace tfjs_norm
