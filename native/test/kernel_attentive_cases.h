// Cases of attentive_norm.h for kernel_check.
#pragma once

#include "test/attentive_gradient_reference.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct AttentiveCase {
  View view;
  Data data = Data::kNormal;
  int64_t mixtures = 3;
  double epsilon = 1e-5;
  bool gamma = true;
  bool beta = true;
  bool training = true;
  int64_t groups = 0;  // 0: batch backbone
  Squeeze squeeze = Squeeze::kMeanOverDeviation;
  bool unbiased = true;  // of the squeeze and of running variances
  bool bias = false;
  AttentionNorm norm = AttentionNorm::kBatch;
  AttentionActivation activation = AttentionActivation::kHardSigmoid;
  float kernel_scale = 0.5f;
  int shift = 0;  // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[300];
    std::snprintf(text, sizeof text,
                  "attentive [%lld, %lld, %lld] channels %s, K %lld, data %d, gamma %d, beta %d, "
                  "training %d, groups %lld, squeeze %d, unbiased %d, bias %d, norm %d, activation "
                  "%d, kernel %g, shift %d",
                  static_cast<long long>(view.rows), static_cast<long long>(view.positions),
                  static_cast<long long>(view.channels), view.channels_last ? "last" : "first",
                  static_cast<long long>(mixtures), static_cast<int>(data), gamma, beta, training,
                  static_cast<long long>(groups), static_cast<int>(squeeze), unbiased, bias,
                  static_cast<int>(norm), static_cast<int>(activation), kernel_scale, shift);
    return text;
  }
};

// The case's data.
struct AttentiveData {
  const AttentiveCase& c;
  Floats x, dy, gamma, beta, kernel, bias, attention_gamma, attention_beta;
  Floats moving_mean, moving_variance, attention_moving_mean, attention_moving_variance;

  AttentiveData(const AttentiveCase& of, Random& random) : c(of) {
    const int64_t channels = c.view.channels;
    x = random.Of(c.data, c.view.size());
    dy = random.Normal(c.view.size(), 0.1, 1);
    gamma = random.Normal(c.mixtures * channels, 1, 0.5);
    beta = random.Normal(c.mixtures * channels, 0, 0.5);
    kernel = random.Normal(c.mixtures * channels, 0, c.kernel_scale);
    bias = random.Normal(c.mixtures, 0, 1);
    attention_gamma = random.Normal(c.mixtures, 1, 0.5);
    attention_beta = random.Normal(c.mixtures, 0.3, 1);
    moving_mean = random.Of(c.data, channels);
    moving_variance = random.Positive(channels);
    attention_moving_mean = random.Normal(c.mixtures, 0, 1);
    attention_moving_variance = random.Positive(c.mixtures);
  }

  bool normalized() const { return c.norm != AttentionNorm::kNone; }
  bool of_batch() const { return c.norm == AttentionNorm::kBatch; }

  void Fill(AttentiveNorm& args, Memory& memory) const {
    args.view = c.view;
    args.mixtures = c.mixtures;
    args.epsilon = c.epsilon;
    args.training = c.training;
    args.batch_backbone = c.groups == 0;
    args.channels_per_group = c.groups == 0 ? 1 : c.view.channels / c.groups;
    args.squeeze = c.squeeze;
    args.squeeze_epsilon = 1e-3;
    args.unbiased_squeeze_variance = c.unbiased;
    args.attention_norm = c.norm;
    args.attention_activation = c.activation;
    args.x = memory.Put(x, c.shift);
    args.gamma = memory.PutIf(c.gamma, gamma);
    args.beta = memory.PutIf(c.beta, beta);
    args.attention_kernel = memory.Put(kernel);
    args.attention_bias = memory.PutIf(c.bias, bias);
    args.attention_gamma = memory.PutIf(normalized(), attention_gamma);
    args.attention_beta = memory.PutIf(normalized(), attention_beta);
    args.moving_mean = memory.PutIf(c.groups == 0, moving_mean);
    args.moving_variance = memory.PutIf(c.groups == 0, moving_variance);
    args.attention_moving_mean = memory.PutIf(of_batch(), attention_moving_mean);
    args.attention_moving_variance = memory.PutIf(of_batch(), attention_moving_variance);
  }
};

