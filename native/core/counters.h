// What the library counts, and the faults tests may inject. Process-wide, thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace tfjs_norm {

// Launch() (portable.h) asks before every kernel launch: counts it, and returns resource exhausted
// when a test injected a launch fault.
Status BeforeLaunch(const char* kernel);

// RunOp and norm_malloc ask before every allocation: counts it, or refuses when a test injected an
// allocation fault. Buffers of direct calls may be refused too, but are in no sum (an output would
// count twice).
enum class AllocationKind { kOutput, kTemp, kBuffer };
Status BeforeAllocation(const char* what, AllocationKind kind, size_t bytes);
// Temporaries and direct-call buffers, for live and peak bytes.
void AfterAllocation(size_t bytes);
void AfterFree(size_t bytes);

void CountOpCall(const char* op);

}  // namespace tfjs_norm
