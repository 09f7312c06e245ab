// The core passes with bounds on the output (core/bounds.h): the host pipeline on every instruction
// set, and the streaming kernels, which here are emulated.
#include "core/apply.cuh"
#include "core/grad_apply.cuh"
#include "core/host_pipeline.h"
#include "core/merge_grad_sums.cuh"
#include "test/bounds_cases.h"
#include "test/check.h"

namespace tfjs_norm::test {
namespace {

Checks checks;

// `shift` floats beyond an aligned address; starts as NaN. The emulator knows the device's arrays.
class Array {
 public:
  explicit Array(int64_t size, int64_t shift = 0) : size_(size), shift_(shift) {
    (void)cudaMalloc(&base_, static_cast<size_t>(size + shift + 1) * sizeof(float));
    std::fill_n(data(), size, std::numeric_limits<float>::quiet_NaN());
  }
  explicit Array(const Floats& values, int64_t shift = 0)
      : Array(static_cast<int64_t>(values.size()), shift) {
    std::copy(values.begin(), values.end(), data());
  }
  ~Array() { (void)cudaFree(base_); }
  Array(const Array&) = delete;
  float* data() const { return base_ + shift_; }
  int64_t size() const { return size_; }
  float operator[](int64_t i) const { return data()[i]; }

 private:
  float* base_ = nullptr;
  int64_t size_, shift_;
};

class Space {
 public:
  explicit Space(size_t bytes) {
    (void)cudaMalloc(&base_, bytes + 1);
    std::fill_n(static_cast<unsigned char*>(base_), bytes, 0xff);
  }
  ~Space() { (void)cudaFree(base_); }
  Space(const Space&) = delete;
  void* data() const { return base_; }

 private:
  void* base_ = nullptr;
};

void Expect(bool holds, const BoundsData& data, const std::string& where, const char* what) {
  checks.That(holds, what, __FILE__, __LINE__, data.c.name() + " on " + where);
}

void CheckHost(const BoundsData& data, int64_t shift) {
  const View& view = data.c.view;
  const std::string where = host::Simd().name;
  const int64_t pairs = view.pairs();
  const Array x(data.x, shift), dy(data.dy, shift);
  Array y(view.size(), shift), dx(view.size(), shift), saved(3 * pairs);
  const auto output = [&](const host::Unit& unit, host::ForwardStep& step) {
    for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
      for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
        const int64_t pair = r * view.channels + c;
        step.Set(unit.at(r, c), data.a[pair], data.b[pair]);
      }
    }
  };
  const bool about_zero = data.c.about_zero;
  {
    const Space space(host::ForwardWorkspaceBytes(view, {}, host::Map::kBounded));
    const Moments moments = about_zero ? Moments() : Moments::From(saved.data(), pairs);
    host::RunForward(view, {}, x.data(), moments, y.data(), output, space.data(), &data.bounds);
    Expect(Same(y, data.Y()), data, where, "y");
  }
  Array hi(data.hi), lo(data.lo);
  std::vector<Doubles> sums(3, Doubles(pairs));
  const auto method = [&](const host::Unit& unit, host::BackwardStep& step) {
    for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
      for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
        const int64_t pair = r * view.channels + c;
        const int64_t i = unit.at(r, c);
        sums[0][pair] = step.sum_g[i];
        sums[1][pair] = step.sum_gx[i];
        if (step.sum_outside) sums[2][pair] = step.sum_outside[i];
        step.dgamma[c - unit.channel] += step.sum_gx[i];
        step.dbeta[c - unit.channel] += step.sum_g[i];
        if (step.sum_outside) step.more[0][c - unit.channel] += step.sum_outside[i];
        step.more[1][c - unit.channel] += step.sum_g[i];
        step.Set(i, data.p[pair], data.q[pair], data.t[pair]);
      }
    }
  };
  const Array dgamma(view.channels), dbeta(view.channels), dlower(view.channels), total(1);
  host::ParameterGradients gradients = {dgamma.data(), dbeta.data()};
  gradients.more[0].to = dlower.data();
  gradients.more[1] = {total.data(), true};
  const Space space(host::BackwardWorkspaceBytes(view, {}, host::Map::kBounded));
  const host::BoundedOutput bounded = {data.bounds, output};
  const Moments moments = about_zero ? Moments() : Moments{hi.data(), lo.data(), saved.data()};
  host::RunBackward(view, {}, dy.data(), x.data(), moments, dx.data(), gradients, method,
                    space.data(), &bounded);
  const std::vector<Doubles> want = data.Sums();
  const int wanted = data.bounds.lower ? 3 : 2;
  for (int i = 0; i < wanted; ++i) Expect(Same(sums[i], want[i]), data, where, "sums");
  Expect(Same(dx, data.Dx()), data, where, "dx");
  Expect(Same(dgamma, OverRows(view, want[1])), data, where, "dgamma");
  Expect(Same(dbeta, OverRows(view, want[0])), data, where, "dbeta");
  if (data.bounds.lower) {
    Expect(Same(dlower, OverRows(view, want[2])), data, where, "gradient of the bound");
  }
  Expect(Same(total, {Total(want[0])}), data, where, "a gradient of one value");
}

