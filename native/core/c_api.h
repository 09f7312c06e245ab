/* The C face of the op library: plain pointers, shapes, workspace, stream, status. For ctypes
 * benches, for the N-API addon, and for any other language. Every function is safe to call from any
 * thread. */
#ifndef TFJS_CUDA_NORM_C_API_H_
#define TFJS_CUDA_NORM_C_API_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NORM_API __attribute__((visibility("default")))

enum { NORM_HOST = 0, NORM_CUDA = 1 };
enum { NORM_MAX_RANK = 16 };

typedef struct NormTensor {
  float* data;
  int32_t rank;
  int64_t dims[NORM_MAX_RANK];
} NormTensor;

/* Integers and booleans travel as numbers too. */
typedef struct NormAttribute {
  const char* name;
  double value;
} NormAttribute;

/* One op call. `error` receives a message of at most error_size bytes when the result is not 0. */
typedef struct NormCall {
  const char* op;
  int32_t device;
  const NormTensor* inputs;
  int32_t input_count;
  const NormAttribute* attributes;
  int32_t attribute_count;
  NormTensor* outputs;
  int32_t output_count;
  void* workspace; /* null: norm_run allocates and frees its own (synchronises on CUDA) */
  size_t workspace_bytes;
  void* stream; /* cudaStream_t, null for the default stream and on the host */
  char* error;
  size_t error_size;
} NormCall;

/* Results are TF_Code values: 0 ok, 3 invalid argument, 8 resource exhausted, 12 unimplemented, 13
 * internal, 14 device lost. */

/* Fills rank and dims of call->outputs. */
NORM_API int32_t norm_infer(NormCall* call);
/* Bytes of workspace norm_run will ask for with these inputs. */
NORM_API int32_t norm_workspace_bytes(NormCall* call, size_t* bytes);
/* Runs the op; outputs must have been inferred and their data pointers set. On CUDA it only
 * launches. */
NORM_API int32_t norm_run(NormCall* call);

/* JSON: {"kind": "cuda"|"host"|"emulated", "version", "architectures": [...], "ops": [{name,
 * summary, inputs, outputs, lists, attributes: [{name, type, default, minimum, maximum}]}]}.
 * `lists` names the inputs and outputs that are lists: a call has any number of tensors for each,
 * the same for all, one after the other in the place of the argument. Valid for ever. */
NORM_API const char* norm_describe(void);

/* Gives the ops to the TensorFlow of this process. Loading the library does so where TensorFlow is
 * loaded already; whoever loads TensorFlow later calls this. 0 when they are registered, by this
 * call, an earlier one or another library of this package; else norm_tensorflow() says why not. */
NORM_API int32_t norm_register_tensorflow(void);

/* JSON: {"registered": bool, "version": "2.21.0", "path": "TensorFlow's library", "library": "the
 * library whose ops it has", "message": "why not", "stream": {"path", "version", "message"}}.
 * `stream` is about the library that gives TensorFlow's CUDA stream, absent in the host library;
 * its version must be TensorFlow's. Valid for ever. */
NORM_API const char* norm_tensorflow(void);

/* JSON: {"driver": 13000, "runtime": 13000, "devices": [{"name", "computeCapability": "9.0",
 * "totalMemory", "freeMemory", "multiprocessors", "hasCode": bool}], "message": ""}. */
NORM_API const char* norm_devices(void);

typedef struct NormCounters {
  int64_t op_calls;
  int64_t launches;
  int64_t output_bytes; /* sum over calls */
  int64_t temp_bytes;   /* sum over calls */
  int64_t live_bytes;   /* temporaries and direct-call buffers alive now */
  int64_t peak_bytes;   /* highest live_bytes since the last reset */
  int64_t allocations;  /* outputs and temporaries */
} NormCounters;
NORM_API void norm_counters(NormCounters* counters);
NORM_API void norm_reset_counters(void);
/* JSON object: op name -> calls since the last reset. */
NORM_API const char* norm_op_calls(void);

/* Tests: the (after+1)-th allocation or launch from now fails once with resource exhausted. kind is
 * "allocation" or "launch"; after < 0 disarms. Returns 12 in a library built without fault
 * injection. */
NORM_API int32_t norm_inject_fault(const char* kind, int32_t after);
/* Emulated library: order in which a block's threads run: 0 forward, 1 reverse, 2 seeded random. */
NORM_API int32_t norm_emulator_order(int32_t order, uint64_t seed);

/* Device memory for direct calls; on NORM_HOST plain aligned memory. Copies synchronise. norm_free
 * frees on the device that norm_malloc was given, whatever its own says; other pointers are left
 * alone. */
NORM_API int32_t norm_malloc(int32_t device, size_t bytes, void** data);
NORM_API void norm_free(int32_t device, void* data);
NORM_API int32_t norm_copy_to_device(int32_t device, void* to, const void* from, size_t bytes);
NORM_API int32_t norm_copy_to_host(int32_t device, void* to, const void* from, size_t bytes);
NORM_API int32_t norm_synchronize(int32_t device, void* stream);
/* Why the last of these calls failed on the calling thread. */
NORM_API const char* norm_memory_error(void);

#ifdef __cplusplus
}
#endif
#endif
