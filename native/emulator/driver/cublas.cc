// libcublas.so.12 over host memory: matrix products of float32, the one thing of TensorFlow's own
// that computes here, because setup and doctor try TensorFlow with one. Column-major, as BLAS is.
#include <cstdint>

#include "emulator/driver/abi.h"

namespace {

enum Status { kOk = 0, kUnsupported = 15 };
enum Operation { kAsItIs = 0, kTransposed = 1 };  // real numbers: conjugated is transposed
constexpr int kFloat32 = 0;                       // cudaDataType

struct Handle {
  void* stream;
  int math_mode;
  int pointer_mode;
};

struct Matrix {
  const float* data;
  int leading;
  int operation;

  float At(int row, int column) const {
    const int64_t i = operation == kAsItIs ? row : column;
    const int64_t j = operation == kAsItIs ? column : row;
    return data[i + j * leading];
  }
};

void Multiply(int m, int n, int k, float alpha, const Matrix& a, const Matrix& b, float beta,
              float* c, int leading) {
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < m; ++i) {
      float sum = 0;
      for (int l = 0; l < k; ++l) sum += a.At(i, l) * b.At(l, j);
      float& to = c[i + static_cast<int64_t>(j) * leading];
      to = alpha * sum + (beta == 0 ? 0 : beta * to);  // what beta 0 does not read may be NaN
    }
  }
}

}  // namespace

NORM_DRIVER_API int cublasCreate_v2(Handle** handle) {
  *handle = new Handle();
  return kOk;
}
NORM_DRIVER_API int cublasDestroy_v2(Handle* handle) {
  delete handle;
  return kOk;
}
NORM_DRIVER_API int cublasGetVersion_v2(Handle*, int* version) {
  *version = 120900;
  return kOk;
}
NORM_DRIVER_API int cublasSetStream_v2(Handle* handle, void* stream) {
  handle->stream = stream;
  return kOk;
}
NORM_DRIVER_API int cublasGetStream_v2(Handle* handle, void** stream) {
  *stream = handle->stream;
  return kOk;
}
NORM_DRIVER_API int cublasSetMathMode(Handle* handle, int mode) {
  handle->math_mode = mode;
  return kOk;
}
NORM_DRIVER_API int cublasGetMathMode(Handle* handle, int* mode) {
  *mode = handle->math_mode;
  return kOk;
}
NORM_DRIVER_API int cublasSetPointerMode_v2(Handle* handle, int mode) {
  handle->pointer_mode = mode;
  return kOk;
}
NORM_DRIVER_API int cublasGetPointerMode_v2(Handle* handle, int* mode) {
  *mode = handle->pointer_mode;
  return kOk;
}
NORM_DRIVER_API int cublasSetWorkspace_v2(Handle*, void*, size_t) { return kOk; }
NORM_DRIVER_API int cublasSetAtomicsMode(Handle*, int) { return kOk; }
NORM_DRIVER_API const char* cublasGetStatusName(int status) {
  return status == kOk ? "CUBLAS_STATUS_SUCCESS" : "CUBLAS_STATUS_NOT_SUPPORTED";
}
NORM_DRIVER_API const char* cublasGetStatusString(int status) {
  return cublasGetStatusName(status);
}

NORM_DRIVER_API int cublasSgemm_v2(Handle*, int a_operation, int b_operation, int m, int n, int k,
                                   const float* alpha, const float* a, int a_leading,
                                   const float* b, int b_leading, const float* beta, float* c,
                                   int c_leading) {
  Multiply(m, n, k, *alpha, {a, a_leading, a_operation}, {b, b_leading, b_operation}, *beta, c,
           c_leading);
  return kOk;
}

NORM_DRIVER_API int cublasSgemmStridedBatched(Handle*, int a_operation, int b_operation, int m,
                                              int n, int k, const float* alpha, const float* a,
                                              int a_leading, long long a_stride, const float* b,
                                              int b_leading, long long b_stride, const float* beta,
                                              float* c, int c_leading, long long c_stride,
                                              int count) {
  for (int i = 0; i < count; ++i) {
    Multiply(m, n, k, *alpha, {a + i * a_stride, a_leading, a_operation},
             {b + i * b_stride, b_leading, b_operation}, *beta, c + i * c_stride, c_leading);
  }
  return kOk;
}

NORM_DRIVER_API int cublasGemmEx(Handle* handle, int a_operation, int b_operation, int m, int n,
                                 int k, const float* alpha, const float* a, int a_type,
                                 int a_leading, const float* b, int b_type, int b_leading,
                                 const float* beta, float* c, int c_type, int c_leading, int, int) {
  if (a_type != kFloat32 || b_type != kFloat32 || c_type != kFloat32) return kUnsupported;
  return cublasSgemm_v2(handle, a_operation, b_operation, m, n, k, alpha, a, a_leading, b,
                        b_leading, beta, c, c_leading);
}

NORM_DRIVER_API int cublasGemmStridedBatchedEx(Handle* handle, int a_operation, int b_operation,
                                               int m, int n, int k, const float* alpha,
                                               const float* a, int a_type, int a_leading,
                                               long long a_stride, const float* b, int b_type,
                                               int b_leading, long long b_stride, const float* beta,
                                               float* c, int c_type, int c_leading,
                                               long long c_stride, int count, int, int) {
  if (a_type != kFloat32 || b_type != kFloat32 || c_type != kFloat32) return kUnsupported;
  return cublasSgemmStridedBatched(handle, a_operation, b_operation, m, n, k, alpha, a, a_leading,
                                   a_stride, b, b_leading, b_stride, beta, c, c_leading, c_stride,
                                   count);
}

NORM_DRIVER_API int cublasSgemv_v2(Handle*, int operation, int m, int n, const float* alpha,
                                   const float* a, int a_leading, const float* x, int x_step,
                                   const float* beta, float* y, int y_step) {
  const int rows = operation == kAsItIs ? m : n;
  const int columns = operation == kAsItIs ? n : m;
  // Row vectors of a product, so that a step is a leading dimension.
  Multiply(1, rows, columns, *alpha, {x, x_step, kAsItIs},
           {a, a_leading, operation == kAsItIs ? kTransposed : kAsItIs}, *beta, y, y_step);
  return kOk;
}
