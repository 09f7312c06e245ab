// Gives every op of the library to the TensorFlow of this process, once: when the library is
// loaded, and again when the addon asks after it has loaded TensorFlow itself.
#include <dlfcn.h>
#include <link.h>

#include <array>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "core/c_api.h"
#include "core/json.h"
#include "core/op.h"
#include "tensorflow/definition.h"
#include "tensorflow/gpu_stream.h"
#include "tensorflow/kernel.h"
#include "tensorflow/symbols.h"

namespace tfjs_norm::tensorflow {
namespace {

#if defined(NORM_KIND_emulated)
constexpr Placement kPlacements[] = {{"CPU", Device::kCuda, false}, {"GPU", Device::kCuda, true}};
#elif defined(NORM_KIND_cuda)
constexpr Placement kPlacements[] = {{"CPU", Device::kHost, false}, {"GPU", Device::kCuda, true}};
#else
constexpr Placement kPlacements[] = {{"CPU", Device::kHost, false}};
#endif
constexpr size_t kPlacementCount = std::size(kPlacements);

// TensorFlow passes shape and create functions no user data, so every op has functions of its own.
constexpr size_t kMostOps = 128;

struct Entry {
  ShapeFunction shape;
  std::array<CreateFunction, kPlacementCount> create;
};

template <size_t op>
void Shape(TF_ShapeInferenceContext* context, TF_Status* status) {
  InferShapes(*AllOps()[op], context, status);
}

template <size_t op, size_t placement>
void* Create(TF_OpKernelConstruction* construction) {
  return CreateKernel(*AllOps()[op], kPlacements[placement], construction);
}

template <size_t op, size_t... placements>
constexpr Entry MakeEntry(std::index_sequence<placements...>) {
  return {&Shape<op>, {&Create<op, placements>...}};
}

template <size_t... ops>
constexpr std::array<Entry, sizeof...(ops)> MakeEntries(std::index_sequence<ops...>) {
  return {MakeEntry<ops>(std::make_index_sequence<kPlacementCount>())...};
}

constexpr auto kEntries = MakeEntries(std::make_index_sequence<kMostOps>());

struct Registration {
  std::mutex mutex;
  bool registered = false;
  std::string library;  // whose ops TensorFlow has
  Status status;
};

Registration& State() {
  static auto& state =
      *new Registration;  // never destroyed: other threads may outlive exit handlers
  return state;
}

std::string ThisLibrary() {
  Dl_info info;
  return dladdr(reinterpret_cast<const void*>(&norm_register_tensorflow), &info) != 0
             ? info.dli_fname
             : "libtfjs_cuda_norm";
}

// Another library of this package in the process, which must be the one whose ops TensorFlow has.
std::string OtherLibrary() {
  struct Search {
    std::string self, other;
  } search{ThisLibrary(), ""};
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* data) {
        auto* search = static_cast<Search*>(data);
        const std::string path = object->dlpi_name;
        const bool ours = path.find("libtfjs_cuda_norm") != std::string::npos &&
                          path.find("libtfjs_cuda_norm_stream") == std::string::npos;
        if (ours && path != search->self) search->other = path;
        return 0;
      },
      &search);
  return search.other.empty() ? "another library" : search.other;
}

// TensorFlow ends the process when an op is defined twice, so it is asked and no marker of ours is
// trusted: it knows of ops from a second copy of this library, across fork, and from another build
// of it.
Status IsKnown(const Api& tf, const OpDecl& op, bool* known) {
  const StatusHandle status = NewStatus(tf);
  TF_Buffer* kernels = tf.GetRegisteredKernelsForOp(op.name, status.get());
  *known = kernels != nullptr && kernels->length != 0;
  if (kernels != nullptr) tf.DeleteBuffer(kernels);
  return FromTensorFlow(tf, status.get(), op.name, "registered kernels");
}

Status RegisterAll(const Api& tf) {
  const auto& ops = AllOps();
  if (ops.size() > kEntries.size()) {
    return Error(Code::kInternal,
                 "the library has %zu ops, native/tensorflow/register.cc makes room for %zu",
                 ops.size(), kEntries.size());
  }
  for (size_t i = 0; i < ops.size(); ++i) {
    NORM_RETURN_IF_ERROR(DefineOp(tf, *ops[i], kEntries[i].shape));
    for (size_t p = 0; p < kPlacementCount; ++p) {
      NORM_RETURN_IF_ERROR(DefineKernel(tf, *ops[i], kPlacements[p], kEntries[i].create[p]));
    }
  }
  return Ok();
}

// A failure half-way is final: what is defined already cannot be taken back or defined again.
Status RegisterOnce() {
  Registration& state = State();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (state.registered) return state.status;

  const Api* tf = FindTensorFlow(&state.status);
  if (tf == nullptr) return state.status;
  bool known = false;
  state.status = IsKnown(*tf, *AllOps().front(), &known);
  if (!state.status.ok()) return state.status;
  state.registered = true;
  state.library = known ? OtherLibrary() : ThisLibrary();
  if (!known) state.status = RegisterAll(*tf);
  return state.status;
}

// Loaded into a process that has TensorFlow, as by tf.load_op_library, the library registers
// itself. Where there is none yet this does nothing.
__attribute__((constructor)) void RegisterWhenLoaded() { (void)RegisterOnce(); }

std::string Report() {
  Status found;
  const Api* tf = FindTensorFlow(&found);
  Registration& state = State();
  const std::lock_guard<std::mutex> lock(state.mutex);
  std::string message = state.status.message();
  if (tf != nullptr && !state.registered) {
    message = "TensorFlow was loaded after " + ThisLibrary() + ": call norm_register_tensorflow()";
  } else if (state.registered && state.library != ThisLibrary()) {
    message = "TensorFlow already has the ops of " + state.library + ", those of " + ThisLibrary() +
              " are not used";
  }
  std::vector<std::pair<std::string, std::string>> members = {
      {"registered", JsonBool(state.registered && state.status.ok())},
      {"version", JsonString(tf != nullptr ? tf->Version() : "")},
      {"path", JsonString(tf != nullptr ? tf->path : "")},
      {"library", JsonString(state.library)},
      {"message", JsonString(message)},
  };
#if !defined(NORM_KIND_host)
  const StreamLibrary& stream = LoadStreamLibrary();
  members.emplace_back("stream", JsonObject({{"path", JsonString(stream.path)},
                                             {"version", JsonString(stream.version)},
                                             {"message", JsonString(stream.status.message())}}));
#endif
  return JsonObject(members);
}

}  // namespace
}  // namespace tfjs_norm::tensorflow

int32_t norm_register_tensorflow(void) {
  return static_cast<int32_t>(tfjs_norm::tensorflow::RegisterOnce().code());
}

const char* norm_tensorflow(void) {
  // A caller keeps the pointer, and the report changes once or twice in a process: keep each one.
  static auto& mutex = *new std::mutex;
  static auto& reports = *new std::set<std::string>;
  const std::string report = tfjs_norm::tensorflow::Report();
  const std::lock_guard<std::mutex> lock(mutex);
  return reports.insert(report).first->c_str();
}
