// Running statistics: mean and spread (a variance or a standard deviation) of each channel, which
// follow those of the sets along the rows, one after the other:
//
//   new = old + update_rate * (value - old),  update_rate = 1 - momentum
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace tfjs_norm {

// Arrays [C]; null where there are none. There may be a mean alone.
struct Running {
  const float* mean = nullptr;
  const float* spread = nullptr;
  float* new_mean = nullptr;
  float* new_spread = nullptr;
  double update_rate = 0;

  NORM_HOST_DEVICE bool wanted() const { return new_mean != nullptr; }
};

// One channel of it, in double until all sets are in. Nothing where none are wanted.
class RunningChannel {
 public:
  NORM_HOST_DEVICE RunningChannel(const Running& running, int64_t channel)
      : running_(running), channel_(channel) {
    if (!running_.wanted()) return;
    mean_ = running_.mean[channel];
    if (running_.new_spread) spread_ = running_.spread[channel];
  }

  NORM_HOST_DEVICE void Follow(double mean, double spread) {
    mean_ += running_.update_rate * (mean - mean_);
    spread_ += running_.update_rate * (spread - spread_);
  }

  NORM_HOST_DEVICE void Write() const {
    if (!running_.wanted()) return;
    running_.new_mean[channel_] = static_cast<float>(mean_);
    if (running_.new_spread) running_.new_spread[channel_] = static_cast<float>(spread_);
  }

 private:
  const Running& running_;
  int64_t channel_;
  double mean_ = 0;
  double spread_ = 0;
};

}  // namespace tfjs_norm
