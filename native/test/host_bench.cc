// Micro-bench of the host kernels: each op as a multiple of one pass that reads a tensor and writes
// another (what x.add(0) does), in one process, best of many runs. Usage: host_bench [milliseconds
// per figure]
//
// Outputs are reused from run to run, as TensorFlow's allocator does; "fresh" maps new pages every
// time.
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/host_simd.h"
#include "core/thread_pool.h"
#include "norms/row_norm.h"
#include "norms/set_norm.h"

namespace tfjs_norm {
namespace {

double budget = 0.4;  // seconds per figure
bool alone = false;

double Best(const std::function<void()>& run) {
  const auto now = [] {
    timespec time;
    clock_gettime(alone ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  run();
  double best = 1e30;
  const double end = now() + budget;
  for (int i = 0; i < 5 || now() < end; ++i) {
    const double start = now();
    run();
    best = std::min(best, now() - start);
  }
  return best * 1e6;
}

float* Aligned(int64_t size) {
  void* data = nullptr;
  if (posix_memalign(&data, 256, static_cast<size_t>(size) * sizeof(float) + 256) != 0)
    std::abort();
  float* values = static_cast<float*>(data);
  for (int64_t i = 0; i < size; ++i)
    values[i] = static_cast<float>((i * 2654435761u >> 7) % 1000) * 0.01f;
  return values;
}

void AddZero(int64_t size, const float* x, float* y) {
  constexpr int64_t kTask = 64 * 1024;
  host::ParallelFor((size + kTask - 1) / kTask, size, [&](int64_t task, int) {
    const int64_t end = std::min(size, (task + 1) * kTask);
    for (int64_t i = task * kTask; i < end; ++i) y[i] = x[i] + 0.0f;
  });
}

double FreshAdd(int64_t size, const float* x) {
  const size_t bytes = static_cast<size_t>(size) * sizeof(float);
  return Best([&] {
    void* y = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (y == MAP_FAILED) std::abort();
    AddZero(size, x, static_cast<float*>(y));
    munmap(y, bytes);
  });
}

template <typename Args>
double Time(const Args& args) {
  void* workspace = nullptr;
  if (posix_memalign(&workspace, 256, host::WorkspaceBytes(args) + 256) != 0) std::abort();
  const double micros = Best([&] {
    if (!host::Run(args, workspace).ok()) std::abort();
  });
  std::free(workspace);
  return micros;
}

struct Buffers {
  float *x, *dy, *y, *gamma, *beta, *moments, *mean, *variance, *new_mean, *new_variance, *dgamma,
      *dbeta;
};

void Shape(int64_t n, int64_t s, int64_t c, const Buffers& b) {
  const int64_t size = n * s * c;
  const double add = Best([&] { AddZero(size, b.x, b.y); });
  std::printf("\n[%ld,%ld,%ld] %.0f KB: add %.1f us, into fresh pages %.1f us\n",
              static_cast<long>(n), static_cast<long>(s), static_cast<long>(c),
              static_cast<double>(size) * 4 / 1024, add, FreshAdd(size, b.x));
  const auto print = [&](const char* name, double forward, double backward) {
    std::printf("  %-22s forward %9.1f us %6.2fx", name, forward, forward / add);
    if (backward > 0) std::printf("   backward %9.1f us %6.2fx", backward, backward / add);
    std::printf("\n");
    std::fflush(stdout);
  };
  for (const bool layer : {true, false}) {
    RowNormForward f;
    f.statistic = layer ? RowStatistic::kLayer : RowStatistic::kRms;
    f.rows = n * s;
    f.columns = c;
    f.epsilon = 1e-3;
    f.x = b.x;
    f.gamma = b.gamma;
    f.beta = layer ? b.beta : nullptr;
    f.y = b.y;
    f.statistics = b.moments;
    RowNormBackward g;
    g.statistic = f.statistic;
    g.rows = f.rows;
    g.columns = c;
    g.epsilon = 1e-3;
    g.dy = b.dy;
    g.x = b.x;
    g.gamma = b.gamma;
    g.statistics = b.moments;
    g.dx = b.y;
    g.dgamma = b.dgamma;
    g.dbeta = layer ? b.dbeta : nullptr;
    const double forward = Time(f);
    print(layer ? "layer" : "rms", forward, Time(g));
  }
  const auto set = [&](const char* name, const View& view, int64_t rows_per_set,
                       int64_t channels_per_set) {
    SetNormForward f;
    f.view = view;
    f.rows_per_set = rows_per_set;
    f.channels_per_set = channels_per_set;
    f.epsilon = 1e-3;
    f.x = b.x;
    f.gamma = b.gamma;
    f.beta = b.beta;
    f.y = b.y;
    f.moments = Moments::From(b.moments, view.pairs());
    if (channels_per_set == 1 && view.rows == rows_per_set) {
      f.moving = {b.mean, b.variance, b.new_mean, b.new_variance, 0.01};
    }
    SetNormBackward g;
    g.view = view;
    g.rows_per_set = rows_per_set;
    g.channels_per_set = channels_per_set;
    g.epsilon = 1e-3;
    g.dy = b.dy;
    g.x = b.x;
    g.gamma = b.gamma;
    g.moments = f.moments;
    g.dx = b.y;
    g.dgamma = b.dgamma;
    g.dbeta = b.dbeta;
    const double forward = Time(f);
    print(name, forward, Time(g));
  };
  const int64_t group = c % 32 == 0 ? c / 32 : 1;
  set("group", {n, s, c, true}, 1, group);
  set("instance", {n, s, c, true}, 1, 1);
  set("batch", {1, n * s, c, true}, 1, 1);
  set("group, NCHW", {n, s, c, false}, 1, group);
  set("batch, NCHW", {n, s, c, false}, n, 1);
  for (const bool last : {true, false}) {
    const View view = {last ? 1 : n, last ? n * s : s, c, last};
    const ChannelAffineForward f = {view, 1e-3, b.x, b.gamma, b.beta, b.mean, b.variance, b.y};
    const ChannelAffineBackward g = {view,     1e-3,    b.dy,       b.x,
                                     b.gamma,  b.mean,  b.variance, b.y,
                                     b.dgamma, b.dbeta, b.new_mean, b.new_variance};
    const double forward = Time(f);
    print(last ? "batch inference" : "batch inference, NCHW", forward, Time(g));
  }
}

}  // namespace
}  // namespace tfjs_norm

int main(int argc, char** argv) {
  using namespace tfjs_norm;
  if (argc > 1) budget = std::atof(argv[1]) / 1000;
  alone = argc > 2;
  if (alone) host::LimitThreads(1);
  constexpr int64_t kSize = 16 * 56 * 56 * 256;
  Buffers b;
  b.x = Aligned(kSize);
  b.dy = Aligned(kSize);
  b.y = Aligned(kSize);
  b.moments = Aligned(3 * 16 * 56 * 56);
  for (float** p : {&b.gamma, &b.beta, &b.mean, &b.variance, &b.new_mean, &b.new_variance,
                    &b.dgamma, &b.dbeta}) {
    *p = Aligned(1 << 16);
  }
  std::printf("%d threads, %s\n", alone ? 1 : host::ThreadCount(), host::Simd().name);
  Shape(16, 56 * 56, 256, b);
  Shape(1, 56 * 56, 256, b);
  Shape(32, 28 * 28, 32, b);
  Shape(32, 14 * 14, 30, b);
  Shape(2, 28 * 28, 8, b);
  Shape(8, 49, 64, b);
  Shape(32, 1, 128, b);
  Shape(4, 16, 16, b);
  Shape(1, 16, 16, b);
  return 0;
}
