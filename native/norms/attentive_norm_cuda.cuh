// What the forward and the backward kernels of attentive norm on CUDA share.
#pragma once

#include "core/column_sums.cuh"
#include "core/merge_moments.cuh"
#include "core/workspace.h"
#include "norms/attentive_mix.h"

namespace tfjs_norm {
namespace cuda {

using attentive::Attention;
using attentive::SqueezeRule;
using attentive::Standard;

// What every kernel needs to know of a pair. A sample is a row.
struct AttentivePairs {
  Moments moments;
  int64_t channels;
  int64_t mixtures;
  int64_t channels_per_set;
  bool batch_backbone;
  bool given;
  double epsilon;
  SqueezeRule squeeze;
  const float* gamma;
  const float* beta;
  const float* kernel;
  const float* moving_mean;
  const float* moving_variance;
  double* squeezed;     // [N, C]: s
  Standard* standards;  // of the sets: [C], or [N, groups]; unused where they are given

  static AttentivePairs Take(Workspace& space, const AttentiveNorm& args) {
    AttentivePairs p = {};
    p.moments = args.moments;
    p.channels = args.view.channels;
    p.mixtures = args.mixtures;
    p.channels_per_set = args.channels_per_set();
    p.batch_backbone = args.batch_backbone;
    p.given = args.given();
    p.epsilon = args.epsilon;
    p.squeeze = SqueezeRule::Of(args);
    p.gamma = args.gamma;
    p.beta = args.beta;
    p.kernel = args.attention_kernel;
    p.moving_mean = args.moving_mean;
    p.moving_variance = args.moving_variance;
    p.squeezed = space.Take<double>(args.view.pairs());
    p.standards = space.Take<Standard>(p.batch_backbone ? p.channels
                                                        : args.view.pairs() / p.channels_per_set);
    return p;
  }