// Gives the moments.
inline Floats CheckAttentiveForward(Results& results, Device device, const AttentiveData& data) {
  const AttentiveCase& c = data.c;
  const View& view = c.view;
  const int64_t weights = view.rows * c.mixtures;
  const auto run = [&] {
    Memory memory(device);
    AttentiveNormForward args;
    data.Fill(args, memory);
    args.y = memory.Poisoned(view.size(), c.shift);
    float* moments = memory.Poisoned(3 * view.pairs());
    args.moments = Moments::From(moments, view.pairs());
    args.new_moving_mean = c.groups == 0 ? memory.Poisoned(view.channels) : nullptr;
    args.new_moving_variance = c.groups == 0 ? memory.Poisoned(view.channels) : nullptr;
    args.new_attention_moving_mean = data.of_batch() ? memory.Poisoned(c.mixtures) : nullptr;
    args.new_attention_moving_variance = data.of_batch() ? memory.Poisoned(c.mixtures) : nullptr;
    args.attention = memory.Poisoned(weights);
    args.update_rate = 0.125;
    args.unbiased = c.unbiased;
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, view.size()),
                               memory.Get(args.attention, weights),
                               memory.Get(args.new_moving_mean, view.channels),
                               memory.Get(args.new_moving_variance, view.channels),
                               memory.Get(args.new_attention_moving_mean, c.mixtures),
                               memory.Get(args.new_attention_moving_variance, c.mixtures),
                               memory.Get(moments, 3 * view.pairs())};
  };
  const std::vector<Floats> got = RunTwice(results, "AttentiveNorm", run);
  Memory host(Device::kHost);
  AttentiveNormForward args;
  data.Fill(args, host);
  args.update_rate = 0.125;
  args.unbiased = c.unbiased;
  const reference::Attentive want = reference::Run(args);
  const char* op = "AttentiveNorm";
  results.Close(op, "y", got[0], want.y);
  results.Close(op, "attention", got[1], want.attention);
  results.Close(op, "moving_mean", got[2], want.moving_mean);
  results.Close(op, "moving_variance", got[3], want.moving_variance);
  results.Close(op, "attention_moving_mean", got[4], want.attention_moving_mean);
  results.Close(op, "attention_moving_variance", got[5], want.attention_moving_variance);
  return got[6];
}

inline void CheckAttentiveNorm(Results& results, Device device, const AttentiveCase& c,
                               Random& random) {
  results.Case(c.Name());
  const AttentiveData data(c, random);
  const View& view = c.view;
  const int64_t matrix = c.mixtures * view.channels;
  const Floats moments = CheckAttentiveForward(results, device, data);
  const auto run = [&] {
    Memory memory(device);
    AttentiveNormBackward args;
    data.Fill(args, memory);
    args.moments = Moments::From(memory.Put(moments), view.pairs());
    args.dy = memory.Put(data.dy, c.shift);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.dgamma = c.gamma ? memory.Poisoned(matrix) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(matrix) : nullptr;
    args.dattention_kernel = memory.Poisoned(matrix);
    args.dattention_bias = c.bias ? memory.Poisoned(c.mixtures) : nullptr;
    args.dattention_gamma = data.normalized() ? memory.Poisoned(c.mixtures) : nullptr;
    args.dattention_beta = data.normalized() ? memory.Poisoned(c.mixtures) : nullptr;
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()),
                               memory.Get(args.dgamma, matrix),
                               memory.Get(args.dbeta, matrix),
                               memory.Get(args.dattention_kernel, matrix),
                               memory.Get(args.dattention_bias, c.mixtures),
                               memory.Get(args.dattention_gamma, c.mixtures),
                               memory.Get(args.dattention_beta, c.mixtures)};
  };
  const std::vector<Floats> got = RunTwice(results, "AttentiveNormGrad", run);
  Memory host(Device::kHost);
  AttentiveNormBackward args;
  data.Fill(args, host);
  args.dy = data.dy.data();
  const reference::AttentiveGradients want = reference::Run(args);
  const char* op = "AttentiveNormGrad";
  results.Close(op, "dx", got[0], want.dx, want.dx_terms);
  if (c.gamma) results.Close(op, "dgamma", got[1], want.dgamma, want.dgamma_terms);
  if (c.beta) results.Close(op, "dbeta", got[2], want.dbeta, want.dgamma_terms);
  results.Close(op, "dattention_kernel", got[3], want.dkernel, want.dkernel_terms);
  if (c.bias) results.Close(op, "dattention_bias", got[4], want.dbias, want.dlogit_terms);
  if (data.normalized()) {
    results.Close(op, "dattention_gamma", got[5], want.dattention_gamma, want.dweight_terms);
    results.Close(op, "dattention_beta", got[6], want.dattention_beta, want.dweight_terms);
  }
}

