// The N-API addon: NativeAddon of src/native.ts over the C face of the op library. No kernels in
// it; it finds them in the library that load() is given.
#include <napi.h>

#include <cmath>

#include "addon/direct_call.h"
#include "addon/errors.h"
#include "addon/library.h"

namespace tfjs_norm {
namespace addon {
namespace {

std::string ReadString(const Napi::Value& value, const char* what) {
  if (!value.IsString()) {
    throw MakeError(value.Env(), Code::kInvalidArgument,
                    std::string(what) + " must be a string, got " + Show(value));
  }
  return value.As<Napi::String>().Utf8Value();
}

double ReadInteger(const Napi::Value& value, const char* what, double minimum, double maximum) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= minimum && number <= maximum) || std::trunc(number) != number) {
    throw MakeError(value.Env(), Code::kInvalidArgument,
                    std::string(what) + " must be an integer in [" +
                        std::to_string(static_cast<long long>(minimum)) + ", " +
                        std::to_string(static_cast<long long>(maximum)) + "], got " + Show(value));
  }
  return number;
}

constexpr char kNeedsEmulated[] = ": expected the emulated library, the one built for tests; got ";

class Addon final : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod<&Addon::Load>("load"),
                             InstanceMethod<&Addon::TensorFlow>("tensorflow"),
                             InstanceMethod<&Addon::Devices>("devices"),
                             InstanceMethod<&Addon::Counters>("counters"),
                             InstanceMethod<&Addon::ResetCounters>("resetCounters"),
                             InstanceMethod<&Addon::InjectFault>("injectFault"),
                             InstanceMethod<&Addon::EmulatorOrder>("emulatorOrder"),
                             InstanceMethod<&Addon::Run>("run"),
                         });
  }

 private:
  Napi::Value Load(const Napi::CallbackInfo& info) {
    const std::string path = ReadString(info[0], "load: library");
    if (!info[1].IsArray()) {
      throw MakeError(info.Env(), Code::kInvalidArgument,
                      "load: tensorflow must be an array of paths, got " + Show(info[1]));
    }
    const Napi::Array files = info[1].As<Napi::Array>();
    std::vector<std::string> tensorflow;
    for (uint32_t i = 0; i < files.Length(); ++i) {
      tensorflow.push_back(ReadString(files.Get(i), "load: tensorflow"));
    }
    return ParseJson(info.Env(), LoadLibrary(info.Env(), path, tensorflow).describe());
  }

  Napi::Value TensorFlow(const Napi::CallbackInfo& info) {
    return ParseJson(info.Env(), LoadedLibrary(info.Env()).tensorflow());
  }

  Napi::Value Devices(const Napi::CallbackInfo& info) {
    return ParseJson(info.Env(), LoadedLibrary(info.Env()).devices());
  }

  Napi::Value Counters(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const Library& library = LoadedLibrary(env);
    NormCounters counters = {};
    library.counters(&counters);
    Napi::Object result = Napi::Object::New(env);
    const auto set = [&](const char* name, int64_t value) {
      result.Set(name, Napi::Number::New(env, static_cast<double>(value)));
    };
    set("opCalls", counters.op_calls);
    set("launches", counters.launches);
    set("outputBytes", counters.output_bytes);
    set("tempBytes", counters.temp_bytes);
    set("liveBytes", counters.live_bytes);
    set("peakBytes", counters.peak_bytes);
    set("allocations", counters.allocations);
    result.Set("calls", ParseJson(env, library.op_calls()));
    return result;
  }

  void ResetCounters(const Napi::CallbackInfo& info) { LoadedLibrary(info.Env()).reset_counters(); }

  void InjectFault(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const Library& library = LoadedLibrary(env);
    const std::string kind = ReadString(info[0], "injectFault: kind");
    const double after = ReadInteger(info[1], "injectFault: after", -1, INT32_MAX);
    const int32_t code = library.inject_fault(kind.c_str(), static_cast<int32_t>(after));
    if (code == static_cast<int32_t>(Code::kUnimplemented)) {
      throw MakeError(env, Code::kUnimplemented, "injectFault" + (kNeedsEmulated + library.path));
    }
    if (code != 0) {
      throw MakeError(
          env, static_cast<Code>(code),
          "injectFault: kind must be \"allocation\" or \"launch\", got \"" + kind + "\"");
    }
  }

  void EmulatorOrder(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const Library& library = LoadedLibrary(env);
    const std::string order = ReadString(info[0], "emulatorOrder: order");
    constexpr double kLargestInteger = 9007199254740991.0;
    const double seed = ReadInteger(info[1], "emulatorOrder: seed", 0, kLargestInteger);
    const int32_t number = order == "forward"   ? 0
                           : order == "reverse" ? 1
                           : order == "random"  ? 2
                                                : -1;
    if (number < 0) {
      throw MakeError(
          env, Code::kInvalidArgument,
          "emulatorOrder: order must be \"forward\", \"reverse\" or \"random\", got \"" + order +
              "\"");
    }
    const int32_t code = library.emulator_order(number, static_cast<uint64_t>(seed));
    if (code != 0) {
      throw MakeError(env, static_cast<Code>(code),
                      "emulatorOrder" + (kNeedsEmulated + library.path));
    }
  }

  Napi::Value Run(const Napi::CallbackInfo& info) {
    return RunDirectCall(info, LoadedLibrary(info.Env()));
  }
};

}  // namespace
}  // namespace addon
}  // namespace tfjs_norm

using TfjsCudaNormAddon = tfjs_norm::addon::Addon;
NODE_API_ADDON(TfjsCudaNormAddon)