  NORM_DEVICE double Scale(int64_t pair) const { return squeeze.Scale(moments.variance[pair]); }
  NORM_DEVICE Standard Set(int64_t sample, int64_t channel) const {
    if (given) return Standard::Of(moving_mean[channel], moving_variance[channel], epsilon);
    if (batch_backbone) return standards[channel];
    return standards[(sample * channels + channel) / channels_per_set];
  }
  // The mixture of the rows of a [K, C] parameter (null: `otherwise`) for a pair.
  NORM_DEVICE double Mix(const float* parameter, const double* weights, int64_t sample,
                         int64_t channel, double otherwise) const {
    if (!parameter) return otherwise;
    double sum = 0.0;
    for (int64_t k = 0; k < mixtures; ++k) {
      sum = fma(weights[sample * mixtures + k],
                static_cast<double>(parameter[k * channels + channel]), sum);
    }
    return sum;
  }
};

// A statistic per set of AttentiveNorm.
inline SetTiling AttentiveSetTiling(const AttentiveNorm& args) {
  return SetTiling::Make(args.view.rows, args.view.channels, args.rows_per_set(),
                         args.channels_per_set(), 1, args.batch_of_x())
      .Narrow();
}
inline SetTiling AttentiveSampleTiling(const View& view, int chunks) {
  return SetTiling::OfRows(view, chunks).Narrow();
}

// Means and rho of the block's sets, from the moments; finish(set, mean, variance) in one thread
// each. Every thread comes here.
template <class Finish>
NORM_DEVICE void TakeStandards(const SetTiling& tiling, const SetBlock& block,
                               const AttentivePairs& pairs, Deviations* shared, Finish finish) {
  if (pairs.given) return;
  const double items = static_cast<double>(tiling.rows_per_set) * tiling.channels_per_set;
  MergePairs(
      tiling, block, shared,
      [&](Deviations& sum, int j, int reference) {
        AddPair(sum, pairs.moments, block.Pair(tiling, j),
                MeanOf(pairs.moments, block.Pair(tiling, reference)));
      },
      [&](const Deviations& sum, int64_t set, int reference) {
        const double mean =
            MeanOf(pairs.moments, block.Pair(tiling, reference)) + sum.first / items;
        const double variance = sum.Variance(items);
        pairs.standards[set] = Standard::Of(mean, variance, pairs.epsilon);
        finish(set, mean, variance);
      });
}

// For every sample of the block and every mixture k: finish(sample, k, sum over the channels of
// term(pair, k * channels + channel)). Starts after the block's earlier writes are visible.
template <class Term, class Finish>
NORM_DEVICE void SumOverChannels(const SetTiling& tiling, const SetBlock& block,
                                 const AttentivePairs& pairs, Sums<1>* shared, Term term,
                                 Finish finish) {
  __syncthreads();
  // Neighbouring threads are neighbouring channels.
  constexpr int kColumns = 8;
  const Lanes lanes = {kColumns, kThreads / kColumns, false, kThreads / kColumns / 2};
  const int thread = static_cast<int>(threadIdx.x);
  const int x = lanes.x(thread);
  const int y = lanes.y(thread);
  const int64_t first_sample = block.Pair(tiling, 0) / pairs.channels;
  const int64_t sums = block.sets * pairs.mixtures;
  for (int64_t first = 0; first < sums; first += kColumns) {
    const int64_t index = first + x;
    const bool active = index < sums;
    const int64_t sample = first_sample + index / pairs.mixtures;
    const int64_t k = index % pairs.mixtures;
    Sums<1> sum = {};
    if (active) {
      for (int64_t c = y; c < pairs.channels; c += lanes.ty) {
        sum.of[0] += term(sample * pairs.channels + c, k * pairs.channels + c);
      }
    }
    MergeLanes(lanes, sum, shared);
    if (active && y == 0) finish(sample, k, sum.of[0]);
  }
  __syncthreads();
}

// s of the block's pairs, and the logits of its samples into attention.h.
NORM_DEVICE void TakeLogits(const SetTiling& tiling, const SetBlock& block,
                            const AttentivePairs& pairs, const Attention& attention,
                            Sums<1>* shared) {
  for (int j = static_cast<int>(threadIdx.x); j < block.pairs; j += static_cast<int>(blockDim.x)) {
    const int64_t pair = block.Pair(tiling, j);
    pairs.squeezed[pair] = MeanOf(pairs.moments, pair) * pairs.Scale(pair);
  }
  SumOverChannels(
      tiling, block, pairs, shared,
      [&](int64_t pair, int64_t weight) {
        return pairs.squeezed[pair] * static_cast<double>(pairs.kernel[weight]);
      },
      [&](int64_t sample, int64_t k, double sum) {
        attention.h[sample * pairs.mixtures + k] = sum + attention.Bias(k);
      });
}

// Sums over the samples of two [N, K] terms, in the one block that there is: finish(k, sums) in one
// thread each. Starts after the block's earlier writes are visible, ends with its own visible.
template <class Add, class Finish>
NORM_DEVICE void SumOverSamples(const Attention& attention, Sums<2>* shared, Add add,
                                Finish finish) {
  __syncthreads();
  constexpr int kColumns = 8;
  const Lanes lanes = {kColumns, kThreads / kColumns, true, kThreads / kColumns / 2};
  const int thread = static_cast<int>(threadIdx.x);
  const int x = lanes.x(thread);
  const int y = lanes.y(thread);
  for (int64_t first = 0; first < attention.mixtures; first += kColumns) {
    const int64_t k = first + x;
    const bool active = k < attention.mixtures;
    Sums<2> sum = {};
    if (active) {
      for (int64_t n = y; n < attention.rows; n += lanes.ty) {
        add(sum, n * attention.mixtures + k, k);
      }
    }
    MergeLanes(lanes, sum, shared);
    if (active && y == 0) finish(k, sum);
  }
  __syncthreads();
}

// Logits -> h and lambda, in the one block that there is; finish(k, mean, variance) in one thread
// for each logit with batch statistics.
template <class Finish>
NORM_DEVICE void RunAttention(const Attention& attention, Sums<2>* shared, Finish finish) {
  const int thread = static_cast<int>(threadIdx.x);
  if (attention.batch_of_logits) {
    const double rows = static_cast<double>(attention.rows);
    // Relative to the first sample's logit.
    SumOverSamples(
        attention, shared,
        [&](Sums<2>& sum, int64_t at, int64_t k) {
          const double d = attention.h[at] - attention.h[k];
          sum.of[0] += d;
          sum.of[1] = fma(d, d, sum.of[1]);
        },
        [&](int64_t k, const Sums<2>& sum) {
          const double mean = attention.h[k] + sum.of[0] / rows;
          const double variance = Deviations{sum.of[0], sum.of[1]}.Variance(rows);
          attention.columns[k] = Standard::Of(mean, variance, attention.epsilon);
          finish(k, mean, variance);
        });
  } else if (attention.given()) {
    for (int64_t k = thread; k < attention.mixtures; k += kThreads) attention.TakeGiven(k);
  }
  __syncthreads();
  for (int64_t n = thread; n < attention.rows; n += kThreads) attention.ForwardRow(n);
}

inline Attention TakeAttention(Workspace& space, const AttentiveNorm& args) {
  Attention attention = Attention::Of(args);
  attention.h = space.Take<double>(args.view.rows * args.mixtures);
  attention.lambda = space.Take<double>(args.view.rows * args.mixtures);
  attention.columns = space.Take<Standard>(args.mixtures);
  return attention;
}

}  // namespace cuda
}  // namespace tfjs_norm
