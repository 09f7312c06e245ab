// Moments -> coefficients -> apply on the host, for every normalizer over a View.
//
//   forward    per-(row, channel) mean m and biased variance v over the positions; the method turns
//   those
//              of a unit into A and B; y = A * (x - m) + B
//   backward   G0 = sum dy, G1 = sum dy * (x - m); the method turns those of a unit into p, q, t
//   and adds
//              to the parameter gradients; dx = p * dy + q * (x - m) + t
//
// About zero, which is what null moments ask for, m is 0 in all of these: y = A * x + B, and so on.
//
// With a gate theta [C], y = A * f + B, f = x * sigmoid(theta * x), about zero whatever the
// moments. Then G1 = sum dy * f, there is G2 = sum dy * df/dtheta, and dx = p * dy * df/dx + q * (x
// - m) + t.
//
// A unit is the smallest block of rows and channels that the method can handle on its own. Units
// that fit are done whole by one thread, so that the second pass finds its data in the cache; a
// large unit is split over all threads. Every sum is cut by shape alone: results do not depend on
// the threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "core/bounds.h"
#include "core/host_simd.h"
#include "core/view.h"

namespace tfjs_norm {
namespace host {

struct Unit {
  int64_t row = 0;
  int64_t rows = 0;
  int64_t channel = 0;
  int64_t channels = 0;

  int64_t pairs() const { return rows * channels; }
  // Pair arrays handed to a method are [rows, channels] of the unit.
  int64_t at(int64_t r, int64_t c) const { return (r - row) * channels + (c - channel); }
};

// Statistics of the unit's pairs in double; Set() is to be called once per pair.
class ForwardStep {
 public:
  const double* mean;
  const double* variance;
  const double* low;  // mean - its float part

  void Set(int64_t pair, double a, double b) {
    a_[pair] = static_cast<float>(a);
    b_[pair] = static_cast<float>(b - a * low[pair]);
  }

  float* a_;
  float* b_;
};

// The gradients of the parameters that a backward writes, each the sum of what its units add for a
// channel. Null where not wanted.
struct ParameterGradients {
  static constexpr int kMore = 2;
  float* dgamma = nullptr;  // [C]
  float* dbeta = nullptr;   // [C]
  struct {
    float* to = nullptr;  // [C], or [1]
    bool one_value = false;
  } more[kMore] = {};  // what they are is the method's affair
};

class BackwardStep {
 public:
  double* sum_g;   // G0; the method may use its place, as the next one's
  double* sum_gx;  // G1, about the exact mean
  // Of dy out of bounds of the channels, which the other two leave out; or null.
  const double* sum_outside;
  const double* sum_gtheta;  // G2 with a gate; or null
  const double* low;         // mean - its float part
  double* dgamma;            // [unit.channels], to be added to
  double* dbeta;
  double* more[ParameterGradients::kMore];

  void Set(int64_t pair, double p, double q, double t) {
    p_[pair] = static_cast<float>(p);
    q_[pair] = static_cast<float>(q);
    t_[pair] = static_cast<float>(t - q * low[pair]);
  }

  float* p_;
  float* q_;
  float* t_;
};

using ForwardMethod = std::function<void(const Unit&, ForwardStep&)>;
using BackwardMethod = std::function<void(const Unit&, BackwardStep&)>;

// How a method couples rows and channels: any unit it gets is a multiple of these, aligned to them.
struct Coupling {
  int64_t rows = 1;
  int64_t channels = 1;
};

// Only a lower bound of the channels has a gradient.
inline Map MapOf(const Bounds& bounds) { return bounds.lower ? Map::kBounded : Map::kClamped; }

// Where the forward bounded its output, the backward needs that output again: `output` gives the A
// and B of the forward, before the sums. About zero it has no statistics.
struct BoundedOutput {
  Bounds bounds;
  ForwardMethod output;
};

// kAffine, kBounded, kClamped or kGate.
size_t ForwardWorkspaceBytes(const View& view, const Coupling& coupling, Map map = Map::kAffine);
size_t BackwardWorkspaceBytes(const View& view, const Coupling& coupling, Map map = Map::kAffine);

// Writes moments, unless they are null, and y. Nothing but zero moments when the view has no
// elements. Bounds or a gate, not both.
void RunForward(const View& view, const Coupling& coupling, const float* x, const Moments& moments,
                float* y, const ForwardMethod& method, void* workspace,
                const Bounds* bounds = nullptr, const float* gate = nullptr);

// Writes dx and the gradients of the parameters.
void RunBackward(const View& view, const Coupling& coupling, const float* dy, const float* x,
                 const Moments& moments, float* dx, const ParameterGradients& gradients,
                 const BackwardMethod& method, void* workspace,
                 const BoundedOutput* bounded = nullptr, const float* gate = nullptr);

// The halves with coefficients that are the same for every row: arrays [C].
void ApplyPerChannel(const View& view, const float* x, const Coefficients& coefficients, float* y);
void ApplyGradPerChannel(const View& view, const float* dy, const float* x,
                         const Coefficients& coefficients, float* dx);

// The sums of `by`'s map over rows and positions, [C] each, and on the way dx (sums_grad in
// host_simd.h); with null dx the sums alone (sums there).
size_t SumPerChannelWorkspaceBytes(const View& view, Map map);
void SumPerChannel(const View& view, const float* dy, const float* x, const Coefficients& by,
                   float* dx, double* const* sums, void* workspace);

}  // namespace host
}  // namespace tfjs_norm
