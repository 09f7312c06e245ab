// core/simd/functions.h on every instruction set this machine runs, and core/portable_functions.h,
// against double precision: floats of every exponent and sign, the neighbourhood of every bound in
// the code, infinities, NaN, denormal arguments and results.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <iterator>
#include <vector>

#include "core/host_simd.h"
#include "core/portable_functions.h"
#include "test/check.h"

namespace tfjs_norm::test {
namespace {

using Values = std::vector<float>;

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

Values Arguments() {
  Values values = {INFINITY, -INFINITY, NAN, 0.0f, -0.0f};
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 10007) {
    values.push_back(FromBits(static_cast<uint32_t>(bits)));
  }
  // Bounds of the code and of float32: least and largest results, the first that are denormal.
  for (const float bound : {0.35f, 0.55f, 8.66f, 9.02f, 16.64f, 17.33f, 20.0f, 43.67f, 51.99f,
                            87.34f, 88.73f, 89.0f, 103.28f, 103.98f}) {
    uint32_t bits;
    std::memcpy(&bits, &bound, sizeof bits);
    for (uint32_t near = bits - 20000; near < bits + 20000; near += 7) {
      values.push_back(FromBits(near));
      values.push_back(-FromBits(near));
    }
  }
  return values;
}

// Floats in their order: neighbours differ by 1. Zeros of either sign are one.
int64_t Place(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits < 0 ? int64_t{INT32_MIN} - bits : bits;
}

double ExactSigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double ExactSigmoidSlope(double x) { return ExactSigmoid(x) * ExactSigmoid(-x); }
double ExactTanh(double x) { return std::tanh(x); }
double ExactTanhSlope(double x) { return 4 * ExactSigmoidSlope(2 * x); }

void Check(Checks& checks, const std::string& name, const Values& x, const Values& y,
           double (*exact)(double), int64_t ulps) {
  int64_t worst = 0;
  size_t at = 0;
  bool same_kind = true;
  for (size_t i = 0; i < x.size(); ++i) {
    const float want = static_cast<float>(exact(x[i]));
    const bool agree = std::isnan(want) == std::isnan(y[i]) &&
                       (std::isnan(want) || std::signbit(want) == std::signbit(y[i]));
    const int64_t off = std::isnan(want) ? 0 : std::llabs(Place(y[i]) - Place(want));
    if (off > worst || (!agree && same_kind)) at = i;
    worst = std::max(worst, off);
    same_kind &= agree;
  }
  const std::string detail = name + ": worst " + std::to_string(worst) + " ulp, at " +
                             std::to_string(x[at]) + " got " + std::to_string(y[at]);
  checks.That(worst <= ulps, "few ulps from the exact value", __FILE__, __LINE__, detail);
  checks.That(same_kind, "NaN of NaN alone, and the right sign", __FILE__, __LINE__, detail);
}

void CheckHost(Checks& checks, const Values& x) {
  for (const char* level : {"base", "avx2", "avx512"}) {
    const host::SimdKernels* kernels = host::FindSimd(level);
    if (!kernels) continue;
    const host::Functions& f = kernels->functions;
    const auto check_on = [&](const Values& x, const char* name, host::Functions::Function function,
                              double (*exact)(double), int64_t ulps) {
      Values y(x.size());
      function(static_cast<int64_t>(x.size()), x.data(), y.data());
      Check(checks, std::string(name) + " on " + level, x, y, exact, ulps);
    };
    const auto check = [&](const char* name, host::Functions::Function function,
                           double (*exact)(double),
                           int64_t ulps) { check_on(x, name, function, exact, ulps); };
    Values negative;
    std::copy_if(x.begin(), x.end(), std::back_inserter(negative),
                 [](float v) { return v < 0 || std::isnan(v); });
    check_on(negative, "expm1 of negative values", f.negative_expm1, std::expm1, 2);
    check("exp", f.exp, std::exp, 2);
    check("expm1", f.expm1, std::expm1, 2);
    check("sigmoid", f.sigmoid, ExactSigmoid, 2);
    check("sigmoid with slope", f.sigmoid_value, ExactSigmoid, 3);
    check("slope of sigmoid", f.sigmoid_slope, ExactSigmoidSlope, 5);
    check("tanh", f.tanh, ExactTanh, 2);
    check("tanh with slope", f.tanh_value, ExactTanh, 2);
    check("slope of tanh", f.tanh_slope, ExactTanhSlope, 5);
  }
}

void CheckPortable(Checks& checks, const Values& x) {
  const auto check = [&](const char* name, const std::function<float(float)>& function,
                         double (*exact)(double), int64_t ulps) {
    Values y;
    for (const float value : x) y.push_back(function(value));
    Check(checks, std::string(name) + " of kernels", x, y, exact, ulps);
  };
  check("sigmoid", cuda::Sigmoid, ExactSigmoid, 2);
  check(
      "sigmoid with slope", [](float v) { return cuda::SigmoidWithSlope(v).value; }, ExactSigmoid,
      3);
  check(
      "slope of sigmoid", [](float v) { return cuda::SigmoidWithSlope(v).slope; },
      ExactSigmoidSlope, 5);
  check("tanh", cuda::Tanh, ExactTanh, 2);
  check("tanh with slope", [](float v) { return cuda::TanhWithSlope(v).value; }, ExactTanh, 2);
  check("slope of tanh", [](float v) { return cuda::TanhWithSlope(v).slope; }, ExactTanhSlope, 5);
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm::test;
  Checks checks;
  const Values x = Arguments();
  CheckHost(checks, x);
  CheckPortable(checks, x);
  return checks.Finish();
}
