// Host attentive norm, backward: the coefficients of attentive_norm.h on the host pipeline, and the
// gradients of the parameters.
#include "norms/attentive_norm_cpu.h"

namespace tfjs_norm {
namespace host {
namespace {

using attentive::LogitMeans;
using attentive::SetGradient;
using attentive::SlopeRule;
using attentive::Slopes;

struct BackwardArrays {
  Attention attention;
  AttentiveSets sets;
  SetGradient* of_channel;  // [C]: with batch statistics of x
  // [N, C]
  double* scales;  // r
  double* q;       // Q
  double* g0;      // G0
  double* mixed;   // Ga, then s

  BackwardArrays(Workspace& space, const AttentiveNormBackward& args)
      : attention(TakeAttention(space, args)), sets(space, args) {
    const int64_t weights = args.view.rows * args.mixtures;
    attention.d = space.Take<double>(weights);
    attention.dz = space.Take<double>(weights);
    attention.row_rho = space.Take<double>(args.view.rows);
    attention.means = space.Take<LogitMeans>(args.mixtures);
    of_channel = space.Take<SetGradient>(args.batch_of_x() ? args.view.channels : 0);
    for (double** array : {&scales, &q, &g0, &mixed}) {
      *array = space.Take<double>(args.view.pairs());
    }
  }
};

// r, Q, G0, the logits and dlambda of a sample.
void TakeSample(const AttentiveNormBackward& args, const BackwardArrays& arrays, const Unit& unit,
                int64_t n, const BackwardStep& step) {
  const Attention& attention = arrays.attention;
  double* d = attention.d + n * args.mixtures;
  std::fill_n(d, args.mixtures, 0.0);
  StartLogits(attention, n);
  ForEachChunk(unit.channels, [&](int64_t first, int64_t count) {
    double mean[kAttentiveChunk];
    double variance[kAttentiveChunk];
    const int64_t at = n * unit.channels + first;
    const int64_t pair = unit.at(n, first);
    for (int64_t i = 0; i < count; ++i) {
      mean[i] = static_cast<double>(args.moments.hi[at + i]) + args.moments.lo[at + i];
      variance[i] = args.moments.variance[at + i];
    }
    SqueezeScales(SqueezeRule::Of(args), count, variance, arrays.scales + at);
    AddLogits(args, attention, n, first, count, mean, arrays.scales + at);
    AttentiveSets::Walk sets = arrays.sets.From(n, first);
    for (int64_t i = 0; i < count; ++i) {
      const Standard& set = sets.Next();
      const double g0 = step.sum_g[pair + i];
      arrays.g0[at + i] = g0;
      arrays.q[at + i] = set.rho * (step.sum_gx[pair + i] + (mean[i] - set.mean) * g0);
    }
    const auto add = [&](const float* parameter, const double* with) {
      if (!parameter) return;
      Simd().row_products(AttentiveMatrix(args, parameter, first, count), with + at, d);
    };
    add(args.gamma, arrays.q);
    add(args.beta, arrays.g0);
  });
}

// dlambda of the unit's samples -> dz.
void GradAttention(const Attention& attention, const Unit& unit) {
  const int64_t mixtures = attention.mixtures;
  const int64_t end = unit.row + unit.rows;
  for (int64_t n = unit.row; n < end; ++n) attention.ActivationGradRow(n);
  if (attention.batch_of_logits) {
    std::fill_n(attention.means, mixtures, LogitMeans{0, 0});
    for (int64_t i = 0; i < attention.rows * mixtures; ++i) {
      attention.means[i % mixtures].d += attention.d[i];
      attention.means[i % mixtures].dh += attention.d[i] * attention.h[i];
    }
    for (int64_t k = 0; k < mixtures; ++k) {
      attention.means[k].d /= static_cast<double>(attention.rows);
      attention.means[k].dh /= static_cast<double>(attention.rows);
    }
  }
  for (int64_t n = unit.row; n < end; ++n) attention.NormGradRow(n);
}

// Ga of a sample.
void MixSample(const AttentiveNormBackward& args, const BackwardArrays& arrays, int64_t n) {
  double* out = arrays.mixed + n * args.view.channels;
  if (!args.gamma) {
    std::fill_n(out, args.view.channels, 1.0);
    return;
  }
  Simd().mix_rows(AttentiveMatrix(args, args.gamma, 0, args.view.channels),
                  arrays.attention.lambda + n * args.mixtures, 1, out);
}

// P_R / M and Q_R / M of the channels.
void SumChannels(const AttentiveNormBackward& args, const BackwardArrays& arrays) {
  const int64_t channels = args.view.channels;
  const int64_t tasks = (channels + kAttentiveChunk - 1) / kAttentiveChunk;
  const double scale = 1 / args.values();
  ParallelFor(tasks, args.view.pairs(), [&](int64_t task, int) {
    const int64_t first = task * kAttentiveChunk;
    const int64_t end = std::min(first + kAttentiveChunk, channels);
    for (int64_t c = first; c < end; ++c) arrays.of_channel[c] = {0, 0};
    for (int64_t n = 0; n < args.view.rows; ++n) {
      for (int64_t c = first; c < end; ++c) {
        const int64_t at = n * channels + c;
        arrays.of_channel[c].p += arrays.mixed[at] * arrays.g0[at] * scale;
        arrays.of_channel[c].q += arrays.mixed[at] * arrays.q[at] * scale;
      }
    }
  });
}

// The same of the group that starts at channel c of sample n.
SetGradient SumGroup(const AttentiveNormBackward& args, const BackwardArrays& arrays, int64_t n,
                     int64_t c) {
  const double scale = 1 / args.values();
  SetGradient sum = {0, 0};
  const int64_t first = n * args.view.channels + c;
  for (int64_t at = first; at < first + args.channels_per_group; ++at) {
    sum.p += arrays.mixed[at] * arrays.g0[at] * scale;
    sum.q += arrays.mixed[at] * arrays.q[at] * scale;
  }
  return sum;
}

void SetSlopes(const AttentiveNormBackward& args, const BackwardArrays& arrays, const Unit& unit,
               int64_t n, BackwardStep& step) {
  const SlopeRule rule = {SqueezeRule::Of(args), static_cast<double>(args.view.positions),
                          args.one_value()};
  SetGradient set = {0, 0};
  ForEachChunk(unit.channels, [&](int64_t first, int64_t count) {
    double squeezed_gradient[kAttentiveChunk];
    Simd().mix_rows(AttentiveMatrix(args, args.attention_kernel, first, count),
                    arrays.attention.dz + n * args.mixtures, 1, squeezed_gradient);
    AttentiveSets::Walk sets = arrays.sets.From(n, first);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t c = first + i;
      const int64_t at = n * unit.channels + c;
      if (args.batch_of_x()) {
        set = arrays.of_channel[c];
      } else if (!args.batch_backbone && c % args.channels_per_group == 0) {
        set = SumGroup(args, arrays, n, c);
      }
      const double mean = static_cast<double>(args.moments.hi[at]) + args.moments.lo[at];
      const Standard& by = sets.Next();
      const double squeezed = mean * arrays.scales[at];
      const Slopes slopes(rule, set, by.rho, mean - by.mean, arrays.mixed[at], squeezed,
                          arrays.scales[at], squeezed_gradient[i], arrays.g0[at]);
      step.Set(unit.at(n, c), slopes.p, slopes.q, slopes.t);
    }
  });
  // Only now, for a group may go beyond a chunk.
  for (int64_t at = n * unit.channels; at < (n + 1) * unit.channels; ++at) {
    const double mean = static_cast<double>(args.moments.hi[at]) + args.moments.lo[at];
    arrays.mixed[at] = mean * arrays.scales[at];
  }
}

void Backward(const AttentiveNormBackward& args, const BackwardArrays& arrays, const Unit& unit,
              BackwardStep& step) {
  arrays.sets.Merge(unit, [&](int64_t n, int64_t c) {
    const int64_t at = n * args.view.channels + c;
    return Statistic{static_cast<double>(args.moments.hi[at]) + args.moments.lo[at],
                     args.moments.variance[at]};
  });
  ForEachSample(args, unit, [&](int64_t n) { TakeSample(args, arrays, unit, n, step); });
  FinishAttention(arrays.attention, unit, nullptr);
  GradAttention(arrays.attention, unit);
  ForEachSample(args, unit, [&](int64_t n) { MixSample(args, arrays, n); });
  if (args.batch_of_x()) SumChannels(args, arrays);
  ForEachSample(args, unit, [&](int64_t n) { SetSlopes(args, arrays, unit, n, step); });
}

// dgamma, dbeta and dW: few channels at a time, which stay in the nearest cache for all K.
void WriteMatrices(const AttentiveNormBackward& args, const BackwardArrays& arrays) {
  constexpr int64_t kColumns = 64;
  const int64_t channels = args.view.channels;
  const int64_t tasks = (channels + kColumns - 1) / kColumns;
  ParallelFor(tasks, args.view.pairs() * args.mixtures, [&](int64_t task, int) {
    const int64_t first = task * kColumns;
    const int64_t count = std::min(kColumns, channels - first);
    const auto write = [&](const double* weights, const double* values, float* out) {
      if (!out) return;
      for (int64_t k = 0; k < args.mixtures; ++k) {
        double sums[kColumns];
        Simd().mix_wide_rows({args.view.rows, count, channels, values + first}, weights + k,
                             args.mixtures, sums);
        for (int64_t i = 0; i < count; ++i) {
          out[k * channels + first + i] = static_cast<float>(sums[i]);
        }
      }
    };
    write(arrays.attention.lambda, arrays.q, args.dgamma);
    write(arrays.attention.lambda, arrays.g0, args.dbeta);
    write(arrays.attention.dz, arrays.mixed, args.dattention_kernel);
  });
}

void WriteVectors(const AttentiveNormBackward& args, const Attention& attention) {
  for (int64_t k = 0; k < args.mixtures; ++k) {
    double gamma = 0;
    double beta = 0;
    double bias = 0;
    for (int64_t at = k; at < args.view.rows * args.mixtures; at += args.mixtures) {
      gamma += attention.d[at] * attention.h[at];
      beta += attention.d[at];
      bias += attention.dz[at];
    }
    if (args.dattention_gamma) args.dattention_gamma[k] = static_cast<float>(gamma);
    if (args.dattention_beta) args.dattention_beta[k] = static_cast<float>(beta);
    if (args.dattention_bias) args.dattention_bias[k] = static_cast<float>(bias);
  }
}

}  // namespace

size_t WorkspaceBytes(const AttentiveNormBackward& args) {
  Workspace space;
  BackwardArrays(space, args);
  return space.bytes() + BackwardWorkspaceBytes(args.view, AttentiveCoupling(args));
}

Status Run(const AttentiveNormBackward& args, void* workspace) {
  Workspace space(workspace);
  const BackwardArrays arrays(space, args);
  arrays.sets.TakeGiven();
  TakeGivenColumns(arrays.attention);
  RunBackward(
      args.view, AttentiveCoupling(args), args.dy, args.x, args.moments, args.dx, {},
      [&](const Unit& unit, BackwardStep& step) { Backward(args, arrays, unit, step); },
      space.Take<char>(0));
  WriteMatrices(args, arrays);
  WriteVectors(args, arrays.attention);
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
