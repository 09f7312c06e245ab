#include "tensorflow/gpu_stream.h"

#include <dlfcn.h>

#include "tensorflow/stream_abi.h"

namespace tfjs_norm::tensorflow {
namespace {

constexpr const char* kRemedy =
    "run `npx tfjs-cuda-norm setup` to build it, or keep the op on the CPU";

struct Loaded {
  StreamLibrary library;
  decltype(&norm_stream_of) stream_of = nullptr;
};

std::string BesideThisLibrary(const char* name) {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&LoadStreamLibrary), &info) == 0) return name;
  const std::string self = info.dli_fname;
  const size_t slash = self.rfind('/');
  return slash == std::string::npos ? name : self.substr(0, slash + 1) + name;
}

Loaded Load() {
  Loaded loaded;
  StreamLibrary& library = loaded.library;
  library.path = BesideThisLibrary(NORM_STREAM_LIBRARY);
  void* handle = dlopen(library.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    library.status = Status(Code::kFailedPrecondition, dlerror());
    return loaded;
  }
  const auto version = reinterpret_cast<decltype(&norm_stream_tensorflow_version)>(
      dlsym(handle, "norm_stream_tensorflow_version"));
  loaded.stream_of = reinterpret_cast<decltype(&norm_stream_of)>(dlsym(handle, "norm_stream_of"));
  if (version == nullptr || loaded.stream_of == nullptr) {
    library.status =
        Status(Code::kFailedPrecondition,
               library.path + " lacks norm_stream_tensorflow_version or norm_stream_of");
    return loaded;
  }
  library.version = version();
  return loaded;
}

const Loaded& LoadOnce() {
  static const auto& loaded = *new Loaded(Load());  // never destroyed: TensorFlow's threads use it
  return loaded;
}

Status Check(const Loaded& loaded, const Api& tf, const char* op) {
  const StreamLibrary& library = loaded.library;
  if (!library.status.ok()) {
    return Status(library.status.code(),
                  std::string(op) + ": no access to the CUDA stream of TensorFlow " + tf.Version() +
                      ": " + library.status.message() + "; " + kRemedy);
  }
  if (library.version == tf.Version()) return Ok();
  return Status(Code::kFailedPrecondition, std::string(op) + ": " + library.path +
                                               " was built for TensorFlow " + library.version +
                                               ", this process runs TensorFlow " + tf.Version() +
                                               "; " + kRemedy);
}

}  // namespace

const StreamLibrary& LoadStreamLibrary() { return LoadOnce().library; }

Status CheckGpuStream(const Api& tf, const char* op) { return Check(LoadOnce(), tf, op); }

Status GpuStream(const Api& tf, const char* op, TF_OpKernelContext* context, void** stream) {
  // CheckGpuStream passed when the kernel was created.
  *stream = LoadOnce().stream_of(context);
  if (*stream != nullptr) return Ok();
  return Error(Code::kInternal, "%s: TensorFlow %s gave no CUDA stream for its GPU device", op,
               tf.Version());
}

}  // namespace tfjs_norm::tensorflow
