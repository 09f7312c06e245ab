// Cases of weight_norm.h for kernel_check.
#pragma once

#include "core/thread_pool.h"
#include "test/kernel_runner.h"
#include "test/weight_reference.h"

namespace tfjs_norm::test {

struct WeightCase {
  std::vector<WeightView> views;
  WeightNormSettings settings{Divisor::kNorm, false, 1e-12};
  Data data = Data::kNormal;
  bool gamma = true;
  int shift = 0;  // of x, y, dy and dx from a 256-byte boundary, in floats

  std::string Name() const {
    char text[160];
    std::snprintf(text, sizeof text, "divisor %d, center %d, eps %g, data %d, gamma %d, shift %d",
                  static_cast<int>(settings.divisor), settings.center, settings.epsilon,
                  static_cast<int>(data), gamma, shift);
    std::string name = "weights ";
    for (const WeightView& view : views) {
      name += "[" + std::to_string(view.outer) + "," + std::to_string(view.kept) + "," +
              std::to_string(view.inner) + "] ";
    }
    return name + text;
  }
};

// The arrays of a case, and its runs on a device; `only` runs that one weight.
class WeightRun {
 public:
  WeightRun(Device device, const WeightCase& c, Random& random) : device_(device), case_(c) {
    for (const WeightView& view : c.views) {
      // Zeros stay zeros, and a column of them is where the norm is clamped.
      Floats x = random.Of(c.data, view.size());
      if (c.data == Data::kConstant) std::fill(x.begin(), x.end(), x.size() % 2 ? 0.0f : 0.25f);
      x_.push_back(x);
      dy_.push_back(random.Normal(view.size(), 0.1, 1));
      gamma_.push_back(random.Normal(view.kept, 1, 0.5));
    }
  }

  // y of each weight, then the moments.
  std::vector<Floats> Forward(Results& results, int only = -1) const {
    Memory memory(device_);
    WeightNormForward args;
    args.settings = case_.settings;
    int64_t entries = 0;
    for (const size_t i : Chosen(only)) {
      const WeightView& view = case_.views[i];
      args.weights.push_back({view, memory.Put(x_[i], case_.shift),
                              memory.PutIf(case_.gamma, gamma_[i]),
                              memory.Poisoned(view.size(), case_.shift)});
      entries += view.kept;
    }
    float* moments = memory.Poisoned(3 * entries);
    args.moments = Moments::From(moments, entries);
    results.Succeeded(RunOn(device_, args, memory));
    std::vector<Floats> outputs;
    for (const auto& weight : args.weights) {
      outputs.push_back(memory.Get(weight.y, weight.view.size()));
    }
    outputs.push_back(memory.Get(moments, 3 * entries));
    return outputs;
  }

  // dx and dgamma of each weight in turn.
  std::vector<Floats> Backward(Results& results, const Floats& moments, int only = -1) const {
    Memory memory(device_);
    WeightNormBackward args;
    args.settings = case_.settings;
    for (const size_t i : Chosen(only)) {
      const WeightView& view = case_.views[i];
      args.weights.push_back({view, memory.Put(dy_[i], case_.shift), memory.Put(x_[i], case_.shift),
                              memory.PutIf(case_.gamma, gamma_[i]),
                              memory.Poisoned(view.size(), case_.shift),
                              case_.gamma ? memory.Poisoned(view.kept) : nullptr});
    }
    args.moments = Moments::From(memory.Put(moments), static_cast<int64_t>(moments.size()) / 3);
    results.Succeeded(RunOn(device_, args, memory));
    std::vector<Floats> outputs;
    for (const auto& weight : args.weights) {
      outputs.push_back(memory.Get(weight.dx, weight.view.size()));
      outputs.push_back(memory.Get(weight.dgamma, weight.view.kept));
    }
    return outputs;
  }

  reference::WeightNorm Reference(size_t i) const {
    return reference::Run(case_.settings, case_.views[i], x_[i].data(),
                          case_.gamma ? gamma_[i].data() : nullptr, dy_[i].data());
  }
  const Floats& x(size_t i) const { return x_[i]; }
  double LargestGradient(size_t i) const { return LargestProduct(dy_[i], nullptr, 0); }