void CheckCuda(const BoundsData& data, int64_t shift) {
  const View& view = data.c.view;
  const int64_t pairs = view.pairs();
  const Array x(data.x, shift), dy(data.dy, shift);
  const Array y(view.size(), shift), dx(view.size(), shift);
  const Array a(data.a), b(data.b), p(data.p), q(data.q), t(data.t), hi(data.hi), lo(data.lo);
  const Array zero(Floats(pairs, 0)), lower(data.lower);
  Bounds limits = data.bounds;
  if (limits.lower) limits.lower = lower.data();
  const cuda::ChannelBounds bounds = {limits, view.channels};
  const cuda::Tiling tiling = cuda::TilingFor(view, x.data(), dy.data(), y.data());
  const bool about_zero = data.c.about_zero;
  const float* his = about_zero ? nullptr : hi.data();
  const float* los = about_zero ? nullptr : lo.data();
  const char* where = "the emulated GPU";

  const cuda::PairAffine forward = {his, about_zero ? nullptr : zero.data(), a.data(), b.data()};
  EXPECT_OK(checks, cuda::LaunchApply(tiling, x.data(), forward, bounds, y.data(), nullptr));
  Expect(Same(y, data.Y()), data, where, "y");

  Workspace measure;
  cuda::GradPartials::Take(measure, tiling, true);
  for (int i = 0; i < 3; ++i) measure.Take<double>(pairs);
  const Space space(measure.bytes());
  Workspace arena(space.data());
  const cuda::GradPartials partials = cuda::GradPartials::Take(arena, tiling, true);
  const cuda::PairAffine output = {his, los, a.data(), b.data()};
  EXPECT_OK(checks,
            cuda::LaunchGradSums(tiling, dy.data(), x.data(), output, bounds, partials, nullptr));
  const std::vector<Doubles> want = data.Sums();
  double* terms[3];
  const float* const parts[] = {partials.g0, partials.g1, partials.g2};
  for (int i = 0; i < 3; ++i) {
    Doubles sums(pairs);
    for (int64_t j = 0; j < tiling.partials(); ++j) sums[j % pairs] += parts[i][j];
    Expect(Same(sums, want[i]), data, where, "sums");
    terms[i] = arena.Take<double>(pairs);
    std::copy(sums.begin(), sums.end(), terms[i]);
  }
  const Array dgamma(view.channels), dbeta(view.channels), dlower(view.channels), total(1);
  const cuda::ColumnTiling columns = cuda::ColumnTiling::Make(view.rows, view.channels);
  cuda::ParameterSums parameters;
  parameters.Add(terms[1], columns, dgamma.data());
  parameters.Add(terms[1], columns, nullptr);
  parameters.Add(terms[0], cuda::ColumnTiling::Make(pairs, 1), total.data());
  parameters.Add(terms[0], columns, dbeta.data());
  parameters.Add(terms[2], columns, dlower.data());
  const cuda::GradCoefficients coefficients = {his, los, p.data(), q.data(), t.data()};
  EXPECT_OK(checks, cuda::LaunchGradApply(tiling, dy.data(), x.data(), coefficients, output, bounds,
                                          dx.data(), parameters, nullptr));
  Expect(Same(dx, data.Dx()), data, where, "dx");
  Expect(Same(dgamma, OverRows(view, want[1])), data, where, "dgamma");
  Expect(Same(dbeta, OverRows(view, want[0])), data, where, "dbeta");
  Expect(Same(dlower, OverRows(view, want[2])), data, where, "gradient of the bound");
  Expect(Same(total, {Total(want[0])}), data, where, "a gradient of one value");
}

