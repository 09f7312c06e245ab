// Correct kernels on the emulator: they give the right values in every order of threads and blocks,
// the orders are what they are called, and switching threads is fast.
#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "core/portable.h"
#include "test/check.h"
#include "test/emulated_memory.h"

namespace tfjs_norm::test {
namespace {

Checks checks;

LaunchConfig Config(const char* name, dim3 grid, dim3 block, size_t shared_bytes) {
  return {name, grid, block, shared_bytes, nullptr};
}

// Sum over a block of whole warps, in every thread.
NORM_DEVICE float BlockSum(float value, float* warp_sums) {
  for (int delta = 16; delta > 0; delta /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, delta);
  if (threadIdx.x % 32 == 0) warp_sums[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
  for (unsigned i = 0; i < blockDim.x / 32; ++i) sum += warp_sums[i];
  __syncthreads();
  return sum;
}

// y = x - mean(x), variance: a row per block, two reductions.
__global__ void RowMoments(const float* x, float* y, float* variance, int columns) {
  SharedArena arena;
  float* warp_sums = arena.Take<float>(32);
  const float* row = x + static_cast<int64_t>(blockIdx.x) * columns;
  float sum = 0;
  for (int i = threadIdx.x * 4; i < columns; i += blockDim.x * 4) {
    const Vec<4> v = LoadStreaming<4>(row + i);
    sum += (v.v[0] + v.v[1]) + (v.v[2] + v.v[3]);
  }
  const float mean = BlockSum(sum, warp_sums) / columns;
  float squares = 0;
  for (int i = threadIdx.x * 4; i < columns; i += blockDim.x * 4) {
    Vec<4> v = Load<4>(row + i);
    for (float& element : v.v) {
      element -= mean;
      squares += element * element;
    }
    StoreStreaming(y + static_cast<int64_t>(blockIdx.x) * columns + i, v);
  }
  squares = BlockSum(squares, warp_sums);
  if (threadIdx.x == 0) Store<1>(variance + blockIdx.x, {{squares / columns}});
}

void CheckReductions() {
  for (const Schedule& schedule : kSchedules) {
    checks.That(norm_emulator_order(schedule.order, schedule.seed) == 0, "an order", __FILE__,
                __LINE__);
    for (int threads : {32, 64, 128, 1024}) {
      constexpr int kRows = 37, kColumns = 4 * 131;
      DeviceArray<float> x(kRows * kColumns), y(kRows * kColumns), variance(kRows);
      for (int i = 0; i < x.count(); ++i) x[i] = static_cast<float>(i * 7 % 64 + i / kColumns);
      EXPECT_OK(checks, Launch(Config("RowMoments", kRows, threads, SharedBytes<float>(32)),
                               RowMoments, x.data(), y.data(), variance.data(), kColumns));
      for (int row = 0; row < kRows; ++row) {
        // Small integers: the float sums are exact.
        const float* values = x.data() + row * kColumns;
        const float mean = std::accumulate(values, values + kColumns, 0.0f) / kColumns;
        double squares = 0;
        bool equal = true;
        for (int i = 0; i < kColumns; ++i) {
          equal &= y[row * kColumns + i] == values[i] - mean;
          squares += static_cast<double>(values[i] - mean) * (values[i] - mean);
        }
        EXPECT(checks, equal);
        EXPECT(checks, std::abs(variance[row] / (squares / kColumns) - 1) < 1e-6);
      }
    }
  }
}

// Reverses the elements of a block through shared memory; blocks of any shape.
__global__ void Reverse(const float* x, float* y) {
  SharedArena arena;
  const int threads = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  const int thread =
      static_cast<int>((threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x);
  const int block =
      static_cast<int>((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x);
  double* values = arena.Take<double>(threads);
  char* marks = arena.Take<char>(1);
  float* again = arena.Take<float>(threads);
  if (thread == 0) *marks = 1;
  values[thread] = Load<1>(x + block * threads + thread).v[0];
  __syncthreads();
  again[thread] = static_cast<float>(values[threads - 1 - thread]) * *marks;
  __syncthreads();
  Store<1>(y + block * threads + thread, Load<1>(again + thread));
}

void CheckShapes() {
  const dim3 blocks[] = {dim3(1), dim3(33), dim3(31, 3), dim3(5, 7, 4), dim3(1, 1, 64), dim3(1000)};
  const dim3 grids[] = {dim3(1), dim3(70), dim3(3, 5, 2)};
  for (const Schedule& schedule : kSchedules) {
    (void)norm_emulator_order(schedule.order, schedule.seed);
    for (const dim3& block : blocks) {
      for (const dim3& grid : grids) {
        const int threads = static_cast<int>(block.x * block.y * block.z);
        const int count = threads * static_cast<int>(grid.x * grid.y * grid.z);
        DeviceArray<float> x(count), y(count);
        for (int i = 0; i < count; ++i) x[i] = static_cast<float>(i);
        const size_t bytes =
            SharedBytes<double>(threads) + SharedBytes<char>(1) + SharedBytes<float>(threads);
        EXPECT_OK(checks,
                  Launch(Config("Reverse", grid, block, bytes), Reverse, x.data(), y.data()));
        bool equal = true;
        for (int i = 0; i < count; ++i) {
          equal &= y[i] == static_cast<float>(i / threads * threads + threads - 1 - i % threads);
        }
        EXPECT(checks, equal);
      }
    }
  }
}

// Per lane: the four shuffles of its own number, and the votes on odd lanes.
__global__ void Shuffles(int width, int amount, int* results) {
  const int lane = static_cast<int>(threadIdx.x);
  int* mine = results + lane * 7;
  constexpr unsigned kAll = 0xFFFFFFFFu;
  mine[0] = __shfl_sync(kAll, lane, amount, width);
  mine[1] = __shfl_up_sync(kAll, lane, static_cast<unsigned>(amount), width);
  mine[2] = static_cast<int>(
      __shfl_down_sync(kAll, static_cast<double>(lane), static_cast<unsigned>(amount), width));
  mine[3] = __shfl_xor_sync(kAll, lane, amount, width);
  const unsigned mask = width == 32 ? kAll : ((1u << width) - 1) << (lane & ~(width - 1));
  mine[4] = static_cast<int>(__ballot_sync(mask, lane % 2));
  mine[5] = __any_sync(mask, lane == 5);
  mine[6] = __all_sync(mask, lane < 8);
  __syncwarp(mask);
}

void CheckShuffles() {
  for (const Schedule& schedule : kSchedules) {
    (void)norm_emulator_order(schedule.order, schedule.seed);
    for (int width : {1, 2, 4, 8, 16, 32}) {
      for (int amount = 0; amount < 32; ++amount) {
        DeviceArray<int> results(32 * 7);
        EXPECT_OK(checks,
                  Launch(Config("Shuffles", 1, 32, 0), Shuffles, width, amount, results.data()));
        bool equal = true;
        for (int lane = 0; lane < 32; ++lane) {
          const int first = lane / width * width, last = first + width - 1;
          const int* got = results.data() + lane * 7;
          equal &= got[0] == first + amount % width;
          equal &= got[1] == (lane - amount < first ? lane : lane - amount);
          equal &= got[2] == (lane + amount > last ? lane : lane + amount);
          equal &= got[3] == ((lane ^ amount) > last ? lane : lane ^ amount);
          const uint64_t segment = ((uint64_t{1} << width) - 1) << first;
          equal &= static_cast<unsigned>(got[4]) == (0xAAAAAAAAu & segment);
          equal &= got[5] == (first <= 5 && 5 <= last);
          equal &= got[6] == (last < 8);
        }
        checks.That(equal, "shuffles and votes as in CUDA", __FILE__, __LINE__,
                    "width " + std::to_string(width) + ", amount " + std::to_string(amount));
      }
    }
  }
}

__global__ void Arrivals(int* ticket, int* order) {
  char on_stack[16 * 1024];  // the depth a kernel may need
  on_stack[threadIdx.x] = static_cast<char>(threadIdx.x);
  __syncthreads();
  const int mine = atomicAdd(ticket, 1);
  order[mine] =
      static_cast<int>(threadIdx.x) + (on_stack[threadIdx.x] != static_cast<char>(threadIdx.x));
}

std::vector<int> ArrivalOrder(int order, uint64_t seed) {
  EXPECT(checks, norm_emulator_order(order, seed) == 0);
  DeviceArray<int> ticket(1), arrived(96);
  ticket[0] = 0;
  EXPECT_OK(checks, Launch(Config("Arrivals", 1, 96, 0), Arrivals, ticket.data(), arrived.data()));
  return std::vector<int>(arrived.data(), arrived.data() + 96);
}

void CheckOrders() {
  std::vector<int> forward(96);
  std::iota(forward.begin(), forward.end(), 0);
  const std::vector<int> reverse(forward.rbegin(), forward.rend());
  EXPECT(checks, ArrivalOrder(0, 0) == forward);
  EXPECT(checks, ArrivalOrder(1, 0) == reverse);
  std::vector<int> random = ArrivalOrder(2, 1);
  EXPECT(checks, random != forward && random != reverse);
  EXPECT(checks, random == ArrivalOrder(2, 1));
  EXPECT(checks, random != ArrivalOrder(2, 2));
  std::sort(random.begin(), random.end());
  EXPECT(checks, random == forward);
  EXPECT(checks, norm_emulator_order(3, 0) == 3);
  EXPECT(checks, norm_emulator_order(-1, 0) == 3);
}

__global__ void CountBlocks(int* counts) { atomicAdd(counts + blockIdx.x, 1); }

void CheckEveryBlockRunsOnce() {
  for (const Schedule& schedule : kSchedules) {
    (void)norm_emulator_order(schedule.order, schedule.seed);
    for (int blocks : {1, 2, 3, 16, 97, 1000, 4096}) {
      DeviceArray<int> counts(blocks);
      counts.Fill(0);
      EXPECT_OK(checks, Launch(Config("CountBlocks", blocks, 3, 0), CountBlocks, counts.data()));
      EXPECT(checks,
             std::all_of(counts.data(), counts.data() + blocks, [](int n) { return n == 3; }));
    }
  }
}

void CheckConcurrentLaunches() {
  (void)norm_emulator_order(0, 0);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      DeviceArray<float> x(64 * 40), y(64 * 40);
      for (int repeat = 0; repeat < 50; ++repeat) {
        for (int i = 0; i < x.count(); ++i) x[i] = static_cast<float>(i * (t + 1));
        const size_t bytes =
            SharedBytes<double>(64) + SharedBytes<char>(1) + SharedBytes<float>(64);
        if (!Launch(Config("Reverse", 40, 64, bytes), Reverse, x.data(), y.data()).ok()) ++wrong[t];
        for (int i = 0; i < 64; ++i) wrong[t] += y[i] != x[63 - i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT(checks, wrong == std::vector<int>(4, 0));
}

__global__ void Barriers(int count) {
  for (int i = 0; i < count; ++i) __syncthreads();
}

double Seconds(const Status& status, std::chrono::steady_clock::time_point start) {
  EXPECT_OK(checks, status);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void Measure() {
  for (int order : {0, 2}) {
    (void)norm_emulator_order(order, 1);
    auto start = std::chrono::steady_clock::now();
    constexpr int kBarriers = 20000;
    double seconds = Seconds(Launch(Config("Barriers", 1, 128, 0), Barriers, kBarriers), start);
    std::printf("%s order: %.1f ns per switch (128 threads)\n", order == 0 ? "forward" : "random",
                seconds * 1e9 / kBarriers / 128);
    DeviceArray<float> x(1000 * 512), y(1000 * 512), variance(1000);
    x.Fill(1);
    start = std::chrono::steady_clock::now();
    seconds = Seconds(Launch(Config("RowMoments", 1000, 128, SharedBytes<float>(32)), RowMoments,
                             x.data(), y.data(), variance.data(), 512),
                      start);
    std::printf("%s order: %.0f ms for 1000 blocks of 128 threads with two reductions each\n",
                order == 0 ? "forward" : "random", seconds * 1e3);
  }
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm::test;
  CheckReductions();
  CheckShapes();
  CheckShuffles();
  CheckOrders();
  CheckEveryBlockRunsOnce();
  CheckConcurrentLaunches();
  Measure();
  return checks.Finish();
}
