// What kernel_check needs around a kernel call: memory of a device, seeded values, comparison with
// the reference.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/c_api.h"
#include "core/op.h"
#include "norms/adaptive_grad_clip.h"
#include "norms/attentive_norm.h"
#include "norms/dynamic_tanh.h"
#include "norms/equi_norm.h"
#include "norms/filter_response_norm.h"
#include "norms/fixup.h"
#include "norms/generalized_hamming.h"
#include "norms/global_response_norm.h"
#include "norms/online_norm.h"
#include "norms/selu.h"
#include "norms/stochastic_norm.h"
#include "norms/switchable_norm.h"
#include "norms/weight_norm.h"
#include "test/check.h"
#include "test/reference.h"

namespace tfjs_norm::test {

using Floats = std::vector<float>;

// Arrays of one call, freed with it. Outputs and workspaces start as NaN.
class Memory {
 public:
  explicit Memory(Device device) : device_(device) {}
  ~Memory() {
    for (void* data : allocated_) {
      if (device_ == Device::kCuda) {
        (void)cudaFree(data);
      } else {
        std::free(data);
      }
    }
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // `shift` floats beyond a 256-byte boundary.
  float* Put(const Floats& values, int shift = 0) {
    auto* data = static_cast<float*>(Allocate((values.size() + shift) * sizeof(float))) + shift;
    const size_t bytes = values.size() * sizeof(float);
    if (bytes == 0) return data;
    if (device_ == Device::kCuda) {
      ok_ &= cudaMemcpy(data, values.data(), bytes, cudaMemcpyHostToDevice) == cudaSuccess;
    } else {
      std::memcpy(data, values.data(), bytes);
    }
    return data;
  }
  const float* PutIf(bool wanted, const Floats& values) { return wanted ? Put(values) : nullptr; }
  float* Poisoned(int64_t count, int shift = 0) {
    return Put(Floats(count, std::numeric_limits<float>::quiet_NaN()), shift);
  }
  void* Workspace(size_t bytes) { return bytes ? Poisoned((bytes + 3) / 4) : nullptr; }

  Floats Get(const float* data, int64_t count) {
    Floats values(data ? count : 0);
    const size_t bytes = values.size() * sizeof(float);
    if (bytes == 0) return values;
    if (device_ == Device::kCuda) {
      ok_ &= cudaMemcpy(values.data(), data, bytes, cudaMemcpyDeviceToHost) == cudaSuccess;
    } else {
      std::memcpy(values.data(), data, bytes);
    }
    return values;
  }
  bool ok() const { return ok_; }

 private:
  void* Allocate(size_t bytes) {
    void* data = nullptr;
    bytes = std::max<size_t>(bytes, 4);
    if (device_ == Device::kCuda) {
      ok_ &= cudaMalloc(&data, bytes) == cudaSuccess;
    } else {
      data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    }
    allocated_.push_back(data);
    return data;
  }

  Device device_;
  bool ok_ = true;
  std::vector<void*> allocated_;
};

// Runs args on a device with a workspace from `memory`, and waits.
template <class Args>
Status RunOn(Device device, const Args& args, Memory& memory) {
  if (device == Device::kHost) return host::Run(args, memory.Workspace(host::WorkspaceBytes(args)));
  const Status status = cuda::Run(args, memory.Workspace(cuda::WorkspaceBytes(args)), nullptr);
  if (!status.ok()) return status;
  const cudaError_t error = cudaDeviceSynchronize();
  if (error == cudaSuccess) return Ok();
  return Error(Code::kInternal, "%s", cudaGetErrorString(error));
}

enum class Data { kNormal, kOffset, kConstant };

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t Int(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  bool Bool() { return Int(0, 1) == 1; }
  template <class T>
  T OneOf(std::initializer_list<T> values) {
    return values.begin()[Int(0, static_cast<int64_t>(values.size()) - 1)];
  }
  Floats Normal(int64_t count, double mean, double deviation) {
    std::normal_distribution<double> distribution(mean, deviation);
    Floats values(count);
    for (float& value : values) value = static_cast<float>(distribution(engine_));
    return values;
  }
  Floats Positive(int64_t count) {
    Floats values = Normal(count, 0, 1);
    for (float& value : values) value = std::fabs(value) + 0.05f;
    return values;
  }
  Floats Of(Data data, int64_t count) {
    if (data == Data::kConstant) return Floats(count, 10000.3f);
    return data == Data::kOffset ? Normal(count, 1e4, 0.25) : Normal(count, 0.3, 1.5);
  }

 private:
  std::mt19937_64 engine_;
};

inline double LargestProduct(const Floats& gradients, const float* gamma, int64_t channels) {
  double gradient = 0;
  double scale = gamma ? 0 : 1;
  for (float value : gradients) gradient = std::max(gradient, std::fabs(double{value}));
  for (int64_t i = 0; gamma && i < channels; ++i)
    scale = std::max(scale, std::fabs(double{gamma[i]}));
  return gradient * scale;
}

inline bool SameBits(const Floats& a, const Floats& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// Expectations of one device's cases, with the worst error of every op as a fraction of what is
// allowed.
class Results {
 public:
  Results(Checks& checks, std::string device) : checks_(checks), device_(std::move(device)) {}

  void Case(std::string name) { case_ = std::move(name); }
  void That(bool holds, const std::string& what) {
    checks_.That(holds, what.c_str(), device_.c_str(), ++number_, case_);
  }
  void Succeeded(const Status& status) { That(status.ok(), "success, got " + status.message()); }

  // |got - want| <= 1e-6 max(1, max |want|, term) + 2e-5 |want|, where `term` is the largest of the
  // float32 terms that may cancel in an output (dx of a set of two values is almost all
  // cancellation).
  void Close(const std::string& op, const std::string& output, const Floats& got,
             const reference::Values& want, double term = 0) {
    double largest = std::max(1.0, term);
    for (double value : want) largest = std::max(largest, std::fabs(value));
    double worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < want.size() && i < got.size(); ++i) {
      const double error = std::fabs(got[i] - want[i]);
      const double allowed = 1e-6 * largest + 2e-5 * std::fabs(want[i]);
      const double ratio = std::isnan(got[i]) ? HUGE_VAL : error / allowed;
      if (ratio > worst) {
        worst = ratio;
        at = i;
      }
    }
    double& recorded = worst_[op + "." + output];
    recorded = std::max(recorded, worst);
    char text[160] = "";
    if (worst > 1) {
      std::snprintf(text, sizeof text, " (%.3g of the allowed error: [%zu] is %.9g, not %.9g)",
                    worst, at, got[at], want[at]);
    }
    That(got.size() == want.size() && worst <= 1,
         op + " " + output + " close to the reference" + text);
  }

  void Launches(const std::string& op, int64_t count) {
    int64_t& recorded = launches_[op];
    recorded = std::max(recorded, count);
  }

  // {"device": ..., "worst": {...}, "launches": {...}}
  std::string Json() const {
    std::string text = "{\"device\": \"" + device_ + "\", \"worst\": {";
    char number[64];
    for (const auto& [name, value] : worst_) {
      std::snprintf(number, sizeof number, "\"%s\": %.4g", name.c_str(), std::min(value, 1e30));
      text += (text.back() == '{' ? "" : ", ") + std::string(number);
    }
    text += "}, \"launches\": {";
    for (const auto& [name, value] : launches_) {
      text += (text.back() == '{' ? "" : ", ") + ("\"" + name + "\": ") + std::to_string(value);
    }
    return text + "}}";
  }

 private:
  Checks& checks_;
  std::string device_;
  std::string case_;
  int number_ = 0;
  std::map<std::string, double> worst_;
  std::map<std::string, int64_t> launches_;
};

// Two runs of `run` (which returns the outputs) agree in every bit; the first one's outputs.
// Records launches.
template <class Run>
std::vector<Floats> RunTwice(Results& results, const std::string& op, Run run) {
  NormCounters before = {};
  NormCounters after = {};
  norm_counters(&before);
  std::vector<Floats> first = run();
  norm_counters(&after);
  results.Launches(op, after.launches - before.launches);
  const std::vector<Floats> second = run();
  for (size_t i = 0; i < first.size(); ++i) {
    results.That(i < second.size() && SameBits(first[i], second[i]),
                 op + " output " + std::to_string(i) + " the same in two runs");
  }
  return first;
}

}  // namespace tfjs_norm::test
