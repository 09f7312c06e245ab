// What the host forward and backward of attentive_norm.h share.
#pragma once

#include <algorithm>

#include "core/host_pipeline.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "norms/attentive_mix.h"
#include "norms/attentive_norm_simd.h"
#include "norms/merge_statistics.h"

namespace tfjs_norm {
namespace host {

using attentive::Attention;
using attentive::SqueezeRule;
using attentive::Standard;

// Channels that are worked on at a time, in arrays on the stack.
constexpr int64_t kAttentiveChunk = 512;

// Calls f(first, count) for every chunk of the channels.
template <typename F>
void ForEachChunk(int64_t channels, F f) {
  for (int64_t first = 0; first < channels; first += kAttentiveChunk) {
    f(first, std::min(kAttentiveChunk, channels - first));
  }
}

// Logits join the channels; batch statistics, of x or of logits, join the samples.
inline Coupling AttentiveCoupling(const AttentiveNorm& args) {
  return {args.batch_of_x() || args.batch_of_logits() ? args.view.rows : 1, args.view.channels};
}

// A [K, C] parameter from channel `first` on.
inline Matrix AttentiveMatrix(const AttentiveNorm& args, const float* parameter, int64_t first,
                              int64_t count) {
  return {args.mixtures, count, args.view.channels, parameter + first};
}

// Calls f(n) for the unit's samples, over all threads where that is worth it.
template <typename F>
void ForEachSample(const AttentiveNorm& args, const Unit& unit, F f) {
  ParallelFor(unit.rows, unit.pairs() * args.mixtures, [&](int64_t i, int) { f(unit.row + i); });
}

// The statistics of the sets: of channels (batch) or of samples' groups (group).
struct AttentiveSets {
  const AttentiveNorm& args;
  Statistic* channels;  // [C]: with batch statistics of x
  double* mean;         // [C], or [N, groups]
  double* rho;

  AttentiveSets(Workspace& space, const AttentiveNorm& of) : args(of) {
    channels = space.Take<Statistic>(of.batch_of_x() ? of.view.channels : 0);
    const int64_t sets =
        of.batch_backbone ? of.view.channels : of.view.pairs() / of.channels_per_group;
    mean = space.Take<double>(sets);
    rho = space.Take<double>(sets);
  }

  void TakeGiven() const {
    if (!args.given()) return;
    for (int64_t c = 0; c < args.view.channels; ++c) {
      Set(c, {args.moving_mean[c], args.moving_variance[c]});
    }
  }

  // Those of a chunk of sample n's channels, one for each.
  class Chunk {
   public:
    Chunk(const AttentiveSets& sets, int64_t n, int64_t first, int64_t count)
        : mean(sets.mean + first), rho(sets.rho + first) {
      if (sets.args.batch_backbone) return;
      const int64_t size = sets.args.channels_per_group;
      const int64_t row = n * (sets.args.view.channels / size);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t set = row + (first + i) / size;
        means_[i] = sets.mean[set];
        rhos_[i] = sets.rho[set];
      }
      mean = means_;
      rho = rhos_;
    }
    Chunk(const Chunk&) = delete;
    Chunk& operator=(const Chunk&) = delete;

    const double* mean;
    const double* rho;

   private:
    double means_[kAttentiveChunk];
    double rhos_[kAttentiveChunk];
  };

  // From the moments of the unit's pairs.
  void Merge(const Unit& unit) const {
    if (args.batch_of_x()) {
      ForEachChannelBlock(unit, [&](int64_t, int64_t first, int64_t count) {
        double unused[kSetSums];
        MergeChannels(args.view, args.moments, first, count, 1, channels,
                      [&](int64_t) { return unused; });
        for (int64_t c = first; c < first + count; ++c) Set(c, channels[c]);
      });
    } else if (!args.given()) {
      const int64_t size = args.channels_per_group;
      const int64_t end = (unit.row + unit.rows) * unit.channels;
      for (int64_t pair = unit.row * unit.channels; pair < end; pair += size) {
        Set(pair / size, MergePairs(args.moments, pair, size));
      }
    }
  }

 private:
  void Set(int64_t set, const Statistic& of) const {
    mean[set] = of.mean;
    rho[set] = Standard::Of(of.mean, of.variance, args.epsilon).rho;
  }
};

inline void StartLogits(const Attention& attention, int64_t n) {
  double* row = attention.h + n * attention.mixtures;
  for (int64_t k = 0; k < attention.mixtures; ++k) row[k] = attention.Bias(k);
}

// Adds the share of `count` channels from `first` on to sample n's logits; r into `scales`.
inline void AddLogits(const AttentiveNorm& args, const Attention& attention, int64_t n,
                      int64_t first, int64_t count, double* scales) {
  double squeezed[kAttentiveChunk];
  const SqueezeRule rule = SqueezeRule::Of(args);
  const int64_t pair = n * args.view.channels + first;
  Simd().attentive_squeeze({PairsAt(args.moments, pair, count), &rule, scales, squeezed});
  Simd().row_products(AttentiveMatrix(args, args.attention_kernel, first, count), squeezed,
                      attention.h + n * attention.mixtures);
}

// Mixes `count` channels of a [K, C] parameter from `first` on with sample n's weights.
inline void MixParameter(const AttentiveNorm& args, const Attention& attention, int64_t n,
                         int64_t first, int64_t count, const float* parameter, double otherwise,
                         double* out) {
  if (parameter) {
    Simd().mix_rows(AttentiveMatrix(args, parameter, first, count),
                    attention.lambda + n * args.mixtures, 1, out);
  } else {
    std::fill_n(out, count, otherwise);
  }
}

// Of a logit over the samples, relative to the first: equal logits have exactly that mean.
inline Statistic OfLogit(const Attention& attention, int64_t k) {
  const auto at = [&](int64_t n) { return attention.h[n * attention.mixtures + k]; };
  const double count = static_cast<double>(attention.rows);
  double rest = 0;
  for (int64_t n = 1; n < attention.rows; ++n) rest += at(n) - at(0);
  const double mean = at(0) + rest / count;
  double squares = 0;
  for (int64_t n = 0; n < attention.rows; ++n) squares += (at(n) - mean) * (at(n) - mean);
  return {mean, squares / count};
}

// Logits of the unit's samples -> h and lambda. `columns` (may be null) gets the batch statistics.
inline void FinishAttention(const Attention& attention, const Unit& unit, Statistic* columns) {
  if (attention.batch_of_logits) {
    for (int64_t k = 0; k < attention.mixtures; ++k) {
      const Statistic set = OfLogit(attention, k);
      attention.columns[k] = Standard::Of(set.mean, set.variance, attention.epsilon);
      if (columns) columns[k] = set;
    }
  }
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) attention.ForwardRow(n);
}

// The arrays that forward and backward need.
inline Attention TakeAttention(Workspace& space, const AttentiveNorm& args) {
  Attention attention = Attention::Of(args);
  attention.h = space.Take<double>(args.view.rows * args.mixtures);
  attention.lambda = space.Take<double>(args.view.rows * args.mixtures);
  attention.columns = space.Take<Standard>(args.mixtures);
  return attention;
}

inline void TakeGivenColumns(const Attention& attention) {
  if (!attention.given()) return;
  for (int64_t k = 0; k < attention.mixtures; ++k) attention.TakeGiven(k);
}

}  // namespace host
}  // namespace tfjs_norm
