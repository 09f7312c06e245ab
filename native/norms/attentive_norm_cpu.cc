// Host attentive norm, forward: the coefficients of attentive_norm.h on the host pipeline.
#include "norms/attentive_norm_cpu.h"

namespace tfjs_norm {
namespace host {
namespace {

struct ForwardArrays {
  Attention attention;
  Statistic* columns;  // [K]: of the logits, with batch statistics
  AttentiveSets sets;

  ForwardArrays(Workspace& space, const AttentiveNormForward& args)
      : attention(TakeAttention(space, args)),
        columns(space.Take<Statistic>(args.mixtures)),
        sets(space, args) {}
};

// A = Ga * rho and B = Be + A * D of a sample.
void SetCoefficients(const AttentiveNormForward& args, const ForwardArrays& arrays,
                     const Unit& unit, int64_t n, ForwardStep& step) {
  ForEachChunk(unit.channels, [&](int64_t first, int64_t count) {
    double scale[kAttentiveChunk];
    double offset[kAttentiveChunk];
    MixParameter(args, arrays.attention, n, first, count, args.gamma, 1, scale);
    MixParameter(args, arrays.attention, n, first, count, args.beta, 0, offset);
    const AttentiveSets::Chunk sets(arrays.sets, n, first, count);
    const int64_t pair = unit.at(n, first);
    Simd().attentive_forward({PairsAt(args.moments, n * unit.channels + first, count),
                              args.one_value(), sets.mean, sets.rho, scale, offset, step.a_ + pair,
                              step.b_ + pair});
  });
}

void Forward(const AttentiveNormForward& args, const ForwardArrays& arrays, const Unit& unit,
             ForwardStep& step) {
  ForEachSample(args, unit, [&](int64_t n) {
    StartLogits(arrays.attention, n);
    ForEachChunk(unit.channels, [&](int64_t first, int64_t count) {
      double scales[kAttentiveChunk];
      AddLogits(args, arrays.attention, n, first, count, scales);
    });
  });
  FinishAttention(arrays.attention, unit, arrays.columns);
  const int64_t from = unit.row * args.mixtures;
  std::transform(arrays.attention.lambda + from,
                 arrays.attention.lambda + from + unit.rows * args.mixtures, args.attention + from,
                 [](double weight) { return static_cast<float>(weight); });
  arrays.sets.Merge(unit);
  ForEachSample(args, unit, [&](int64_t n) { SetCoefficients(args, arrays, unit, n, step); });
}

// new = old + rate * (value - old); `now` is null where the old ones stay.
void Follow(int64_t count, const Statistic* now, double variance_factor, double rate,
            const float* mean, const float* variance, float* new_mean, float* new_variance) {
  if (!new_mean) return;
  for (int64_t i = 0; i < count; ++i) {
    double m = mean[i];
    double v = variance[i];
    if (now) {
      m += rate * (now[i].mean - m);
      v += rate * (now[i].variance * variance_factor - v);
    }
    new_mean[i] = static_cast<float>(m);
    new_variance[i] = static_cast<float>(v);
  }
}

}  // namespace

size_t WorkspaceBytes(const AttentiveNormForward& args) {
  Workspace space;
  ForwardArrays(space, args);
  return space.bytes() + ForwardWorkspaceBytes(args.view, AttentiveCoupling(args));
}

Status Run(const AttentiveNormForward& args, void* workspace) {
  Workspace space(workspace);
  const ForwardArrays arrays(space, args);
  arrays.sets.TakeGiven();
  TakeGivenColumns(arrays.attention);
  RunForward(
      args.view, AttentiveCoupling(args), args.x, args.moments, args.y,
      [&](const Unit& unit, ForwardStep& step) { Forward(args, arrays, unit, step); },
      space.Take<char>(0));
  Follow(args.view.channels, args.batch_of_x() ? arrays.sets.channels : nullptr,
         args.variance_factor(args.values()), args.update_rate, args.moving_mean,
         args.moving_variance, args.new_moving_mean, args.new_moving_variance);
  Follow(args.mixtures, args.batch_of_logits() ? arrays.columns : nullptr,
         args.variance_factor(static_cast<double>(args.view.rows)), args.update_rate,
         args.attention_moving_mean, args.attention_moving_variance, args.new_attention_moving_mean,
         args.new_attention_moving_variance);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
