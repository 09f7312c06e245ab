#include "addon/direct_arguments.h"

#include <cmath>

#include "addon/errors.h"

namespace tfjs_norm {
namespace addon {
namespace {

int32_t ReadDevice(const Napi::Value& value, const std::string& op) {
  if (value.IsString()) {
    const std::string name = value.As<Napi::String>().Utf8Value();
    if (name == "host") return NORM_HOST;
    if (name == "cuda") return NORM_CUDA;
  }
  throw InvalidArgument(value.Env(),
                        op + ": device must be \"host\" or \"cuda\", got " + Show(value));
}

int64_t ReadExtent(const Napi::Value& value, const std::string& what) {
  constexpr double kLargestInteger = 9007199254740991.0;
  const double extent = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(extent >= 0) || extent > kLargestInteger || std::trunc(extent) != extent) {
    throw InvalidArgument(value.Env(), what + " must hold integers >= 0, got " + Show(value));
  }
  return static_cast<int64_t>(extent);
}

DirectInput ReadInput(const Napi::Value& value, const std::string& what) {
  const Napi::Env env = value.Env();
  if (!value.IsObject()) {
    throw InvalidArgument(env, what + " must be { data, shape }, got " + Show(value));
  }
  const Napi::Object object = value.As<Napi::Object>();
  const Napi::Value data = object.Get("data");
  // By its type tag, not instanceof: the array may come from another realm, as it does under jest.
  if (!data.IsTypedArray() || data.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw InvalidArgument(env, what + ".data must be a Float32Array, got " + Show(data));
  }
  const Napi::Value shape = object.Get("shape");
  if (!shape.IsArray()) {
    throw InvalidArgument(env, what + ".shape must be an array, got " + Show(shape));
  }
  DirectInput input;
  input.array = data.As<Napi::TypedArray>();
  const Napi::Array extents = shape.As<Napi::Array>();
  const uint32_t rank = extents.Length();
  if (rank > NORM_MAX_RANK) {
    throw InvalidArgument(env, what + ".shape must have at most " + std::to_string(NORM_MAX_RANK) +
                                   " axes, got " + std::to_string(rank));
  }
  for (uint32_t axis = 0; axis < rank; ++axis) {
    const int64_t extent = ReadExtent(extents.Get(axis), what + ".shape");
    input.shape.push_back(extent);
    input.size *= static_cast<double>(extent);
  }
  return input;
}

std::vector<DirectInput> ReadInputs(const Napi::Value& value, const std::string& op,
                                    const OpFacts& facts) {
  if (!value.IsArray()) {
    throw InvalidArgument(value.Env(), op + ": inputs must be an array, got " + Show(value));
  }
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<DirectInput> inputs;
  // More than any op has; a hostile length must not become a long loop.
  constexpr uint32_t kMost = 16;
  constexpr uint32_t kMostOfLists = 16 * 1024;
  const uint32_t most = facts.list_inputs > 0 ? kMostOfLists : kMost;
  if (array.Length() > most) {
    throw InvalidArgument(value.Env(), op + ": inputs must be at most " + std::to_string(most) +
                                           " tensors, got " + std::to_string(array.Length()));
  }
  for (uint32_t i = 0; i < array.Length(); ++i) {
    inputs.push_back(ReadInput(array.Get(i), op + ": inputs[" + std::to_string(i) + "]"));
  }
  return inputs;
}

double ReadAttribute(const Napi::Value& value, bool is_bool, const std::string& what) {
  if (is_bool && value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? 1 : 0;
  if (!is_bool && value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  throw InvalidArgument(value.Env(), what + " must be a " + (is_bool ? "boolean" : "number") +
                                         ", got " + Show(value));
}

std::vector<std::pair<std::string, double>> ReadAttributes(const Napi::Value& value,
                                                           const std::string& op,
                                                           const OpFacts& facts) {
  const Napi::Env env = value.Env();
  if (!value.IsObject() || value.IsArray() || value.IsFunction()) {
    throw InvalidArgument(env, op + ": attributes must be an object, got " + Show(value));
  }
  const Napi::Object object = value.As<Napi::Object>();
  // Own names only: a polluted Object.prototype adds no attributes.
  napi_value names = nullptr;
  const napi_status status = napi_get_all_property_names(
      env, object, napi_key_own_only,
      static_cast<napi_key_filter>(napi_key_enumerable | napi_key_skip_symbols),
      napi_key_numbers_to_strings, &names);
  if (status != napi_ok) throw Napi::Error::New(env);
  const Napi::Array list(env, names);
  std::vector<std::pair<std::string, double>> attributes;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value key = list.Get(i);
    const std::string name = key.As<Napi::String>().Utf8Value();
    const auto known = facts.attribute_is_bool.find(name);
    // The library refuses an unknown name, with the list of those it knows.
    const bool is_bool = known != facts.attribute_is_bool.end() && known->second;
    const Napi::Value given = object.Get(key);
    const double number = known == facts.attribute_is_bool.end()
                              ? 0
                              : ReadAttribute(given, is_bool, op + ": " + name);
    attributes.emplace_back(name, number);
  }
  return attributes;
}

}  // namespace

DirectArguments ReadDirectArguments(const Napi::CallbackInfo& info, const Library& library) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString()) {
    throw InvalidArgument(env, "run: op must be the name of an op, got " + Show(info[0]));
  }
  DirectArguments arguments;
  arguments.op = info[0].As<Napi::String>().Utf8Value();
  const auto facts = library.ops.find(arguments.op);
  if (facts == library.ops.end()) {
    throw InvalidArgument(env, "run: op must be the name of an op, got \"" + arguments.op + "\"");
  }
  arguments.facts = &facts->second;
  arguments.device = ReadDevice(info[1], arguments.op);
  arguments.inputs = ReadInputs(info[2], arguments.op, *arguments.facts);
  arguments.attributes = ReadAttributes(info[3], arguments.op, *arguments.facts);
  return arguments;
}

}  // namespace addon
}  // namespace tfjs_norm
