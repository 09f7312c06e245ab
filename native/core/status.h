// Status: how everything below the N-API and TensorFlow lines reports failure. Nothing there
// throws, aborts or exits; a Status travels up and the face in use turns it into its own kind of
// error.
//
// The namespace of the whole library is tfjs_norm: CUDA's headers declare a global function `norm`.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>
#include <utility>

namespace tfjs_norm {

// The values are TensorFlow's TF_Code, so that the TensorFlow face passes them through unchanged.
enum class Code : int {
  kOk = 0,
  kInvalidArgument = 3,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status Ok() { return Status(); }

__attribute__((format(printf, 2, 3))) inline Status Error(Code code, const char* format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return Status(code, text);
}

#define NORM_INVALID(...) ::tfjs_norm::Error(::tfjs_norm::Code::kInvalidArgument, __VA_ARGS__)

#define NORM_RETURN_IF_ERROR(expression)            \
  do {                                              \
    ::tfjs_norm::Status norm_status = (expression); \
    if (!norm_status.ok()) return norm_status;      \
  } while (false)

}  // namespace tfjs_norm
