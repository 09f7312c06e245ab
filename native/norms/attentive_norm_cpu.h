// What the host forward and backward of attentive_norm.h share.
#pragma once

#include <algorithm>

#include "core/host_pipeline.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "norms/attentive_mix.h"
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
  Standard* standards;  // [C], or [N, groups]

  AttentiveSets(Workspace& space, const AttentiveNorm& of) : args(of) {
    channels = space.Take<Statistic>(of.batch_of_x() ? of.view.channels : 0);
    standards = space.Take<Standard>(of.batch_backbone ? of.view.channels
                                                       : of.view.pairs() / of.channels_per_group);
  }

  void TakeGiven() const {
    if (!args.given()) return;
    for (int64_t c = 0; c < args.view.channels; ++c) {
      standards[c] = Standard::Of(args.moving_mean[c], args.moving_variance[c], args.epsilon);
    }
  }

  // Of the channels from c on, one after the other.
  class Walk {
   public:
    Walk(const Standard* first, int64_t size, int64_t done)
        : set_(first), size_(size), left_(size - done) {}
    const Standard& Next() {
      const Standard& now = *set_;
      if (--left_ == 0) {
        ++set_;
        left_ = size_;
      }
      return now;
    }

   private:
    const Standard* set_;
    int64_t size_, left_;
  };
  Walk From(int64_t n, int64_t c) const {
    const int64_t size = args.channels_per_set();
    const int64_t row = args.batch_backbone ? 0 : n * (args.view.channels / size);
    return Walk(standards + row + c / size, size, c % size);
  }

  // From own(n, c), statistics of the unit's pairs.
  template <typename Own>
  void Merge(const Unit& unit, Own own) const {
    if (args.given()) return;
    if (args.batch_of_x()) {
      const int64_t tasks = (unit.channels + kAttentiveChunk - 1) / kAttentiveChunk;
      ParallelFor(tasks, unit.pairs(), [&](int64_t task, int) {
        const int64_t first = task * kAttentiveChunk;
        const int64_t end = std::min(first + kAttentiveChunk, unit.channels);
        MergeChannels(unit.rows, first, end, own, channels);
        for (int64_t c = first; c < end; ++c) {
          standards[c] = Standard::Of(channels[c].mean, channels[c].variance, args.epsilon);
        }
      });
      return;
    }
    const int64_t size = args.channels_per_group;
    for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
      for (int64_t c = 0; c < unit.channels; c += size) {
        const Statistic set = MergeStatistics(size, [&](int64_t i) { return own(n, c + i); });
        standards[(n * unit.channels + c) / size] =
            Standard::Of(set.mean, set.variance, args.epsilon);
      }
    }
  }
};

// r of some pairs with these biased variances.
inline void SqueezeScales(const SqueezeRule& rule, int64_t count, const double* variance,
                          double* scales) {
  if (rule.relative) {
    Simd().inverse_roots(count, variance, rule.factor, rule.epsilon, scales);
  } else {
    std::fill_n(scales, count, 1.0);
  }
}

inline void StartLogits(const Attention& attention, int64_t n) {
  double* row = attention.h + n * attention.mixtures;
  for (int64_t k = 0; k < attention.mixtures; ++k) row[k] = attention.Bias(k);
}

// Adds the share of `count` channels from `first` on, with these means and r, to sample n's logits.
inline void AddLogits(const AttentiveNorm& args, const Attention& attention, int64_t n,
                      int64_t first, int64_t count, const double* mean, const double* scales) {
  double squeezed[kAttentiveChunk];
  for (int64_t i = 0; i < count; ++i) squeezed[i] = mean[i] * scales[i];
  Simd().row_products(AttentiveMatrix(args, args.attention_kernel, first, count), squeezed,
                      attention.h + n * attention.mixtures);
}

// Logits of the unit's samples -> h and lambda. `columns` (may be null) gets the batch statistics.
inline void FinishAttention(const Attention& attention, const Unit& unit, Statistic* columns) {
  if (attention.batch_of_logits) {
    for (int64_t k = 0; k < attention.mixtures; ++k) {
      const Statistic set = MergeStatistics(attention.rows, [&](int64_t n) {
        return Statistic{attention.h[n * attention.mixtures + k], 0};
      });
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
