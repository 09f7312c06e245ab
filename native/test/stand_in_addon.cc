// For tests: the counters and faults of the stand-in driver (emulator/driver/control.h) from
// JavaScript: counters() as JSON, reset(), fault(kind, after). The driver has to be in the process.
#include <dlfcn.h>
#include <napi.h>

#include "emulator/driver/control.h"

namespace {

template <class F>
F* Of(Napi::Env env, const char* name) {
  void* const driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  void* const found = driver != nullptr ? dlsym(driver, name) : nullptr;
  if (found == nullptr) {
    throw Napi::Error::New(env, "the stand-in driver is not in this process: libcuda.so.1 is " +
                                    std::string(driver != nullptr ? "another one" : "not loaded"));
  }
  return reinterpret_cast<F*>(found);
}

Napi::Value Counters(const Napi::CallbackInfo& info) {
  const auto read = Of<decltype(norm_driver_counters)>(info.Env(), "norm_driver_counters");
  return Napi::String::New(info.Env(), read());
}

void Reset(const Napi::CallbackInfo& info) {
  Of<decltype(norm_driver_reset)>(info.Env(), "norm_driver_reset")();
}

void Fault(const Napi::CallbackInfo& info) {
  const std::string kind = info[0].As<Napi::String>();
  const auto set = Of<decltype(norm_driver_fault)>(info.Env(), "norm_driver_fault");
  if (set(kind.c_str(), info[1].As<Napi::Number>().Int32Value()) != 0) {
    throw Napi::Error::New(info.Env(), "no such fault: " + kind);
  }
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["counters"] = Napi::Function::New(env, Counters);
  exports["reset"] = Napi::Function::New(env, Reset);
  exports["fault"] = Napi::Function::New(env, Fault);
  return exports;
}

}  // namespace

NODE_API_MODULE(stand_in, Init)
