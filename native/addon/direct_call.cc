#include "addon/direct_call.h"

#include <vector>

#include "addon/direct_arguments.h"
#include "addon/errors.h"

namespace tfjs_norm {
namespace addon {
namespace {

// Device memory of one call; on the host the JavaScript arrays themselves are used.
class Buffers {
 public:
  Buffers(const Library& library, int32_t device) : library_(library), device_(device) {}
  ~Buffers() {
    for (void* data : data_) library_.free(device_, data);
  }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  int32_t Allocate(size_t bytes, float** data) {
    void* memory = nullptr;
    data_.reserve(data_.size() + 1);
    const int32_t code = library_.malloc(device_, bytes, &memory);
    if (code == 0) data_.push_back(memory);
    *data = static_cast<float*>(memory);
    return code;
  }

 private:
  const Library& library_;
  const int32_t device_;
  std::vector<void*> data_;
};

class DirectCall {
 public:
  DirectCall(Napi::Env env, const Library& library, const DirectArguments& arguments)
      : env_(env),
        library_(library),
        arguments_(arguments),
        on_host_(arguments.device == NORM_HOST),
        buffers_(library, arguments.device) {}

  Napi::Value Run() {
    Describe();
    // From here on no JavaScript runs, so no array can be detached or resized under the call.
    BindInputs();
    Check(library_.infer(&call_));
    std::vector<Napi::Float32Array> results = BindOutputs();
    Check(library_.run(&call_));
    if (!on_host_) CopyBack(results);
    return ToTensors(results);
  }

 private:
  void Check(int32_t code) {
    if (code != 0) throw MakeError(env_, static_cast<Code>(code), error_);
  }

  void CheckMemory(int32_t code) {
    if (code == 0) return;
    throw MakeError(env_, static_cast<Code>(code), arguments_.op + ": " + library_.memory_error());
  }

  void Describe() {
    for (const auto& [name, value] : arguments_.attributes) {
      attributes_.push_back({name.c_str(), value});
    }
    outputs_.resize(arguments_.facts->OutputCount(arguments_.inputs.size()));
    call_.op = arguments_.op.c_str();
    call_.device = arguments_.device;
    call_.attributes = attributes_.data();
    call_.attribute_count = static_cast<int32_t>(attributes_.size());
    call_.outputs = outputs_.data();
    call_.output_count = static_cast<int32_t>(outputs_.size());
    call_.error = error_;
    call_.error_size = sizeof error_;
  }

  void BindInputs() {
    for (size_t i = 0; i < arguments_.inputs.size(); ++i) {
      const DirectInput& input = arguments_.inputs[i];
      size_t length = 0;
      void* data = nullptr;
      if (napi_get_typedarray_info(env_, input.array, nullptr, &length, &data, nullptr, nullptr) !=
          napi_ok) {
        throw Napi::Error::New(env_);
      }
      if (static_cast<double>(length) != input.size) {
        throw InvalidArgument(env_, arguments_.op + ": inputs[" + std::to_string(i) +
                                        "].data must have the " +
                                        std::to_string(static_cast<int64_t>(input.size)) +
                                        " elements of its shape, got " + std::to_string(length));
      }
      NormTensor tensor = {};
      tensor.rank = static_cast<int32_t>(input.shape.size());
      for (size_t axis = 0; axis < input.shape.size(); ++axis) {
        tensor.dims[axis] = input.shape[axis];
      }
      tensor.data = static_cast<float*>(data);
      if (!on_host_) {
        const size_t bytes = length * sizeof(float);
        CheckMemory(buffers_.Allocate(bytes, &tensor.data));
        CheckMemory(library_.copy_to_device(arguments_.device, tensor.data, data, bytes));
      }
      inputs_.push_back(tensor);
    }
    call_.inputs = inputs_.data();
    call_.input_count = static_cast<int32_t>(inputs_.size());
  }

  static size_t SizeOf(const NormTensor& tensor) {
    size_t size = 1;
    for (int32_t axis = 0; axis < tensor.rank; ++axis) size *= tensor.dims[axis];
    return size;
  }

  std::vector<Napi::Float32Array> BindOutputs() {
    std::vector<Napi::Float32Array> results;
    for (NormTensor& output : outputs_) {
      const size_t size = SizeOf(output);
      results.push_back(Napi::Float32Array::New(env_, size));
      if (on_host_) {
        output.data = results.back().Data();
      } else {
        CheckMemory(buffers_.Allocate(size * sizeof(float), &output.data));
      }
    }
    return results;
  }

  void CopyBack(std::vector<Napi::Float32Array>& results) {
    for (size_t i = 0; i < results.size(); ++i) {
      CheckMemory(library_.copy_to_host(arguments_.device, results[i].Data(), outputs_[i].data,
                                        results[i].ByteLength()));
    }
  }

  Napi::Value ToTensors(const std::vector<Napi::Float32Array>& results) {
    Napi::Array tensors = Napi::Array::New(env_, results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      const NormTensor& output = outputs_[i];
      Napi::Array shape = Napi::Array::New(env_, output.rank);
      for (int32_t axis = 0; axis < output.rank; ++axis) {
        shape.Set(axis, Napi::Number::New(env_, static_cast<double>(output.dims[axis])));
      }
      Napi::Object tensor = Napi::Object::New(env_);
      tensor.Set("data", results[i]);
      tensor.Set("shape", shape);
      tensors.Set(static_cast<uint32_t>(i), tensor);
    }
    return tensors;
  }

  const Napi::Env env_;
  const Library& library_;
  const DirectArguments& arguments_;
  const bool on_host_;
  Buffers buffers_;
  std::vector<NormAttribute> attributes_;
  std::vector<NormTensor> inputs_;
  std::vector<NormTensor> outputs_;
  char error_[1024] = {};
  NormCall call_ = {};
};

}  // namespace

Napi::Value RunDirectCall(const Napi::CallbackInfo& info, const Library& library) {
  const DirectArguments arguments = ReadDirectArguments(info, library);
  return DirectCall(info.Env(), library, arguments).Run();
}

}  // namespace addon
}  // namespace tfjs_norm
