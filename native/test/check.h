// The harness of the native test programs: counts expectations, prints those that fail and, last,
// the line "N passed, N failed".
#pragma once

#include <cstdio>
#include <initializer_list>
#include <string>

#include "core/status.h"

namespace tfjs_norm::test {

class Checks {
 public:
  void That(bool holds, const char* expression, const char* file, int line,
            const std::string& detail = "") {
    if (holds) {
      ++passed_;
      return;
    }
    ++failed_;
    std::printf("%s:%d: expected %s%s%s\n", file, line, expression, detail.empty() ? "" : ": ",
                detail.c_str());
  }

  void Succeeds(const Status& status, const char* expression, const char* file, int line) {
    That(status.ok(), expression, file, line, status.message());
  }

  // The message has to contain each of `parts`.
  void Fails(const Status& status, Code code, std::initializer_list<const char*> parts,
             const char* file, int line) {
    const std::string got = "got " + (status.ok() ? std::string("success") : status.message());
    That(status.code() == code, "another status code", file, line,
         got + ", code " + std::to_string(static_cast<int>(status.code())));
    for (const char* part : parts) {
      That(status.message().find(part) != std::string::npos, part, file, line, got);
    }
  }

  // The exit status of main.
  int Finish() const {
    std::printf("%d passed, %d failed\n", passed_, failed_);
    return failed_ == 0 && passed_ > 0 ? 0 : 1;
  }

 private:
  int passed_ = 0;
  int failed_ = 0;
};

}  // namespace tfjs_norm::test

#define EXPECT(checks, condition) (checks).That((condition), #condition, __FILE__, __LINE__)
#define EXPECT_OK(checks, status) (checks).Succeeds((status), #status, __FILE__, __LINE__)
// EXPECT_FAILS(checks, status, code, "part of the message", "another")
#define EXPECT_FAILS(checks, status, code, ...) \
  (checks).Fails((status), (code), {__VA_ARGS__}, __FILE__, __LINE__)
