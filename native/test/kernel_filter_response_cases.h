// Cases of filter_response_norm.h for kernel_check.
#pragma once

#include "test/filter_response_reference.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

enum class LearnedEpsilon { kNone, kOne, kOfChannel };

struct FilterResponseCase {
  View view;
  Data data = Data::kNormal;
  double epsilon = 1e-6;
  LearnedEpsilon learned = LearnedEpsilon::kNone;
  bool gamma = true;
  bool beta = true;
  bool tau = true;
  bool ties = false;  // x is 0 half of the time, where y = beta = tau
  int shift = 0;      // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[240];
    std::snprintf(text, sizeof text,
                  "filter response [%lld, %lld, %lld] channels %s, data %d, epsilon %g, learned "
                  "%d, gamma %d, beta %d, tau %d, ties %d, shift %d",
                  static_cast<long long>(view.rows), static_cast<long long>(view.positions),
                  static_cast<long long>(view.channels), view.channels_last ? "last" : "first",
                  static_cast<int>(data), epsilon, static_cast<int>(learned), gamma, beta, tau,
                  ties, shift);
    return text;
  }
};

// A case's inputs, on a device or as the reference takes them.
struct FilterResponseInputs {
  const FilterResponseCase& c;
  Floats x, dy, gamma, beta, tau, learned;

  FilterResponseInputs(const FilterResponseCase& of, Random& random) : c(of) {
    const int64_t channels = c.view.channels;
    x = random.Of(c.data, c.view.size());
    dy = random.Normal(c.view.size(), 0.1, 1);
    gamma = random.Normal(channels, 1, 0.5);
    beta = random.Normal(channels, 0, 0.5);
    learned = random.Normal(c.learned == LearnedEpsilon::kOfChannel ? channels : 1, 0, 0.1);
    if (c.ties) {
      tau = c.beta ? beta : Floats(channels, 0);
      for (float& value : gamma) value = std::copysign(std::max(std::fabs(value), 0.1f), value);
      for (float& value : x) value = value < 1e-3f ? 0 : value;
    } else if (c.tau) {
      Part(random);
    }
  }

  void Fill(FilterResponseNorm& args, Memory& memory) const {
    args.view = c.view;
    args.x = memory.Put(x, c.shift);
    auto& parameters = args.parameters;
    parameters.gamma = memory.PutIf(c.gamma, gamma);
    parameters.beta = memory.PutIf(c.beta, beta);
    parameters.tau = memory.PutIf(c.tau, tau);
    parameters.learned_epsilon = memory.PutIf(c.learned != LearnedEpsilon::kNone, learned);
    parameters.epsilon_of_channel = c.learned == LearnedEpsilon::kOfChannel;
    parameters.epsilon = c.epsilon;
  }

 private:
  // tau amid the outputs of a channel. Where float32 cannot tell on which side one lies, dy is 0.
  void Part(Random& random) {
    Memory memory(Device::kHost);
    FilterResponseNorm args;
    tau.assign(c.view.channels, 0);
    Fill(args, memory);
    args.parameters.tau = nullptr;
    const bool equal = c.view.positions == 1 || c.data == Data::kConstant;
    reference::ForEachResponse(args, [&](const reference::FilterResponsePair& pair, int64_t n,
                                         int64_t channel) {
      const auto z = [&](int64_t s) { return pair.Z(x[reference::Offset(c.view, n, s, channel)]); };
      if (n == 0) {
        const float off = equal ? random.OneOf({-0.3f, 0.3f}) : 0;
        tau[channel] = static_cast<float>(z(random.Int(0, c.view.positions - 1))) + off;
      }
      const double bound = tau[channel];
      for (int64_t s = 0; s < c.view.positions; ++s) {
        const bool near = std::fabs(z(s) - bound) < 1e-6 * std::max(1.0, std::fabs(bound));
        if (near) dy[reference::Offset(c.view, n, s, channel)] = 0;
      }
    });
  }
};

inline Floats Scaled(const Floats& values, double scale) {
  Floats out = values;
  for (float& value : out) value = static_cast<float>(value * scale);
  return out;
}

inline reference::Values Scaled(reference::Values values, double scale) {
  for (double& value : values) value *= scale;
  return values;
}

