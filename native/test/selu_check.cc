// The host passes of norms/selu.h on every instruction set this machine runs and any number of
// threads: the cases of kernel_check, the last digits of SELU, tensors that bypass the caches, and
// words far into a stream.
#include <algorithm>
#include <cmath>

#include "core/host_simd.h"
#include "core/thread_pool.h"
#include "test/kernel_selu_cases.h"

namespace tfjs_norm::test {
namespace {

Floats Output(const SeluForward& args, Results& results) {
  Floats y(static_cast<size_t>(args.size), NAN);
  SeluForward run = args;
  run.y = y.data();
  results.Succeeded(host::Run(run, nullptr));
  return y;
}

// Within three units in the last place from the least normal number to saturation.
void CheckDigits(Results& results) {
  constexpr double kAlpha = 1.6732632423543772, kLambda = 1.0507009873554805;
  Floats x;
  for (double v = 1e-37; v < 100; v *= 1.0003) {
    x.push_back(static_cast<float>(v));
    x.push_back(static_cast<float>(-v));
  }
  SeluForward args;
  args.size = static_cast<int64_t>(x.size());
  args.map = SeluOf(static_cast<float>(kLambda), static_cast<float>(kLambda * kAlpha), 0);
  args.x = x.data();
  const Floats y = Output(args, results);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double v = x[i];
    const double want = v > 0 ? kLambda * v : kLambda * kAlpha * std::expm1(v);
    worst = std::max(worst, std::fabs(y[i] / want - 1));
  }
  results.That(worst < 3 * 0x1p-23, "SELU to its last digits, worst relative error " +
                                        std::to_string(worst * 0x1p23) + " * 2^-23");
}

// Threads and tasks share the work in any way.
void CheckLarge(Results& results) {
  SeluCase c;
  c.shape = {1031, 4099};
  Random random(5);
  const Floats x = random.Normal(c.size(), 0, 1);
  const Floats digits = Digits(c);
  for (const bool selu : {true, false}) {
    SeluForward args;
    args.size = c.size();
    args.map = selu ? SeluOf(0.9f, 1.6f, 0.16f) : LinearOf(0.9f, 0.16f, -1.4f);
    args.x = x.data();
    args.mask.threshold = 1677722;
    args.mask.digits = digits.data();
    args.mask.shape.Append(c.size(), true);
    host::LimitThreads(1);
    const Floats one = Output(args, results);
    host::LimitThreads(0);
    results.That(SameBits(one, Output(args, results)), "the same bits on any number of threads");
    const std::vector<bool> kept = Kept(c, args.mask.threshold);
    bool right = true;
    for (size_t i = 0; i < one.size(); ++i)
      right = right && kept[i] == (one[i] != args.map.dropped);
    results.That(right, "the words of every element");
  }
}

// A line whose words begin anywhere, also before the high word of a block's number changes.
void CheckFar(Results& results) {
  for (const uint64_t first : {uint64_t{3}, (uint64_t{1} << 34) - 100, uint64_t{7} << 36}) {
    Floats x(300, 1.0f), y(301, 2.0f);
    host::SeluBlock block = {};
    block.lines = 1;
    block.count = 300;
    block.x = x.data();
    block.y = y.data();
    block.map = LinearOf(1, 0, 0);
    block.least = 1u << 31;
    block.random = {42, 1, 2, 3};
    block.first_word = first;
    host::Simd().selu_forward(block);
    bool right = y[300] == 2.0f;
    for (uint64_t i = 0; i < 300; ++i) {
      const uint64_t word = first + i;
      const bool kept = philox::BlockOf(block.random, word / 4).word[word % 4] >= block.least;
      right = right && y[i] == (kept ? 1.0f : 0.0f);
    }
    results.That(right, "the words from " + std::to_string(first) + " on");
  }
}

void CheckSeed(Results& results) {
  float x = 1, y = 5;
  Floats digits(8, 0);
  digits[2] = 65536;
  SeluForward args;
  args.size = 1;
  args.map = LinearOf(1, 0, 0);
  args.mask.digits = digits.data();
  args.x = &x;
  args.y = &y;
  const Status status = host::Run(args, nullptr);
  results.That(status.code() == Code::kInvalidArgument && y == 5.0f &&
                   status.message().find("seed must have integers") == 0,
               "a seed without digits is refused and nothing written");
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm;
  using namespace tfjs_norm::test;
  Checks checks;
  for (const char* level : {"base", "avx2", "avx512"}) {
    const host::SimdKernels* kernels = host::FindSimd(level);
    if (!kernels) continue;
    host::UseSimd(kernels);
    Results results(checks, level);
    Random random(3);
    for (const SeluCase& c : AwkwardSelu(false)) CheckSelu(results, Device::kHost, c, random);
    for (int i = 0; i < 60; ++i) CheckSelu(results, Device::kHost, RandomSelu(random), random);
    results.Case("");
    CheckDigits(results);
    CheckLarge(results);
    CheckFar(results);
    CheckSeed(results);
  }
  return checks.Finish();
}