void OnEveryLevel(const BoundsData& data, int64_t shift) {
  for (const char* level : {"base", "avx2", "avx512"}) {
    const host::SimdKernels* kernels = host::FindSimd(level);
    if (!kernels) continue;
    host::UseSimd(kernels);
    CheckHost(data, shift);
  }
}

// A NaN in x passes the bounds and counts as within them; infinities are clipped.
void CheckValues() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const Floats values = {nan, infinity, -infinity, -1, 1, -0.5f, 0.5f, 0};
  const Floats clipped = {nan, 0.5f, -0.5f, -0.5f, 0.5f, -0.5f, 0.5f, 0};
  Bounds bounds;
  bounds.least = -0.5f;
  bounds.most = 0.5f;
  for (const bool last : {true, false}) {
    const View view = {1, 21, 8, last};
    Floats x, want;
    for (int64_t i = 0; i < view.size(); ++i) {
      x.push_back(values[i * 5 % 8]);
      want.push_back(clipped[i * 5 % 8]);
    }
    const Doubles wanted(want.begin(), want.end());
    const Array from(x), ones(Floats(8, 1)), zeros(Floats(8, 0));
    for (const char* level : {"base", "avx2", "avx512"}) {
      const host::SimdKernels* kernels = host::FindSimd(level);
      if (!kernels) continue;
      host::UseSimd(kernels);
      const Array y(view.size());
      const Space space(host::ForwardWorkspaceBytes(view, {}, host::Map::kBounded));
      const auto method = [](const host::Unit& unit, host::ForwardStep& step) {
        for (int64_t i = 0; i < unit.pairs(); ++i) step.Set(i, 1, 0);
      };
      host::RunForward(view, {}, from.data(), {}, y.data(), method, space.data(), &bounds);
      checks.That(Same(y, wanted), "NaN and infinities bounded", __FILE__, __LINE__, level);
    }
    const Array y(view.size());
    const cuda::PairAffine same = {nullptr, nullptr, ones.data(), zeros.data()};
    EXPECT_OK(checks, cuda::LaunchApply(cuda::TilingFor(view, from.data(), y.data()), from.data(),
                                        same, {bounds, 8}, y.data(), nullptr));
    EXPECT(checks, Same(y, wanted));
  }
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm::test;
  int64_t on = 0;
  int64_t beyond = 0;
  uint64_t seed = 0;
  for (const BoundsCase& c : BoundsCases()) {
    const BoundsData data(c, ++seed);
    data.Count(&on, &beyond);
    const int64_t shift = static_cast<int64_t>(seed % 7 < 3 ? seed % 4 : 0);
    OnEveryLevel(data, shift);
    CheckCuda(data, shift);
  }
  // The cases have something to find.
  EXPECT(checks, on > 10000);
  EXPECT(checks, beyond > 100000);
  // Outputs that bypass the caches.
  for (const auto& [rows, positions, channels, last] : {std::tuple{1, 2049, 2049, true},
                                                        {1, 2049, 2048, true},
                                                        {2, 70001, 31, true},
                                                        {3, 70001, 21, false}}) {
    BoundsCase c;
    c.view = {rows, positions, channels, last};
    c.most = last;
    c.about_zero = channels % 2 == 0;
    OnEveryLevel(BoundsData(c, ++seed), channels == 21 ? 1 : 0);
  }
  CheckValues();
  return checks.Finish();
}
