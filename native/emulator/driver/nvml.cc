// libnvidia-ml.so.1: starts, stops, and knows nothing.
#include "emulator/driver/abi.h"

NORM_DRIVER_API int nvmlInit_v2() { return 0; }
NORM_DRIVER_API int nvmlShutdown() { return 0; }
