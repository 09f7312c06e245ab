#include "core/c_api.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <mutex>

#include "core/counters.h"
#include "core/devices.h"
#include "core/direct.h"
#include "core/op.h"

namespace tfjs_norm {
namespace {

Status ReadDevice(int32_t given, Device* device) {
  if (given != NORM_HOST && given != NORM_CUDA) {
    return NORM_INVALID("device must be 0 (host) or 1 (CUDA), got %d", given);
  }
  *device = given == NORM_CUDA ? Device::kCuda : Device::kHost;
  return Ok();
}

int32_t Result(const Status& status) { return static_cast<int32_t>(status.code()); }

// A NormCall whose op, attributes, inputs and output slots are known to be usable.
struct Call {
  const OpDecl* op = nullptr;
  Device device = Device::kHost;
  Attributes attributes{nullptr, {}};
  std::vector<Tensor> inputs;

  std::vector<Dims> input_dims() const {
    std::vector<Dims> dims;
    for (const Tensor& input : inputs) dims.push_back(input.dims);
    return dims;
  }
};

Status ReadAttributes(const NormCall& given, Call* call) {
  const OpDecl& op = *call->op;
  if (given.attribute_count < 0 || (given.attribute_count > 0 && given.attributes == nullptr)) {
    return NORM_INVALID("%s: expected attributes, got %d of them at a null pointer", op.name,
                        given.attribute_count);
  }
  std::vector<std::pair<std::string, double>> attributes;
  for (int32_t i = 0; i < given.attribute_count; ++i) {
    const NormAttribute& attribute = given.attributes[i];
    if (attribute.name == nullptr) {
      return NORM_INVALID("%s: attribute %d has no name", op.name, i);
    }
    attributes.emplace_back(attribute.name, attribute.value);
  }
  return MakeAttributes(op, attributes, &call->attributes);
}

Status ReadInputs(const NormCall& given, Call* call) {
  const OpDecl& op = *call->op;
  const int32_t count = given.inputs == nullptr ? 0 : std::max(given.input_count, 0);
  NORM_RETURN_IF_ERROR(CheckInputCount(op, count));
  const Arrangement arrangement = InputsOf(op, count);
  for (int32_t i = 0; i < count; ++i) {
    const NormTensor& input = given.inputs[i];
    if (input.rank < 0 || input.rank > NORM_MAX_RANK) {
      return NORM_INVALID("%s: %s must have a rank in [0, %d], got %d", op.name,
                          op.inputs[arrangement.argument(i)].name, NORM_MAX_RANK, input.rank);
    }
    call->inputs.push_back({Dims(input.dims, input.dims + input.rank), input.data});
  }
  return Ok();
}

Status ReadCall(const NormCall& given, Call* call) {
  if (given.op == nullptr) return NORM_INVALID("expected the name of an op, got a null pointer");
  call->op = FindOp(given.op);
  if (call->op == nullptr) return NORM_INVALID("expected the name of an op, got %s", given.op);
  const OpDecl& op = *call->op;
  const Status device = ReadDevice(given.device, &call->device);
  if (!device.ok()) return Status(device.code(), std::string(op.name) + ": " + device.message());
  NORM_RETURN_IF_ERROR(ReadAttributes(given, call));
  return ReadInputs(given, call);
}

Status CheckOutputSlots(const NormCall& given, const OpDecl& op) {
  const int32_t expected = OutputsOf(op, given.input_count).size();
  if (given.output_count == expected && given.outputs != nullptr) return Ok();
  return NORM_INVALID("%s: expected %d outputs, got %d", op.name, expected,
                      given.outputs == nullptr ? 0 : given.output_count);
}

Status InferCall(NormCall* given) {
  Call call;
  NORM_RETURN_IF_ERROR(ReadCall(*given, &call));
  NORM_RETURN_IF_ERROR(CheckOutputSlots(*given, *call.op));
  std::vector<Dims> outputs;
  NORM_RETURN_IF_ERROR(InferOutputs(call.attributes, call.input_dims(), &outputs));
  for (size_t i = 0; i < outputs.size(); ++i) {
    NormTensor& slot = given->outputs[i];
    slot.rank = static_cast<int32_t>(outputs[i].size());
    for (size_t d = 0; d < outputs[i].size(); ++d) slot.dims[d] = outputs[i][d];
  }
  return Ok();
}

Status MeasureCall(NormCall* given, size_t* bytes) {
  if (bytes == nullptr) return NORM_INVALID("expected a place for the bytes, got a null pointer");
  Call call;
  NORM_RETURN_IF_ERROR(ReadCall(*given, &call));
  return MeasureWorkspace(call.attributes, call.input_dims(), call.device, bytes);
}

Status RunCall(NormCall* given) {
  Call call;
  NORM_RETURN_IF_ERROR(ReadCall(*given, &call));
  NORM_RETURN_IF_ERROR(CheckOutputSlots(*given, *call.op));
  // Before the data pointers: a wrong shape is what explains a missing pointer.
  std::vector<Dims> outputs;
  NORM_RETURN_IF_ERROR(InferOutputs(call.attributes, call.input_dims(), &outputs));
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    if (call.inputs[i].size() > 0 && call.inputs[i].data == nullptr) {
      const int argument = InputsOf(*call.op, call.inputs.size()).argument(static_cast<int>(i));
      return NORM_INVALID("%s: %s must have data for shape %s, got a null pointer", call.op->name,
                          call.op->inputs[argument].name, ToString(call.inputs[i].dims).c_str());
    }
  }
  DirectContext context(*call.op, *given, std::move(call.inputs));
  return RunOp(call.attributes, given->input_count, context, call.device);
}

template <typename F>
int32_t Answer(NormCall* call, F f) {
  if (call == nullptr) return static_cast<int32_t>(Code::kInvalidArgument);
  const Status status = f();
  if (call->error != nullptr && call->error_size > 0) {
    std::snprintf(call->error, call->error_size, "%s", status.message().c_str());
  }
  return Result(status);
}

// The buffers of direct calls: whose memory each is, and its size for the count of live bytes.
struct Buffer {
  Device device = Device::kHost;
  size_t bytes = 0;
};

struct Buffers {
  std::mutex mutex;
  std::map<void*, Buffer> live;
};

Buffers& GetBuffers() {
  static Buffers& buffers = *new Buffers;
  return buffers;
}

Status AllocateBuffer(int32_t given, size_t bytes, void** data) {
  if (data == nullptr) return NORM_INVALID("expected a place for the pointer, got a null pointer");
  *data = nullptr;
  Device device = Device::kHost;
  NORM_RETURN_IF_ERROR(ReadDevice(given, &device));
  NORM_RETURN_IF_ERROR(BeforeAllocation("a buffer", AllocationKind::kBuffer, bytes));
  NORM_RETURN_IF_ERROR(AllocateOnDevice(device, bytes, data));
  AfterAllocation(bytes);
  Buffers& buffers = GetBuffers();
  const std::lock_guard<std::mutex> lock(buffers.mutex);
  buffers.live[*data] = {device, bytes};
  return Ok();
}

void FreeBuffer(void* data) {
  Buffer buffer;
  {
    Buffers& buffers = GetBuffers();
    const std::lock_guard<std::mutex> lock(buffers.mutex);
    const auto found = buffers.live.find(data);
    // Not a buffer of norm_malloc, or freed already: freeing it would destroy the heap.
    if (found == buffers.live.end()) return;
    buffer = found->second;
    AfterFree(buffer.bytes);
    buffers.live.erase(found);
  }
  FreeOnDevice(buffer.device, data);
}

Status CopyBuffer(int32_t given, void* to, const void* from, size_t bytes,
                  Status (*copy)(Device, void*, const void*, size_t)) {
  Device device = Device::kHost;
  NORM_RETURN_IF_ERROR(ReadDevice(given, &device));
  if (bytes > 0 && (to == nullptr || from == nullptr)) {
    return NORM_INVALID("expected two buffers of %zu bytes, got a null pointer", bytes);
  }
  return copy(device, to, from, bytes);
}

std::string& MemoryError() {
  thread_local std::string message;
  return message;
}

int32_t MemoryResult(const Status& status) {
  if (!status.ok()) MemoryError() = status.message();
  return Result(status);
}

}  // namespace
}  // namespace tfjs_norm

