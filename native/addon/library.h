// The op library of this process: loaded at most once, shared by every environment (worker threads,
// jest contexts), never unloaded.
#pragma once

#include <napi.h>

#include <map>
#include <string>
#include <vector>

#include "core/c_api.h"

namespace tfjs_norm {
namespace addon {

// What a direct call has to know of an op before the library sees it.
struct OpFacts {
  // Inputs and outputs, and how many of them are lists.
  size_t inputs = 0;
  size_t outputs = 0;
  size_t list_inputs = 0;
  size_t list_outputs = 0;

  // The tensors that a call with so many inputs gives; the library refuses a number that does not
  // fit.
  size_t OutputCount(size_t input_count) const {
    const size_t single = inputs - list_inputs;
    const size_t entries =
        list_inputs == 0 || input_count < single ? 1 : (input_count - single) / list_inputs;
    return outputs - list_outputs + entries * list_outputs;
  }

  std::map<std::string, bool> attribute_is_bool;
};

struct Library {
  std::string path;
  std::map<std::string, OpFacts> ops;

  decltype(&norm_infer) infer = nullptr;
  decltype(&norm_run) run = nullptr;
  decltype(&norm_describe) describe = nullptr;
  decltype(&norm_tensorflow) tensorflow = nullptr;
  decltype(&norm_devices) devices = nullptr;
  decltype(&norm_counters) counters = nullptr;
  decltype(&norm_reset_counters) reset_counters = nullptr;
  decltype(&norm_op_calls) op_calls = nullptr;
  decltype(&norm_inject_fault) inject_fault = nullptr;
  decltype(&norm_emulator_order) emulator_order = nullptr;
  decltype(&norm_malloc) malloc = nullptr;
  decltype(&norm_free) free = nullptr;
  decltype(&norm_copy_to_device) copy_to_device = nullptr;
  decltype(&norm_copy_to_host) copy_to_host = nullptr;
  decltype(&norm_memory_error) memory_error = nullptr;
};

// Throws Napi::Error when a file does not load, or when another library is loaded already.
const Library& LoadLibrary(Napi::Env env, const std::string& path,
                           const std::vector<std::string>& tensorflow);

// Throws Napi::Error before the first LoadLibrary.
const Library& LoadedLibrary(Napi::Env env);

Napi::Value ParseJson(Napi::Env env, const char* json);

}  // namespace addon
}  // namespace tfjs_norm
