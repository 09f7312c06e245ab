// Host attentive norm, backward: the coefficients of attentive_norm.h on the host pipeline, and the
// gradients of the parameters.
#include "norms/attentive_norm_cpu.h"

namespace tfjs_norm {
namespace host {
namespace {

using attentive::LogitMeans;
using attentive::SlopeRule;

struct BackwardArrays {
  Attention attention;
  AttentiveSets sets;
  double* channel_p;  // [C]: P_R / M and Q_R / M with batch statistics of x, 0 with given ones
  double* channel_q;
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
    for (double** array : {&channel_p, &channel_q}) {
      *array = space.Take<double>(args.batch_backbone ? args.view.channels : 0);
    }
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
    const int64_t at = n * unit.channels + first;
    const int64_t pair = unit.at(n, first);
    AddLogits(args, attention, n, first, count, arrays.scales + at);
    const AttentiveSets::Chunk sets(arrays.sets, n, first, count);
    Simd().attentive_gradients({PairsAt(args.moments, at, count), sets.mean, sets.rho,
                                step.sum_g + pair, step.sum_gx + pair, arrays.q + at,
                                arrays.g0 + at});
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

// Ga of the unit, and what the sets need of it.
void MixScales(const AttentiveNormBackward& args, const BackwardArrays& arrays, const Unit& unit) {
  const double scale = 1 / args.values();
  ForEachChannelBlock(unit, [&](int64_t, int64_t first, int64_t count) {
    double* sums[] = {arrays.channel_p + first, arrays.channel_q + first};
    for (int64_t n = unit.row; n < unit.row + unit.rows; ++n) {
      const int64_t at = n * unit.channels + first;
      MixParameter(args, arrays.attention, n, first, count, args.gamma, 1, arrays.mixed + at);
      if (!args.batch_of_x()) continue;
      if (n == 0) {
        for (double* sum : sums) std::fill_n(sum, count, 0.0);
      }
      Simd().attentive_channel_sums(
          {count, arrays.mixed + at, arrays.g0 + at, arrays.q + at, sums[0], sums[1]});
    }
    for (double* sum : sums) {
      for (int64_t i = 0; args.batch_of_x() && i < count; ++i) sum[i] *= scale;
    }
  });
}

// P_R / M and Q_R / M of sample n's groups from channel `first` on, for each channel of a chunk.
// The arrays hold those of the chunk before, whose last group may go on.
void SumGroups(const AttentiveNormBackward& args, const BackwardArrays& arrays, int64_t n,
               int64_t first, int64_t count, double* p, double* q) {
  const double scale = 1 / args.values();
  const int64_t size = args.channels_per_group;
  double sum_p = p[kAttentiveChunk - 1];
  double sum_q = q[kAttentiveChunk - 1];
  for (int64_t i = 0; i < count; ++i) {
    if ((first + i) % size == 0) {
      sum_p = sum_q = 0;
      const int64_t from = n * args.view.channels + first + i;
      for (int64_t at = from; at < from + size; ++at) {
        sum_p += arrays.mixed[at] * arrays.g0[at] * scale;
        sum_q += arrays.mixed[at] * arrays.q[at] * scale;
      }
    }
    p[i] = sum_p;
    q[i] = sum_q;
  }
}

void SetSlopes(const AttentiveNormBackward& args, const BackwardArrays& arrays, const Unit& unit,
               int64_t n, BackwardStep& step) {
  const SlopeRule rule = {SqueezeRule::Of(args), static_cast<double>(args.view.positions),
                          args.one_value()};
  double group_p[kAttentiveChunk];
  double group_q[kAttentiveChunk];
  group_p[kAttentiveChunk - 1] = group_q[kAttentiveChunk - 1] = 0;
  ForEachChunk(unit.channels, [&](int64_t first, int64_t count) {
    double squeezed_gradient[kAttentiveChunk];
    Simd().mix_rows(AttentiveMatrix(args, args.attention_kernel, first, count),
                    arrays.attention.dz + n * args.mixtures, 1, squeezed_gradient);
    const int64_t at = n * unit.channels + first;
    const int64_t pair = unit.at(n, first);
    const AttentiveSets::Chunk sets(arrays.sets, n, first, count);
    AttentiveBackwardStep slopes = {};
    slopes.pairs = PairsAt(args.moments, at, count);
    slopes.rule = &rule;
    slopes.set_mean = sets.mean;
    slopes.set_rho = sets.rho;
    if (args.batch_backbone) {
      slopes.set_p = arrays.channel_p + first;
      slopes.set_q = arrays.channel_q + first;
    } else {
      SumGroups(args, arrays, n, first, count, group_p, group_q);
      slopes.set_p = group_p;
      slopes.set_q = group_q;
    }
    slopes.scales = arrays.scales + at;
    slopes.squeezed_gradient = squeezed_gradient;
    slopes.g0 = arrays.g0 + at;
    slopes.mixed = arrays.mixed + at;
    slopes.p = step.p_ + pair;
    slopes.q = step.q_ + pair;
    slopes.t = step.t_ + pair;
    Simd().attentive_backward(slopes);
  });
}

void Backward(const AttentiveNormBackward& args, const BackwardArrays& arrays, const Unit& unit,
              BackwardStep& step) {
  arrays.sets.Merge(unit);
  ForEachSample(args, unit, [&](int64_t n) { TakeSample(args, arrays, unit, n, step); });
  FinishAttention(arrays.attention, unit, nullptr);
  GradAttention(arrays.attention, unit);
  MixScales(args, arrays, unit);
  ForEachSample(args, unit, [&](int64_t n) { SetSlopes(args, arrays, unit, n, step); });
}

// dgamma, dbeta and dW: few channels at a time, which stay in the nearest cache for all K.
void WriteMatrices(const AttentiveNormBackward& args, const BackwardArrays& arrays) {
  constexpr int64_t kColumns = 64;
  const int64_t channels = args.view.channels;
  const int64_t tasks = CeilDiv(channels, kColumns);
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
  if (args.given()) {
    for (double* sums : {arrays.channel_p, arrays.channel_q}) {
      std::fill_n(sums, args.view.channels, 0.0);
    }
  }
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