 private:
  std::vector<size_t> Chosen(int only) const {
    std::vector<size_t> all;
    for (size_t i = 0; i < case_.views.size(); ++i) {
      if (only < 0 || i == static_cast<size_t>(only)) all.push_back(i);
    }
    return all;
  }

  Device device_;
  const WeightCase& case_;
  std::vector<Floats> x_, dy_, gamma_;
};

inline void CheckWeightNorm(Results& results, Device device, const WeightCase& c, Random& random) {
  results.Case(c.Name());
  const WeightRun run(device, c, random);
  const std::vector<Floats> got =
      RunTwice(results, "WeightNorm", [&] { return run.Forward(results); });
  const std::vector<Floats> gradients =
      RunTwice(results, "WeightNormGrad", [&] { return run.Backward(results, got.back()); });
  if (device == Device::kHost) {
    host::LimitThreads(1);
    const std::vector<Floats> alone = run.Forward(results);
    const std::vector<Floats> own = run.Backward(results, alone.back());
    host::LimitThreads(0);
    for (size_t i = 0; i < got.size(); ++i) {
      results.That(SameBits(alone[i], got[i]), "WeightNorm the same on one thread");
    }
    for (size_t i = 0; i < own.size(); ++i) {
      results.That(SameBits(own[i], gradients[i]), "WeightNormGrad the same on one thread");
    }
  }
  for (size_t i = 0; i < c.views.size(); ++i) {
    const reference::WeightNorm want = run.Reference(i);
    results.Close("WeightNorm", "y", got[i], want.y);
    results.Close("WeightNormGrad", "dx", gradients[2 * i], want.dx,
                  want.largest_scale * run.LargestGradient(i));
    // A sum of fan-in terms, which may cancel; and a rounding of the center, 2^-24 of the
    // deviation, meets the sum of dy.
    const double terms =
        std::sqrt(static_cast<double>(c.views[i].fan())) + 0.06 * want.largest_gradient_sum;
    if (c.gamma) {
      results.Close("WeightNormGrad", "dgamma", gradients[2 * i + 1], want.dgamma, terms);
    }
    bool zeros = true;
    for (size_t k = 0; k < got[i].size(); ++k) zeros &= run.x(i)[k] != 0 || got[i][k] == 0;
    results.That(c.settings.center || zeros, "WeightNorm y is 0 where x is");
    if (c.views.size() == 1) continue;
    const std::vector<Floats> alone = run.Forward(results, static_cast<int>(i));
    results.That(SameBits(alone[0], got[i]), "WeightNorm y has the bits of a call of its own");
    const std::vector<Floats> own = run.Backward(results, alone[1], static_cast<int>(i));
    results.That(SameBits(own[0], gradients[2 * i]) && SameBits(own[1], gradients[2 * i + 1]),
                 "WeightNormGrad has the bits of a call of its own");
  }
}

// The kernels of ResNet-50: 54 weights, 25.5 million values.
inline std::vector<WeightView> ResNet50() {
  std::vector<WeightView> views = {{7 * 7 * 3, 64, 1}};
  int64_t channels = 64;
  const std::vector<std::pair<int64_t, int>> stages = {{64, 3}, {128, 4}, {256, 6}, {512, 3}};
  for (const auto& [width, blocks] : stages) {
    views.push_back({channels, 4 * width, 1});  // the shortcut
    for (int block = 0; block < blocks; ++block) {
      views.push_back({channels, width, 1});
      views.push_back({9 * width, width, 1});
      views.push_back({width, 4 * width, 1});
      channels = 4 * width;
    }
  }
  views.push_back({channels, 1000, 1});
  return views;
}

// All of ResNet-50 is one launch forward and one backward. What they compute does not matter here:
// the weights share their memory.
inline void CheckLaunchesOfResNet50(Results& results, Device device) {
  const std::vector<WeightView> views = ResNet50();
  results.Case("the weights of ResNet-50");
  results.That(views.size() == 54, "54 weights");
  int64_t largest = 0;
  int64_t entries = 0;
  for (const WeightView& view : views) {
    largest = std::max(largest, view.size());
    entries += view.kept;
  }
  Memory memory(device);
  const float* x = memory.Poisoned(largest);
  float* y = memory.Poisoned(largest);
  const float* gamma = memory.Poisoned(2048);
  float* dgamma = memory.Poisoned(2048);
  const WeightNormSettings settings{Divisor::kNorm, false, 1e-12};
  const Moments moments = Moments::From(memory.Poisoned(3 * entries), entries);
  WeightNormForward forward{settings, {}, moments};
  WeightNormBackward backward{settings, {}, moments};
  for (const WeightView& view : views) {
    forward.weights.push_back({view, x, gamma, y});
    backward.weights.push_back({view, x, x, gamma, y, dgamma});
  }
  const auto launches = [&](const auto& args) {
    NormCounters before = {};
    NormCounters after = {};
    norm_counters(&before);
    results.Succeeded(RunOn(device, args, memory));
    norm_counters(&after);
    return after.launches - before.launches;
  };
  const int64_t want = device == Device::kCuda ? 1 : 0;
  results.That(launches(forward) == want, "WeightNorm in one launch");
  results.That(launches(backward) == want, "WeightNormGrad in one launch");
}

inline std::vector<WeightCase> AwkwardWeights(bool quick) {
  const std::vector<std::vector<WeightView>> lists = {
      {{27, 8, 1}},
      {{27, 64, 1}, {64, 10, 1}, {9, 6, 1}, {1, 5, 1}, {7, 1, 1}, {1, 1, 1}},
      {{9, 5, 4}, {9, 4, 7}, {4, 3, 33}, {1, 1, 500}},
      {{0, 5, 1}, {3, 0, 1}, {12, 12, 1}, {4, 3, 0}},
      {{300, 33, 1}, {2, 600, 1}, {3, 2, 1000}, {1, 700, 2}},
  };
  std::vector<WeightCase> cases;
  const auto add = [&](const std::vector<WeightView>& views, Divisor divisor, bool center,
                       double epsilon, Data data) {
    WeightCase c;
    c.views = views;
    c.settings = {divisor, center, epsilon};
    c.data = data;
    c.gamma = cases.size() % 4 != 3;
    c.shift = cases.size() % 5 == 4 ? 1 : 0;
    cases.push_back(c);
  };
  for (const std::vector<WeightView>& views : lists) {
    for (const Data data : {Data::kNormal, Data::kOffset, Data::kConstant}) {
      add(views, Divisor::kNorm, false, 1e-12, data);
      add(views, Divisor::kNorm, true, 1e-4, data);
      add(views, Divisor::kDeviation, true, 1e-3, data);
      add(views, Divisor::kUnbiasedDeviation, true, 1e-3, data);
      add(views, Divisor::kRootOfVariance, true, 1e-3, data);
    }
  }
  if (quick) return cases;
  // More weights than fit into one launch.
  std::vector<WeightView> many;
  for (int64_t i = 0; i < 130; ++i) many.push_back({1 + i % 7, 1 + i % 11, 1 + i % 3});
  add(many, Divisor::kNorm, false, 1e-12, Data::kNormal);
  // Columns in pieces, in company of such that are not; a clamp in pieces.
  const std::vector<WeightView> pieces = {
      {70000, 12, 1}, {1, 1, 600001}, {20, 3, 40000}, {9, 16, 1}};
  add(pieces, Divisor::kNorm, false, 1e-12, Data::kNormal);
  add(pieces, Divisor::kDeviation, true, 1e-3, Data::kOffset);
  add({{300000, 2, 1}}, Divisor::kNorm, true, 1e-4, Data::kConstant);
  add({{4608, 72, 1}}, Divisor::kUnbiasedDeviation, true, 1e-5, Data::kNormal);
  return cases;
}

inline WeightCase RandomWeights(Random& random) {
  WeightCase c;
  const int64_t count = random.Int(1, 6);
  for (int64_t i = 0; i < count; ++i) {
    c.views.push_back({random.OneOf<int64_t>({1, 2, 9, 27, 64, 300}), random.Int(1, 70),
                       random.OneOf<int64_t>({1, 1, 1, 2, 4, 8, 15})});
  }
  c.settings.divisor = random.OneOf({Divisor::kNorm, Divisor::kNorm, Divisor::kDeviation,
                                     Divisor::kUnbiasedDeviation, Divisor::kRootOfVariance});
  c.settings.center = random.Bool();
  c.settings.epsilon = random.OneOf({1e-3, 1e-5});
  c.gamma = random.Bool();
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