inline void CheckFilterResponseNorm(Results& results, Device device, const FilterResponseCase& c,
                                    Random& random) {
  results.Case(c.Name());
  const View& view = c.view;
  const int64_t channels = view.channels;
  const int64_t pairs = view.pairs();
  const FilterResponseInputs inputs(c, random);
  const auto run_forward = [&] {
    Memory memory(device);
    FilterResponseNormForward args;
    inputs.Fill(args, memory);
    args.y = memory.Poisoned(view.size(), c.shift);
    float* saved = memory.Poisoned(3 * pairs);
    args.saved = FilterResponses::From(saved, pairs);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.y, view.size()), memory.Get(saved, 3 * pairs)};
  };
  const std::vector<Floats> got = RunTwice(results, "FilterResponseNorm", run_forward);
  Memory host(Device::kHost);
  FilterResponseNormForward forward;
  inputs.Fill(forward, host);
  const reference::FilterResponse want = reference::Run(forward);
  results.Close("FilterResponseNorm", "y", got[0], want.y);
  results.Close("FilterResponseNorm", "mean_square", Floats(got[1].begin(), got[1].begin() + pairs),
                want.mean_square);

  const auto run_backward = [&] {
    Memory memory(device);
    FilterResponseNormBackward args;
    inputs.Fill(args, memory);
    args.parameters.beta = nullptr;
    args.saved = FilterResponses::From(memory.Put(got[1]), pairs);
    args.dy = memory.Put(inputs.dy, c.shift);
    args.dx = memory.Poisoned(view.size(), c.shift);
    args.dgamma = c.gamma ? memory.Poisoned(channels) : nullptr;
    args.dbeta = c.beta ? memory.Poisoned(channels) : nullptr;
    args.dtau = c.tau ? memory.Poisoned(channels) : nullptr;
    const int64_t learned = static_cast<int64_t>(inputs.learned.size());
    if (args.parameters.learned_epsilon) args.dlearned_epsilon = memory.Poisoned(learned);
    results.Succeeded(RunOn(device, args, memory));
    return std::vector<Floats>{memory.Get(args.dx, view.size()), memory.Get(args.dgamma, channels),
                               memory.Get(args.dbeta, channels), memory.Get(args.dtau, channels),
                               memory.Get(args.dlearned_epsilon, learned)};
  };
  const std::vector<Floats> gradients = RunTwice(results, "FilterResponseNormGrad", run_backward);
  FilterResponseNormBackward backward;
  inputs.Fill(backward, host);
  backward.dy = inputs.dy.data();
  const reference::FilterResponseGradients wanted = reference::Run(backward);
  const float* gamma = c.gamma ? inputs.gamma.data() : nullptr;
  const double rho = wanted.largest_rho;
  const char* op = "FilterResponseNormGrad";
  // Gradients of values around 1e4 are of size 1e-4.
  const double scale = rho > 0 ? std::max(1.0, 1 / rho) : 1;
  results.Close(op, "dx", Scaled(gradients[0], scale), Scaled(wanted.dx, scale),
                scale * rho * LargestProduct(inputs.dy, gamma, channels));
  if (c.gamma) results.Close(op, "dgamma", gradients[1], wanted.dgamma);
  if (c.beta) results.Close(op, "dbeta", gradients[2], wanted.dbeta);
  if (c.tau) results.Close(op, "dtau", gradients[3], wanted.dtau);
  if (c.learned != LearnedEpsilon::kNone) {
    const double square = scale * scale;
    results.Close(op, "dlearned_epsilon", Scaled(gradients[4], square),
                  Scaled(wanted.dlearned_epsilon, square), square * wanted.epsilon_terms);
  }
  if (view.positions == 1) {
    // Not a difference of two products: the smallest gradient is right to its last digits.
    bool relative = true;
    for (size_t i = 0; i < wanted.dx.size(); ++i) {
      relative &= std::fabs(gradients[0][i] - wanted.dx[i]) <= 1e-6 * std::fabs(wanted.dx[i]);
    }
    results.That(relative, "FilterResponseNormGrad dx of one position to float32");
  }
}

