// Wrong kernels on the emulator: each mistake is reported as an error that names kernel, block,
// thread and place, and the next launch works. What is no error on a GPU, a missing barrier, shows
// in some order.
#include <cmath>

#include "core/portable.h"
#include "emulator/memory.h"
#include "test/check.h"
#include "test/emulated_memory.h"

namespace tfjs_norm::test {
namespace {

constexpr unsigned kAll = 0xFFFFFFFFu;

Checks checks;

template <class... P, class... A>
Status Run(const char* name, dim3 grid, dim3 block, size_t shared_bytes, void (*kernel)(P...),
           A... args) {
  return Launch(LaunchConfig{name, grid, block, shared_bytes, nullptr}, kernel, args...);
}

__global__ void Swap(float* y, bool barrier) {
  SharedArena arena;
  float* values = arena.Take<float>(64);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (barrier) __syncthreads();
  Store<1>(y + threadIdx.x, {{values[63 - threadIdx.x]}});
}

void CheckMissingBarrier() {
  DeviceArray<float> y(64);
  for (const Schedule& schedule : kSchedules) {
    (void)norm_emulator_order(schedule.order, schedule.seed);
    for (const bool barrier : {true, false}) {
      // Twice: what the first launch left in shared memory must not help the second.
      for (int repeat = 0; repeat < 2; ++repeat) {
        EXPECT_OK(checks, Run("Swap", 1, 64, SharedBytes<float>(64), Swap, y.data(), barrier));
        int wrong = 0;
        for (int i = 0; i < 64; ++i) wrong += std::isnan(y[i]);
        EXPECT(checks, barrier ? wrong == 0 : wrong > 0);
        if (!barrier && schedule.order != 2) EXPECT(checks, wrong == 32);
      }
    }
  }
}

__global__ void TwoBarriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}
__global__ void EarlyReturn(unsigned leaver) {
  if (threadIdx.x == leaver) return;
  __syncthreads();
}
__global__ void BarrierAgainstWarp() {
  if (threadIdx.x == 40) {
    __syncthreads();
  } else {
    __syncwarp();
    __syncthreads();
  }
}
__global__ void HalfWarpMissing() {
  if (threadIdx.x % 32 < 16) __syncwarp();
  __syncthreads();
}

void CheckDivergence() {
  for (const Schedule& schedule : kSchedules) {
    (void)norm_emulator_order(schedule.order, schedule.seed);
    EXPECT_FAILS(checks, Run("TwoBarriers", dim3(1, 1, 1), 64, 0, TwoBarriers), Code::kInternal,
                 "kernel TwoBarriers, block (0,0,0), thread (",
                 "emulator_faults_check.cc:", "divergent barrier",
                 "other threads wait in the __syncthreads of");
    for (unsigned leaver : {0u, 31u, 63u}) {
      EXPECT_FAILS(checks, Run("EarlyReturn", 1, 64, 0, EarlyReturn, leaver), Code::kInternal,
                   "kernel EarlyReturn", "divergent barrier", "returned");
    }
    EXPECT_FAILS(checks, Run("BarrierAgainstWarp", 1, 64, 0, BarrierAgainstWarp), Code::kInternal,
                 "kernel BarrierAgainstWarp", "divergent barrier",
                 "__syncthreads of emulator_faults_check");
    EXPECT_FAILS(checks, Run("HalfWarpMissing", 1, 32, 0, HalfWarpMissing), Code::kInternal,
                 "deadlock: thread 0 waits in __syncwarp and thread ", "in __syncthreads of");
  }
}

__global__ void MaskWithoutCaller() { __syncwarp(0x0000FFFFu); }
__global__ void OddMask() { __shfl_xor_sync(0x7u, 1, 1); }
__global__ void OddWidth() { __shfl_xor_sync(kAll, 1, 1, 12); }
__global__ void ReadsAbsentLane() { __shfl_sync(kAll, 1, 9); }
__global__ void TwoShuffles() {
  if (threadIdx.x == 7) {
    __shfl_xor_sync(kAll, 1, 1);
  } else {
    __shfl_xor_sync(kAll, 2, 1);
  }
}
__global__ void LaneLeaves() {
  if (threadIdx.x == 3) return;
  __shfl_down_sync(kAll, 1, 1);
}
__global__ void WarpLeaves(int* arrived) {
  if (threadIdx.x >= 32) return;
  atomicAdd(arrived, __shfl_xor_sync(kAll, 1, 1));
}

void CheckWarps() {
  for (const Schedule& schedule : kSchedules) {
    (void)norm_emulator_order(schedule.order, schedule.seed);
    EXPECT_FAILS(checks, Run("MaskWithoutCaller", 1, 32, 0, MaskWithoutCaller), Code::kInternal,
                 "mask 0x0000ffff that lacks the calling lane");
    EXPECT_FAILS(checks, Run("OddMask", 1, 32, 0, OddMask), Code::kInternal,
                 "mask 0x00000007: expected an aligned power of two of lanes");
    EXPECT_FAILS(checks, Run("OddWidth", 1, 32, 0, OddWidth), Code::kInternal, "width 12");
    EXPECT_FAILS(checks, Run("ReadsAbsentLane", 1, 9, 0, ReadsAbsentLane), Code::kInternal,
                 "reads lane 9, which takes no part");
    EXPECT_OK(checks, Run("ReadsAbsentLane", 1, 10, 0, ReadsAbsentLane));
    EXPECT_FAILS(checks, Run("TwoShuffles", 1, 32, 0, TwoShuffles), Code::kInternal,
                 "divergent warp operation");
    EXPECT_FAILS(checks, Run("LaneLeaves", 1, 32, 0, LaneLeaves), Code::kInternal,
                 "divergent warp operation", "returned");
    DeviceArray<int> arrived(1);
    arrived[0] = 0;
    EXPECT_OK(checks, Run("WarpLeaves", 1, 96, 0, WarpLeaves, arrived.data()));
    EXPECT(checks, arrived[0] == 32);
  }
}

__global__ void TakesTooMuch() {
  SharedArena arena;
  arena.Take<float>(8);
  arena.Take<double>(9);
}
__global__ void OverrunsShared(int index) {
  SharedArena arena;
  float* first = arena.Take<float>(6);
  arena.Take<float>(4)[0] = 1;
  first[index] = 1;
}
__global__ void LoadsShared(int index, float* y) {
  SharedArena arena;
  float* first = arena.Take<float>(4);
  Store<4>(first, {{1, 2, 3, 4}});
  Store<1>(y, Load<1>(first + index));
}

void CheckSharedMemory() {
  const size_t bytes = SharedBytes<float>(8) + SharedBytes<double>(9);
  EXPECT_OK(checks, Run("TakesTooMuch", 1, 32, bytes, TakesTooMuch));
  EXPECT_FAILS(checks, Run("TakesTooMuch", 2, 32, bytes - 16, TakesTooMuch), Code::kInternal,
               "kernel TakesTooMuch, block (",
               "take 1 ends at byte 104, and the launch asked for 96 bytes");
  EXPECT_OK(checks, Run("OverrunsShared", 1, 1, 64, OverrunsShared, 5));
  for (int index : {6, 7, 8}) {
    EXPECT_FAILS(checks, Run("OverrunsShared", 1, 1, 64, OverrunsShared, index), Code::kInternal,
                 "kernel OverrunsShared, block (0,0,0): a write to shared memory", "before take 1");
  }
  DeviceArray<float> y(1);
  EXPECT_OK(checks, Run("LoadsShared", 1, 1, 16, LoadsShared, 3, y.data()));
  EXPECT(checks, y[0] == 4);
  for (int index : {-1, 4, 1000}) {
    EXPECT_FAILS(checks, Run("LoadsShared", 1, 1, 16, LoadsShared, index, y.data()),
                 Code::kInternal, "Load of 4 bytes outside of the shared memory taken");
  }
}

template <int V>
__global__ void CopyVector(const float* x, float* y) {
  const Vec<V> value = Load<V>(x);
  if (threadIdx.x == 0) StoreStreaming<V>(y, value);
}
__global__ void WritesPlainly(float* y, int index) { y[index] = 1; }

void CheckAccesses() {
  DeviceArray<float> x(10), y(10);
  x.Fill(1);
  EXPECT_OK(checks, Run("CopyVector", 1, 1, 0, CopyVector<4>, x.data() + 4, y.data() + 4));
  EXPECT_OK(checks, Run("CopyVector", 1, 1, 0, CopyVector<2>, x.data() + 8, y.data() + 8));
  EXPECT_FAILS(checks, Run("CopyVector", 1, 1, 0, CopyVector<4>, x.data() + 2, y.data()),
               Code::kInternal, "misaligned Load of 16 bytes");
  EXPECT_FAILS(checks, Run("CopyVector", 1, 1, 0, CopyVector<2>, x.data(), y.data() + 1),
               Code::kInternal, "misaligned Store of 8 bytes");
  EXPECT_FAILS(checks, Run("CopyVector", 1, 1, 0, CopyVector<4>, x.data() + 8, y.data()),
               Code::kInternal, "Load out of bounds: 16 bytes at offset 32 of the 40 bytes");
  EXPECT_FAILS(checks, Run("CopyVector", 1, 1, 0, CopyVector<1>, x.data(), y.data() + 10),
               Code::kInternal, "Store out of bounds: 4 bytes at offset 40 of the 40 bytes");
  EXPECT_FAILS(checks, Run("CopyVector", 1, 1, 0, CopyVector<1>, x.data() - 1, y.data()),
               Code::kInternal, "Load out of bounds: 4 bytes at offset -4 of the 40 bytes");
#ifndef __SANITIZE_ADDRESS__  // which ends the program here
  EXPECT_FAILS(checks, Run("WritesPlainly", 1, 1, 0, WritesPlainly, y.data(), 10), Code::kInternal,
               "kernel WritesPlainly: a write at offset 40 of the 40 bytes");
  EXPECT_FAILS(checks, Run("WritesPlainly", 1, 1, 0, WritesPlainly, y.data(), -1), Code::kInternal,
               "kernel WritesPlainly: a write at offset -4 of the 40 bytes");
#endif
  EXPECT_OK(checks, Run("WritesPlainly", 1, 1, 0, WritesPlainly, y.data(), 9));

  alignas(16) float unknown[4] = {1, 2, 3, 4};
  EXPECT_OK(checks, Run("CopyVector", 1, 1, 0, CopyVector<4>, unknown, y.data()));
  {
    emulator::BufferScope scope;
    scope.Add(x.data(), 8 * sizeof(float), false, "x");
    scope.Add(y.data(), 10 * sizeof(float), true, "y");
    EXPECT_OK(checks, Run("CopyVector", 1, 1, 0, CopyVector<4>, x.data() + 4, y.data()));
    EXPECT_FAILS(checks, Run("CopyVector", 1, 1, 0, CopyVector<1>, x.data() + 8, y.data()),
                 Code::kInternal, "4 bytes at offset 32 of the 32 bytes of buffer x");
    EXPECT_FAILS(checks, Run("CopyVector", 1, 1, 0, CopyVector<1>, y.data(), x.data()),
                 Code::kInternal, "Store out of bounds: buffer x is read only");
    EXPECT_FAILS(checks, Run("CopyVector", 1, 1, 0, CopyVector<4>, unknown, y.data()),
                 Code::kInternal, "outside of every buffer of the call");
  }
  EXPECT_OK(checks, Run("CopyVector", 1, 1, 0, CopyVector<4>, unknown, y.data()));
}

void CheckLaunches() {
  DeviceArray<float> y(64);
  const auto launch = [&] {
    return Run("Swap", 1, 64, SharedBytes<float>(64), Swap, y.data(), true);
  };
  EXPECT(checks, norm_inject_fault("launch", 1) == 0);
  EXPECT_OK(checks, launch());
  EXPECT_FAILS(checks, launch(), Code::kResourceExhausted, "Swap");
  EXPECT_OK(checks, launch());
  EXPECT_FAILS(checks, Run("Swap", 0, 64, 256, Swap, y.data(), true), Code::kInternal,
               "kernel Swap", "empty grid or block");
  EXPECT_FAILS(checks, Run("Swap", dim3(1, 65536), 64, 256, Swap, y.data(), true), Code::kInternal,
               "grid too large");
  EXPECT_FAILS(checks, Run("Swap", 1, 1025, 256, Swap, y.data(), true), Code::kInternal,
               "block too large");
  EXPECT_FAILS(checks, Run("Swap", 1, 64, 99 * 1024 + 1, Swap, y.data(), true), Code::kInternal,
               "too much shared memory");
  // One block of many fails, the rest of the grid stops.
  EXPECT_FAILS(checks, Run("EarlyReturn", 5000, 64, 0, EarlyReturn, 9u), Code::kInternal,
               "EarlyReturn");
}

void CheckRuntime() {
  DeviceArray<float> x(4);
  float host[5] = {1, 2, 3, 4, 5};
  EXPECT(checks, std::isnan(x[0]) && std::isnan(x[3]));
  EXPECT(checks,
         cudaMemcpy(x.data(), host, 16, cudaMemcpyHostToDevice) == cudaSuccess && x[3] == 4);
  EXPECT(checks, cudaMemcpy(x.data(), host, 20, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  EXPECT(checks, cudaMemset(x.data() + 1, 0, 16) == cudaErrorInvalidValue);
  EXPECT(checks, cudaMemset(x.data() + 1, 0, 12) == cudaSuccess && x[0] == 1 && x[1] == 0);
  EXPECT(checks, cudaFree(x.data() + 1) == cudaErrorInvalidValue);
  void* none = host;
  EXPECT(checks,
         cudaMalloc(&none, size_t{1} << 60) == cudaErrorMemoryAllocation && none == nullptr);
  int count = 0;
  cudaDeviceProp properties;
  EXPECT(checks, cudaGetDeviceCount(&count) == cudaSuccess && count == 1);
  EXPECT(checks, cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  EXPECT(checks, std::string(properties.name) == "emulated");
  EXPECT(checks, cudaGetDeviceProperties(&properties, 1) == cudaErrorInvalidDevice);
  EXPECT(checks,
         std::string(cudaGetErrorName(cudaErrorMemoryAllocation)) == "cudaErrorMemoryAllocation");
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm::test;
  CheckMissingBarrier();
  CheckDivergence();
  CheckWarps();
  CheckSharedMemory();
  CheckAccesses();
  CheckLaunches();
  CheckRuntime();
  return checks.Finish();
}
