// A stand-in for CUDA's header of this name, found first by include path order when the `.cu`
// sources are compiled by the host compiler. It holds the subset that portable.h allows; the
// kernels it runs are checked as no GPU checks them (see block.h and memory.h). For tests and
// development only.
#pragma once

#define NORM_EMULATED_RUNTIME 1

#include "emulator/cuda_api.h"
#include "emulator/cuda_intrinsics.h"
#include "emulator/cuda_types.h"
