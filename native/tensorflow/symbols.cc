#include "tensorflow/symbols.h"

#include <dlfcn.h>

#include <atomic>
#include <mutex>

namespace tfjs_norm::tensorflow {
namespace {

// Ops and kernels register with the framework library. The rest of the C ABI is in the main one:
// the C++ wheel's, the C distribution's (tfjs-node's own download), or the Python extension of the
// wheels before 2.12.
constexpr const char* kFramework = "libtensorflow_framework.so.2";
constexpr const char* kMain[] = {"libtensorflow_cc.so.2", "libtensorflow.so.2",
                                 "_pywrap_tensorflow_internal.so"};

std::atomic<const Api*> found{nullptr};

// The handle is never closed: TensorFlow stays as long as the kernels it was given.
void* Loaded(const char* name) { return dlopen(name, RTLD_LAZY | RTLD_NOLOAD); }

std::string FileOf(const void* symbol) {
  Dl_info info;
  return symbol != nullptr && dladdr(symbol, &info) != 0 ? info.dli_fname : "";
}

Status Find(Api* api) {
  void* framework = Loaded(kFramework);
  void* main = nullptr;
  for (const char* name : kMain) {
    if (main == nullptr) main = Loaded(name);
  }
  if (framework == nullptr && main == nullptr) {
    return Error(Code::kFailedPrecondition,
                 "no TensorFlow in this process: neither %s nor %s, %s or %s is loaded. Require "
                 "@tensorflow/tfjs-node or import tensorflow first, then register the ops again",
                 kFramework, kMain[0], kMain[1], kMain[2]);
  }

  std::string missing;
  const auto look_up = [&](const char* name) {
    void* symbol = framework != nullptr ? dlsym(framework, name) : nullptr;
    if (symbol == nullptr && main != nullptr) symbol = dlsym(main, name);
    if (symbol == nullptr) missing += (missing.empty() ? "" : ", ") + std::string(name);
    return symbol;
  };
#define NORM_LOOK_UP(name, result, arguments) \
  api->name = reinterpret_cast<decltype(api->name)>(look_up("TF_" #name));
  NORM_TENSORFLOW_SYMBOLS(NORM_LOOK_UP)
#undef NORM_LOOK_UP
  api->path = FileOf(reinterpret_cast<const void*>(api->NewOpDefinitionBuilder));
  if (missing.empty()) return Ok();

  const void* any = reinterpret_cast<const void*>(api->NewStatus);
  const std::string file = FileOf(any).empty() ? kFramework : FileOf(any);
  const std::string version = api->Version != nullptr ? api->Version() : "of unknown version";
  return Status(Code::kUnimplemented,
                "TensorFlow 2.9 or newer with its main library is needed: TensorFlow " + version +
                    " in " + file + " has no " + missing);
}

}  // namespace

const Api* FindTensorFlow(Status* why) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (found.load() == nullptr) {
    auto api = std::make_unique<Api>();
    *why = Find(api.get());
    if (!why->ok()) return nullptr;
    found.store(api.release());  // lives as long as the process, like the kernels that use it
  }
  *why = Ok();
  return found.load();
}

const Api& TensorFlow() { return *found.load(std::memory_order_acquire); }

Status FromTensorFlow(const Api& tf, const TF_Status* status, const char* op, const char* what) {
  const TF_Code code = tf.GetCode(status);
  if (code == 0) return Ok();
  return Status(static_cast<Code>(code), std::string(op) + ": " + what + ": " + tf.Message(status));
}

void ToTensorFlow(const Api& tf, const Status& status, TF_Status* to) {
  tf.SetStatus(to, static_cast<TF_Code>(status.code()), status.message().c_str());
}

}  // namespace tfjs_norm::tensorflow