inline std::vector<AttentiveCase> AwkwardAttentive(bool quick) {
  std::vector<AttentiveCase> cases;
  // Every norm and activation, both backbones and squeezes, training and inference, in turn.
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels, int64_t mixtures,
                       int64_t groups, Data data = Data::kNormal, float kernel_scale = 0.5f) {
    for (const bool last : {true, false}) {
      for (int mode = 0; mode < 6; ++mode) {
        AttentiveCase c;
        c.view = {rows, positions, channels, last};
        c.data = data;
        c.mixtures = mixtures;
        c.groups = mode % 2 == 0 ? 0 : groups;
        c.norm = static_cast<AttentionNorm>(mode / 2);
        c.activation = static_cast<AttentionActivation>((mode + cases.size() / 6) % 3);
        c.training = (mode + cases.size() / 12) % 4 != 2;
        c.squeeze = cases.size() % 5 == 4 ? Squeeze::kMean : Squeeze::kMeanOverDeviation;
        c.unbiased = cases.size() % 4 < 2;
        c.bias = mode < 2 || cases.size() % 7 == 0;
        c.kernel_scale = kernel_scale;
        cases.push_back(c);
      }
    }
  };
  for (const Data data : {Data::kNormal, Data::kOffset, Data::kConstant}) {
    add(4, 35, 12, 5, 3, data);
    add(3, 49, 7, 10, 7, data);
  }
  add(5, 20, 8, 4, 1, Data::kNormal, 1e6f);
  add(3, 9, 4, 3, 2, Data::kNormal, 1e15f);
  add(1, 1, 1, 1, 1);
  add(1, 1, 5, 2, 5);
  add(6, 1, 9, 20, 3);
  add(1, 30, 6, 3, 2);
  add(33, 4, 127, 7, 1);
  add(70, 9, 1, 1, 1);
  if (quick) return cases;
  add(2, 3, 4098, 3, 2);
  add(1, 16384, 8, 2, 4);
  add(700, 3, 8, 33, 4);
  add(2, 600, 320, 10, 32, Data::kOffset);
  add(3, 5000, 20, 3, 1);
  return cases;
}

inline AttentiveCase RandomAttentive(Random& random) {
  AttentiveCase c;
  const int64_t size = random.OneOf<int64_t>({1, 1, 2, 3, 8});
  const int64_t groups = random.OneOf<int64_t>({1, 2, 4, 7, 31});
  c.view = {random.Int(1, 9), random.OneOf<int64_t>({1, 2, 4, 9, 16, 49, 225, 1001}), size * groups,
            random.Bool()};
  c.groups = random.Bool() ? 0 : groups;
  c.mixtures = random.OneOf<int64_t>({1, 2, 5, 8, 20});
  c.data = random.OneOf({Data::kNormal, Data::kNormal, Data::kOffset, Data::kConstant});
  c.epsilon = random.OneOf({1e-3, 1e-5});
  c.gamma = random.Int(0, 3) > 0;
  c.beta = random.Int(0, 3) > 0;
  c.training = random.Int(0, 3) > 0;
  c.squeeze = random.Int(0, 3) > 0 ? Squeeze::kMeanOverDeviation : Squeeze::kMean;
  c.unbiased = random.Bool();
  c.bias = random.Bool();
  c.norm = static_cast<AttentionNorm>(random.Int(0, 2));
  c.activation = static_cast<AttentionActivation>(random.Int(0, 2));
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
