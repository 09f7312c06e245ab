// The portable subset over the emulator: the interface of core/portable_cuda.h, with its checks.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "emulator/block.h"
#include "emulator/launch.h"

namespace tfjs_norm {

template <class... P, class... A>
Status Launch(const LaunchConfig& config, void (*kernel)(P...), A&&... args) {
  NORM_RETURN_IF_ERROR(BeforeLaunch(config.name));
  NORM_RETURN_IF_ERROR(emulator::AskDriver(config.name, config.stream));
  struct Closure {
    void (*kernel)(P...);
    std::tuple<std::decay_t<P>...> arguments;
  };
  const Closure closure = {kernel, std::tuple<std::decay_t<P>...>(std::forward<A>(args)...)};
  const auto body = [](const void* data) {
    const Closure* launched = static_cast<const Closure*>(data);
    std::apply(launched->kernel, launched->arguments);
  };
  return emulator::LaunchGrid(config.name, config.grid, config.block, config.shared_bytes, body,
                              &closure);
}

class SharedArena {
 public:
  SharedArena() = default;

  template <class T>
  T* Take(int count, NormSite site = NormSite::Here()) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    void* taken = emulator::t_thread->runner->Take(takes_++, offset_, bytes, site);
    offset_ += SharedBytes<T>(count);
    return static_cast<T*>(taken);
  }

 private:
  unsigned takes_ = 0;
  size_t offset_ = 0;
};

template <int V>
Vec<V> Load(const float* from, NormSite site = NormSite::Here()) {
  emulator::t_thread->runner->CheckAccess(from, V * sizeof(float), false, site);
  Vec<V> to;
  for (int i = 0; i < V; ++i) to.v[i] = from[i];
  return to;
}

template <int V>
Vec<V> LoadStreaming(const float* from, NormSite site = NormSite::Here()) {
  return Load<V>(from, site);
}

template <int V>
void Store(float* to, const Vec<V>& value, NormSite site = NormSite::Here()) {
  emulator::t_thread->runner->CheckAccess(to, V * sizeof(float), true, site);
  for (int i = 0; i < V; ++i) to[i] = value.v[i];
}

template <int V>
void StoreStreaming(float* to, const Vec<V>& value, NormSite site = NormSite::Here()) {
  Store<V>(to, value, site);
}

}  // namespace tfjs_norm
