// Device memory of a test, from the emulated cudaMalloc.
#pragma once

#include <cuda_runtime.h>

#include "core/c_api.h"

namespace tfjs_norm::test {

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(int count) : count_(count) { (void)cudaMalloc(&data_, sizeof(T) * count); }
  ~DeviceArray() { (void)cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return data_; }
  T& operator[](int i) { return data_[i]; }
  int count() const { return count_; }
  void Fill(T value) {
    for (int i = 0; i < count_; ++i) data_[i] = value;
  }

 private:
  T* data_ = nullptr;
  int count_;
};

struct Schedule {
  int order;
  uint64_t seed;
};
constexpr Schedule kSchedules[] = {{0, 0}, {1, 0}, {2, 1}, {2, 2}, {2, 12345}};

}  // namespace tfjs_norm::test