using namespace tfjs_norm;

int32_t norm_infer(NormCall* call) {
  return Answer(call, [&] { return InferCall(call); });
}

int32_t norm_workspace_bytes(NormCall* call, size_t* bytes) {
  return Answer(call, [&] { return MeasureCall(call, bytes); });
}

int32_t norm_run(NormCall* call) {
  return Answer(call, [&] { return RunCall(call); });
}

const char* norm_devices() {
  thread_local std::string json;
  json = DescribeDevices();
  return json.c_str();
}

#ifndef NORM_KIND_emulated
int32_t norm_emulator_order(int32_t, uint64_t) {
  return static_cast<int32_t>(Code::kUnimplemented);
}
#endif

int32_t norm_malloc(int32_t device, size_t bytes, void** data) {
  return MemoryResult(AllocateBuffer(device, bytes, data));
}

// The device is the one that the buffer was asked of: the wrong free would destroy the heap.
void norm_free(int32_t, void* data) { FreeBuffer(data); }

int32_t norm_copy_to_device(int32_t device, void* to, const void* from, size_t bytes) {
  return MemoryResult(CopyBuffer(device, to, from, bytes, CopyToDevice));
}

int32_t norm_copy_to_host(int32_t device, void* to, const void* from, size_t bytes) {
  return MemoryResult(CopyBuffer(device, to, from, bytes, CopyToHost));
}

int32_t norm_synchronize(int32_t given, void* stream) {
  Device device = Device::kHost;
  const Status status = ReadDevice(given, &device);
  return MemoryResult(status.ok() ? Synchronize(device, stream) : status);
}

const char* norm_memory_error() { return MemoryError().c_str(); }