// A NaN in x makes its own pair NaN, one in tau its channel; a pair of zeros without epsilon gives
// beta.
inline void CheckFilterResponseEdges(Results& results, Device device) {
  for (const bool last : {true, false}) {
    const View view = {3, 10, 8, last};
    results.Case(last ? "filter response edges, channels last" : "filter response edges, first");
    Memory memory(device);
    Floats x(view.size(), 2);
    Floats tau(8, 0.25f);
    for (int64_t s = 0; s < 10; ++s) x[reference::Offset(view, 1, s, 2)] = 0;
    x[reference::Offset(view, 2, 3, 4)] = NAN;
    tau[6] = NAN;
    FilterResponseNormForward args;
    args.view = view;
    args.x = memory.Put(x);
    args.parameters.tau = memory.Put(tau);
    args.parameters.learned_epsilon = memory.Put({0});
    float* saved = memory.Poisoned(3 * view.pairs());
    args.saved = FilterResponses::From(saved, view.pairs());
    args.y = memory.Poisoned(view.size());
    results.Succeeded(RunOn(device, args, memory));
    const Floats y = memory.Get(args.y, view.size());
    FilterResponseNormBackward backward;
    static_cast<FilterResponseNorm&>(backward) = args;
    backward.dy = memory.Put(Floats(view.size(), 1));
    backward.dx = memory.Poisoned(view.size());
    backward.dtau = memory.Poisoned(8);
    results.Succeeded(RunOn(device, backward, memory));
    const Floats dx = memory.Get(backward.dx, view.size());
    const Floats dtau = memory.Get(backward.dtau, 8);
    bool contained = true;
    bool zeros = true;
    for (int64_t n = 0; n < 3; ++n) {
      for (int64_t c = 0; c < 8; ++c) {
        for (int64_t s = 0; s < 10; ++s) {
          const int64_t i = reference::Offset(view, n, s, c);
          const bool broken = c == 6 || (n == 2 && c == 4);
          contained &= std::isnan(y[i]) == broken && std::isnan(dx[i]) == (n == 2 && c == 4);
          if (n == 1 && c == 2) zeros &= y[i] == 0.25f && dx[i] == 0;
        }
      }
    }
    results.That(contained, "FilterResponseNorm NaN where it belongs");
    results.That(zeros, "FilterResponseNorm of zeros without epsilon");
    results.That(dtau[2] == 10 && dtau[0] == 0, "FilterResponseNormGrad dtau of zeros");
  }
}

inline std::vector<FilterResponseCase> AwkwardFilterResponses(bool quick) {
  std::vector<FilterResponseCase> cases;
  int number = 0;
  const auto add = [&](int64_t rows, int64_t positions, int64_t channels, Data data = Data::kNormal,
                       bool ties = false) {
    for (const bool last : {true, false}) {
      for (const LearnedEpsilon learned :
           {LearnedEpsilon::kNone, LearnedEpsilon::kOne, LearnedEpsilon::kOfChannel}) {
        FilterResponseCase c;
        c.view = {rows, positions, channels, last};
        c.data = data;
        c.learned = learned;
        c.epsilon = learned == LearnedEpsilon::kOfChannel ? 0 : 1e-6;
        c.ties = ties;
        c.tau = ties || ++number % 4 != 0;
        cases.push_back(c);
      }
    }
  };
  for (const Data data : {Data::kNormal, Data::kOffset, Data::kConstant}) {
    add(4, 35, 12, data);
    add(3, 49, 7, data);
  }
  add(3, 49, 12, Data::kNormal, true);
  add(2, 500, 7, Data::kNormal, true);
  add(1, 1, 1);
  add(6, 1, 9);
  add(6, 1, 8, Data::kOffset);
  add(1, 30, 6);
  add(33, 4, 127);
  add(70, 9, 1);
  if (quick) return cases;
  add(2, 3, 4097);
  add(1, 16384, 8);
  add(700, 3, 8);
  add(2, 600, 320, Data::kOffset);
  add(3, 5000, 20, Data::kNormal, true);
  return cases;
}

inline FilterResponseCase RandomFilterResponse(Random& random) {
  FilterResponseCase c;
  c.view = {random.Int(1, 9), random.OneOf<int64_t>({1, 2, 4, 9, 16, 49, 225, 1001}),
            random.OneOf<int64_t>({1, 2, 3, 7, 8, 16, 31, 64}), random.Bool()};
  c.data = random.OneOf({Data::kNormal, Data::kNormal, Data::kOffset, Data::kConstant});
  c.learned =
      random.OneOf({LearnedEpsilon::kNone, LearnedEpsilon::kOne, LearnedEpsilon::kOfChannel});
  c.epsilon = c.learned == LearnedEpsilon::kNone ? 1e-6 : random.OneOf({0.0, 1e-6, 1e-3});
  c.gamma = random.Bool();
  c.beta = random.Bool();
  c.ties = random.Int(0, 3) == 0 && c.data == Data::kNormal;
  c.tau = c.ties || random.Bool();
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
