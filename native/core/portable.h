// The subset of CUDA our kernels keep to. Under nvcc these are thin names for the real thing; under
// the host compiler <cuda_runtime.h> is native/emulator's stand-in and the same kernel sources run
// on the CPU with checks that a GPU does not make.
//
// Rules for kernels
//   - launched only by Launch(); no <<<>>>, no textures, no dynamic parallelism, no device printf
//   - shared memory only from SharedArena: no __shared__ variables
//   - warp operations with the full mask or an aligned 2^k sub-warp, reached by whole warps; no
//   early return
//     before a barrier or warp operation; no implicit warp synchrony
//   - no assumption on grid or block size beyond template constants
//   - explicit fmaf; vector access through Load/Store below (alignment and bounds are checked when
//   emulated)
//   - no inline PTX: it belongs here, with a plain C++ twin
#pragma once

#include <cuda_runtime.h>

#include "core/portable_impl.h"
