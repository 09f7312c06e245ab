#include "addon/library.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <memory>
#include <mutex>

#include "addon/elf_file.h"
#include "addon/errors.h"

namespace tfjs_norm {
namespace addon {
namespace {

// Never destroyed: a worker may outlive the main thread's static objects.
struct Process {
  std::recursive_mutex mutex;  // JSON.parse may be the user's own and call us
  std::unique_ptr<Library> library;
};

Process& GetProcess() {
  static Process& process = *new Process;
  return process;
}

std::string RealPath(const std::string& path) {
  char* const real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string result = real;
  ::free(real);
  return result;
}

void* Open(Napi::Env env, const std::string& path, int flags) {
  std::string why = WhyNotLoadable(path);
  if (why.empty()) {
    void* const handle = dlopen(path.c_str(), flags);
    if (handle != nullptr) return handle;
    const char* const message = dlerror();
    why = message == nullptr ? "no reason given" : message;
  }
  throw MakeError(env, Code::kUnavailable, "load: " + path + " does not load: " + why);
}

template <typename F>
void Resolve(Napi::Env env, void* handle, const std::string& path, const char* name, F* function) {
  *function = reinterpret_cast<F>(dlsym(handle, name));
  if (*function != nullptr) return;
  throw MakeError(env, Code::kFailedPrecondition,
                  "load: expected the op library of this version, but " + path + " has no " + name);
}

bool Contains(const Napi::Array& names, const Napi::Value& name) {
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const Napi::Value candidate = names.Get(i);
    if (candidate.StrictEquals(name)) return true;
  }
  return false;
}

std::map<std::string, OpFacts> ReadOps(Napi::Env env, const char* description) {
  std::map<std::string, OpFacts> facts;
  const Napi::Array ops =
      ParseJson(env, description).As<Napi::Object>().Get("ops").As<Napi::Array>();
  for (uint32_t i = 0; i < ops.Length(); ++i) {
    const Napi::HandleScope scope(env);
    const Napi::Object op = ops.Get(i).As<Napi::Object>();
    OpFacts& fact = facts[op.Get("name").As<Napi::String>().Utf8Value()];
    const auto names = [&](const char* member) { return op.Get(member).As<Napi::Array>(); };
    fact.inputs = names("inputs").Length();
    fact.outputs = names("outputs").Length();
    const Napi::Array lists = names("lists");
    for (uint32_t k = 0; k < lists.Length(); ++k) {
      Contains(names("inputs"), lists.Get(k)) ? ++fact.list_inputs : ++fact.list_outputs;
    }
    const Napi::Array attributes = op.Get("attributes").As<Napi::Array>();
    for (uint32_t k = 0; k < attributes.Length(); ++k) {
      const Napi::Object attribute = attributes.Get(k).As<Napi::Object>();
      const std::string name = attribute.Get("name").As<Napi::String>().Utf8Value();
      fact.attribute_is_bool[name] = attribute.Get("type").As<Napi::String>().Utf8Value() == "bool";
    }
  }
  return facts;
}

}  // namespace

Napi::Value ParseJson(Napi::Env env, const char* json) {
  const Napi::Object parser = env.Global().Get("JSON").As<Napi::Object>();
  return parser.Get("parse").As<Napi::Function>().Call(parser, {Napi::String::New(env, json)});
}

const Library& LoadLibrary(Napi::Env env, const std::string& path,
                           const std::vector<std::string>& tensorflow) {
  Process& process = GetProcess();
  const std::lock_guard<std::recursive_mutex> lock(process.mutex);
  const std::string real = RealPath(path);
  if (process.library != nullptr) {
    if (process.library->path == real) return *process.library;
    throw MakeError(env, Code::kFailedPrecondition,
                    "load: expected the library that this process has loaded, " +
                        process.library->path + ", got " + real);
  }
  // Global, so that the op library and tfjs-node's binding find the same TensorFlow.
  for (const std::string& file : tensorflow) Open(env, file, RTLD_NOW | RTLD_GLOBAL);
  void* const handle = Open(env, real, RTLD_NOW | RTLD_LOCAL);

  auto library = std::make_unique<Library>();
  library->path = real;
  Resolve(env, handle, real, "norm_infer", &library->infer);
  Resolve(env, handle, real, "norm_run", &library->run);
  Resolve(env, handle, real, "norm_describe", &library->describe);
  Resolve(env, handle, real, "norm_tensorflow", &library->tensorflow);
  Resolve(env, handle, real, "norm_devices", &library->devices);
  Resolve(env, handle, real, "norm_counters", &library->counters);
  Resolve(env, handle, real, "norm_reset_counters", &library->reset_counters);
  Resolve(env, handle, real, "norm_op_calls", &library->op_calls);
  Resolve(env, handle, real, "norm_inject_fault", &library->inject_fault);
  Resolve(env, handle, real, "norm_emulator_order", &library->emulator_order);
  Resolve(env, handle, real, "norm_malloc", &library->malloc);
  Resolve(env, handle, real, "norm_free", &library->free);
  Resolve(env, handle, real, "norm_copy_to_device", &library->copy_to_device);
  Resolve(env, handle, real, "norm_copy_to_host", &library->copy_to_host);
  Resolve(env, handle, real, "norm_memory_error", &library->memory_error);
  library->ops = ReadOps(env, library->describe());
  process.library = std::move(library);
  return *process.library;
}

const Library& LoadedLibrary(Napi::Env env) {
  Process& process = GetProcess();
  const std::lock_guard<std::recursive_mutex> lock(process.mutex);
  if (process.library == nullptr) {
    throw MakeError(env, Code::kFailedPrecondition,
                    "expected load(library, tensorflow) to be called first");
  }
  return *process.library;
}

}  // namespace addon
}  // namespace tfjs_norm
