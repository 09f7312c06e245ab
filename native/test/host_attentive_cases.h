// Attentive norm for the host tests, beside the cases of host_cases.h.
#pragma once

#include "test/attentive_gradient_reference.h"
#include "test/host_cases.h"

namespace tfjs_norm::test {

struct AttentiveCase {
  View view;
  int64_t mixtures = 5;
  int64_t groups = 0;  // 0: batch backbone
  AttentionNorm norm = AttentionNorm::kBatch;
  AttentionActivation activation = AttentionActivation::kHardSigmoid;

  std::string name() const {
    return "attentive [" + std::to_string(view.rows) + "," + std::to_string(view.positions) + "," +
           std::to_string(view.channels) + "] " + (view.channels_last ? "last" : "first") + " K " +
           std::to_string(mixtures) + " groups " + std::to_string(groups) + " norm " +
           std::to_string(static_cast<int>(norm)) + " on " + host::Simd().name;
  }
};

// Inputs and outputs of one forward and one backward call.
struct AttentiveRun {
  Array x, dy, gamma, beta, kernel, attention_gamma, attention_beta;
  Array old_mean, old_variance, old_logit_mean, old_logit_variance;
  Array y, attention, moments, new_mean, new_variance, new_logit_mean, new_logit_variance;
  Array dx, dgamma, dbeta, dkernel, dattention_gamma, dattention_beta;
  AttentiveNormForward forward;
  AttentiveNormBackward backward;

  explicit AttentiveRun(const AttentiveCase& c)
      : x(Random(c.view.size(), 0.5, 1.5)),
        dy(Random(c.view.size())),
        gamma(Random(c.mixtures * c.view.channels, 1, 0.5)),
        beta(Random(c.mixtures * c.view.channels)),
        kernel(Random(c.mixtures * c.view.channels, 0, 0.5)),
        attention_gamma(Random(c.mixtures, 1, 0.3)),
        attention_beta(Random(c.mixtures)),
        old_mean(Random(c.view.channels)),
        old_variance(Random(c.view.channels, 2, 0.1)),
        old_logit_mean(Random(c.mixtures)),
        old_logit_variance(Random(c.mixtures, 2, 0.1)),
        y(c.view.size(), Uniform(0, 3)),
        attention(c.view.rows * c.mixtures),
        moments(3 * c.view.pairs()),
        new_mean(c.view.channels),
        new_variance(c.view.channels),
        new_logit_mean(c.mixtures),
        new_logit_variance(c.mixtures),
        dx(c.view.size(), Uniform(0, 3)),
        dgamma(gamma.size()),
        dbeta(gamma.size()),
        dkernel(gamma.size()),
        dattention_gamma(c.mixtures),
        dattention_beta(c.mixtures) {
    for (AttentiveNorm* args :
         {static_cast<AttentiveNorm*>(&forward), static_cast<AttentiveNorm*>(&backward)}) {
      args->view = c.view;
      args->mixtures = c.mixtures;
      args->epsilon = 1e-3;
      args->squeeze_epsilon = 1e-3;
      args->batch_backbone = c.groups == 0;
      args->channels_per_group = c.groups == 0 ? 1 : c.view.channels / c.groups;
      args->attention_norm = c.norm;
      args->attention_activation = c.activation;
      args->x = x.data();
      args->gamma = gamma.data();
      args->beta = beta.data();
      args->attention_kernel = kernel.data();
      args->attention_gamma = c.norm == AttentionNorm::kNone ? nullptr : attention_gamma.data();
      args->attention_beta = c.norm == AttentionNorm::kNone ? nullptr : attention_beta.data();
      args->moving_mean = c.groups == 0 ? old_mean.data() : nullptr;
      args->moving_variance = c.groups == 0 ? old_variance.data() : nullptr;
      const bool batch = c.norm == AttentionNorm::kBatch;
      args->attention_moving_mean = batch ? old_logit_mean.data() : nullptr;
      args->attention_moving_variance = batch ? old_logit_variance.data() : nullptr;
      args->moments = Moments::From(moments.data(), c.view.pairs());
    }
    forward.y = y.data();
    forward.attention = attention.data();
    if (c.groups == 0) {
      forward.new_moving_mean = new_mean.data();
      forward.new_moving_variance = new_variance.data();
    }
    if (c.norm == AttentionNorm::kBatch) {
      forward.new_attention_moving_mean = new_logit_mean.data();
      forward.new_attention_moving_variance = new_logit_variance.data();
    }
    forward.update_rate = 0.1;
    backward.dy = dy.data();
    backward.dx = dx.data();
    backward.dgamma = dgamma.data();
    backward.dbeta = dbeta.data();
    backward.dattention_kernel = dkernel.data();
    backward.dattention_gamma = dattention_gamma.data();
    backward.dattention_beta = dattention_beta.data();
  }

  AttentiveRun(const AttentiveRun&) = delete;

  void Go() {
    RunOn(forward);
    RunOn(backward);
  }
};

// One unit that all threads share, units of one sample each, more channels than a chunk, few
// samples with many mixtures.
inline std::vector<AttentiveCase> AttentiveCases() {
  std::vector<AttentiveCase> cases;
  for (const bool last : {true, false}) {
    cases.push_back({MakeView(6, 700, 64, last), 10});
    cases.push_back({MakeView(16, 300, 64, last), 4, 8, AttentionNorm::kLayer});
    cases.push_back(
        {MakeView(9, 20, 1300, last), 3, 1, AttentionNorm::kNone, AttentionActivation::kSoftmax});
    cases.push_back({MakeView(12, 9, 1037, last), 20, 17, AttentionNorm::kBatch,
                     AttentionActivation::kSigmoid});
    cases.push_back({MakeView(300, 1, 33, last), 7});
  }
  return cases;
}

inline void CheckAttentive(const AttentiveCase& c) {
  AttentiveRun run(c);
  run.Go();
  const std::string name = c.name();
  const reference::Attentive forward = reference::Run(run.forward);
  ExpectNear(run.y, forward.y, name + " y");
  ExpectNear(run.attention, forward.attention, name + " attention");
  const reference::AttentiveGradients backward = reference::Run(run.backward);
  ExpectNear(run.dx, backward.dx, name + " dx", backward.dx_terms);
  ExpectNear(run.dgamma, backward.dgamma, name + " dgamma", backward.dgamma_terms);
  ExpectNear(run.dbeta, backward.dbeta, name + " dbeta", backward.dgamma_terms);
  ExpectNear(run.dkernel, backward.dkernel, name + " dkernel", backward.dkernel_terms);
}

}  // namespace tfjs_norm::test
