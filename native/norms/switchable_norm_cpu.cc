// Host switchable norm: the coefficients of switchable_norm.h on the host pipeline.
#include "core/host_pipeline.h"
#include "core/workspace.h"
#include "norms/merge_statistics.h"
#include "norms/switchable_mix.h"
#include "norms/switchable_norm.h"
#include "norms/switchable_norm_simd.h"

namespace tfjs_norm {
namespace host {
namespace {

using switchable::Triple;
using switchable::Weights;

double At(const float* values, int64_t index, double otherwise) {
  return values ? static_cast<double>(values[index]) : otherwise;
}

// Batch statistics join all samples; without them samples are on their own.
Coupling CouplingOf(const SwitchableNorm& args) {
  return {args.batch_of_x() ? args.view.rows : 1, args.view.channels};
}

// Sums over the samples' channels in blocks, [blocks, N, kSums].
template <int kSums>
struct SampleSums {
  int64_t rows;
  int64_t blocks;
  double* sums;

  SampleSums(Workspace& space, const View& view)
      : rows(view.rows), blocks(CeilDiv(view.channels, kChannelBlock)) {
    sums = space.Take<double>(blocks * rows * kSums);
  }
  double* At(int64_t block, int64_t n) const { return sums + (block * rows + n) * kSums; }
  // Of all blocks, in order, in the first one's place.
  const double* Total(int64_t n) const {
    double* total = At(0, n);
    for (int64_t block = 1; block < blocks; ++block) {
      for (int i = 0; i < kSums; ++i) total[i] += At(block, n)[i];
    }
    return total;
  }
};

// What forward and backward share: the statistics of the sets, gamma and beta in double.
struct Sets {
  const SwitchableNorm& args;
  Weights weights;
  double* gamma;      // [C]
  Statistic* batch;   // [C]
  Statistic* layers;  // [N]
  SampleSums<kSetSums> sums;

  Sets(Workspace& space, const SwitchableNorm& of) : args(of), sums(space, of.view) {
    gamma = space.Take<double>(of.view.channels);
    batch = space.Take<Statistic>(of.view.channels);
    layers = space.Take<Statistic>(of.view.rows);
  }

  // What does not depend on x.
  void Set() {
    weights = switchable::WeightsOf(args.mean_logits, args.variance_logits, args.use_batch);
    for (int64_t c = 0; c < args.view.channels; ++c) {
      gamma[c] = host::At(args.gamma, c, 1);
      batch[c] = {host::At(args.moving_mean, c, 0), host::At(args.moving_variance, c, 0)};
    }
  }

  SavedPairs Pairs(int64_t n, int64_t first, int64_t count) const {
    return PairsAt(args.moments, n * args.view.channels + first, count);
  }

  // The statistics of the unit's samples and, in training, channels.
  void Merge(const Unit& unit) const {
    const Moments& moments = args.moments;
    ForEachChannelBlock(unit, [&](int64_t block, int64_t first, int64_t count) {
      if (args.batch_of_x()) {
        MergeChannels(args.view, moments, first, count, args.variance_factor(), batch,
                      [&](int64_t n) { return sums.At(block, n); });
        return;
      }
      for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
        const int64_t row = n * unit.channels;
        Simd().merge_pairs({PairsAt(moments, row + first, count),
                            MeanAt(moments, row),
                            sums.At(block, n),
                            nullptr,
                            nullptr,
                            {}});
      }
    });
    for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
      layers[n] = StatisticOf(MeanAt(moments, n * unit.channels), sums.Total(n),
                              static_cast<double>(unit.channels), args.variance_factor());
    }
  }

  SwitchableSets Of(int64_t n, int64_t first) const {
    return {&weights,  args.epsilon,   args.variance_factor(),
            layers[n], args.use_batch, batch + first};
  }
};

struct ForwardArrays : Sets {
  double* beta;  // [C]

  ForwardArrays(Workspace& space, const SwitchableNorm& of) : Sets(space, of) {
    beta = space.Take<double>(of.view.channels);
  }
};

void Forward(const SwitchableNormForward& args, const ForwardArrays& arrays, const Unit& unit,
             ForwardStep& step) {
  arrays.Merge(unit);
  ForEachChannelBlock(unit, [&](int64_t, int64_t first, int64_t count) {
    for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
      const int64_t pair = unit.at(n, first);
      Simd().switchable_forward({arrays.Pairs(n, first, count), arrays.Of(n, first),
                                 args.one_value(), arrays.gamma + first, arrays.beta + first,
                                 step.a_ + pair, step.b_ + pair});
    }
  });
}

struct BackwardArrays : Sets {
  double* mu;  // [C]: means of dmu and dV over the samples
  double* v;
  SampleSums<kSampleSums> gradients;

  BackwardArrays(Workspace& space, const SwitchableNorm& of)
      : Sets(space, of), gradients(space, of.view) {
    mu = space.Take<double>(of.batch_of_x() ? of.view.channels : 0);
    v = space.Take<double>(of.batch_of_x() ? of.view.channels : 0);
  }
};

