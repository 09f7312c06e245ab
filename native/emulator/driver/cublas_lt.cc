// libcublasLt.so.12: a handle, which TensorFlow asks for when it starts; its products go to cuBLAS.
#include "emulator/driver/abi.h"

NORM_DRIVER_API int cublasLtCreate(void** handle) {
  static char any;
  *handle = &any;
  return 0;
}
NORM_DRIVER_API int cublasLtDestroy(void*) { return 0; }
