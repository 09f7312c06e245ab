// What the coefficient arithmetic of host and CUDA shares.
#pragma once

#ifdef __CUDACC__
#define NORM_MIX __host__ __device__ inline
#else
#define NORM_MIX inline
#endif

namespace tfjs_norm {

// Of a (row, channel) pair or of a set of them.
struct Statistic {
  double mean;
  double variance;
};

}  // namespace tfjs_norm