void Backward(const SwitchableNormBackward& args, const BackwardArrays& arrays, const Unit& unit,
              BackwardStep& step) {
  const bool channels = args.batch_of_x();
  const double per_row = 1.0 / static_cast<double>(args.view.rows);
  const double per_channel = 1.0 / static_cast<double>(args.view.channels);
  arrays.Merge(unit);
  ForEachChannelBlock(unit, [&](int64_t block, int64_t first, int64_t count) {
    double* const mu = channels ? arrays.mu + first : nullptr;
    double* const v = channels ? arrays.v + first : nullptr;
    for (double* sums : {mu, v}) {
      if (sums) std::fill_n(sums, count, 0.0);
    }
    for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
      const int64_t pair = unit.at(n, first);
      Simd().switchable_grad_sums({arrays.Pairs(n, first, count), arrays.Of(n, first),
                                   arrays.gamma + first, step.sum_g + pair, step.sum_gx + pair,
                                   step.p_ + pair, arrays.gradients.At(block, n), mu, v,
                                   step.dgamma + first, step.dbeta + first});
    }
    for (double* sums : {mu, v}) {
      for (int64_t i = 0; sums && i < count; ++i) sums[i] *= per_row;
    }
  });
  for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) arrays.gradients.Total(n);
  ForEachChannelBlock(unit, [&](int64_t, int64_t first, int64_t count) {
    for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
      const int64_t pair = unit.at(n, first);
      const double* of_sample = arrays.gradients.At(0, n);
      SwitchableBackwardStep slopes = {};
      slopes.pairs = arrays.Pairs(n, first, count);
      slopes.sets = arrays.Of(n, first);
      slopes.positions = static_cast<double>(args.view.positions);
      slopes.one_value = args.one_value();
      slopes.layer_mu = of_sample[0] * per_channel;
      slopes.layer_v = of_sample[1] * per_channel;
      slopes.batch_mu = channels ? arrays.mu + first : nullptr;
      slopes.batch_v = channels ? arrays.v + first : nullptr;
      slopes.mu = step.sum_g + pair;
      slopes.v = step.sum_gx + pair;
      slopes.p = step.p_ + pair;
      slopes.q = step.q_ + pair;
      slopes.t = step.t_ + pair;
      Simd().switchable_backward(slopes);
    }
  });
}

void UpdateMoving(const SwitchableNormForward& args, const Sets& sets) {
  for (int64_t c = 0; c < args.view.channels; ++c) {
    double mean = args.moving_mean[c];
    double variance = args.moving_variance[c];
    if (args.training) {
      mean += args.update_rate * (sets.batch[c].mean - mean);
      variance += args.update_rate * (sets.batch[c].variance - variance);
    }
    args.new_moving_mean[c] = static_cast<float>(mean);
    args.new_moving_variance[c] = static_cast<float>(variance);
  }
}

}  // namespace

size_t WorkspaceBytes(const SwitchableNormForward& args) {
  Workspace space;
  ForwardArrays(space, args);
  return space.bytes() + ForwardWorkspaceBytes(args.view, CouplingOf(args));
}

size_t WorkspaceBytes(const SwitchableNormBackward& args) {
  Workspace space;
  BackwardArrays(space, args);
  return space.bytes() + BackwardWorkspaceBytes(args.view, CouplingOf(args));
}

Status Run(const SwitchableNormForward& args, void* workspace) {
  Workspace space(workspace);
  ForwardArrays arrays(space, args);
  arrays.Set();
  for (int64_t c = 0; c < args.view.channels; ++c) arrays.beta[c] = At(args.beta, c, 0);
  RunForward(
      args.view, CouplingOf(args), args.x, args.moments, args.y,
      [&](const Unit& unit, ForwardStep& step) { Forward(args, arrays, unit, step); },
      space.Take<char>(0));
  if (args.new_moving_mean) UpdateMoving(args, arrays);
  return Ok();
}

Status Run(const SwitchableNormBackward& args, void* workspace) {
  Workspace space(workspace);
  BackwardArrays arrays(space, args);
  arrays.Set();
  RunBackward(
      args.view, CouplingOf(args), args.dy, args.x, args.moments, args.dx,
      {args.dgamma, args.dbeta},
      [&](const Unit& unit, BackwardStep& step) { Backward(args, arrays, unit, step); },
      space.Take<char>(0));
  Triple mean = {};
  Triple variance = {};
  for (int64_t n = 0; n < args.view.rows; ++n) {
    const double* sums = arrays.gradients.At(0, n);
    mean.Merge({0, sums[2], sums[3]});
    variance.Merge({sums[4], sums[1] * arrays.layers[n].variance, sums[5]});
  }
  SoftmaxGradient(arrays.weights.mean, mean, args.use_batch, args.dmean_logits);
  SoftmaxGradient(arrays.weights.variance, variance, args.use_batch, args.dvariance_logits);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
