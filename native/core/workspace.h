// Carves one workspace into arrays. With a null base it only measures.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tfjs_norm {

class Workspace {
 public:
  explicit Workspace(void* base = nullptr) : base_(static_cast<unsigned char*>(base)) {}

  // 256-byte aligned, uninitialised; null while measuring.
  template <class T>
  T* Take(int64_t count) {
    T* taken = base_ ? reinterpret_cast<T*>(base_ + bytes_) : nullptr;
    bytes_ += (static_cast<size_t>(count) * sizeof(T) + 255) / 256 * 256;
    return taken;
  }

  size_t bytes() const { return bytes_; }

 private:
  unsigned char* base_;
  size_t bytes_ = 0;
};

}  // namespace tfjs_norm
