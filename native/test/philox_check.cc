// core/philox.h and core/simd/philox.h: the known answers of Random123, the golden words, and every
// instruction set of this machine against one block at a time.
#include <algorithm>
#include <vector>

#include "core/host_simd.h"
#include "core/philox.h"
#include "test/check.h"

namespace tfjs_norm::test {
namespace {

using Words = std::vector<uint32_t>;

bool Same(const philox::Block& block, const Words& want) {
  return std::equal(want.begin(), want.end(), block.word);
}

Words OneByOne(const philox::Stream& stream, uint64_t first, int64_t count) {
  Words words;
  for (uint64_t i = first; i < first + static_cast<uint64_t>(count); ++i) {
    words.push_back(philox::BlockOf(stream, i / 4).word[i % 4]);
  }
  return words;
}

void CheckAnswers(Checks& checks) {
  // Stream {seed, stream}, block: key and counter of the published vectors.
  const auto block = [](uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0,
                        uint32_t k1) {
    return philox::BlockOf({k0, k1, c2, c3}, uint64_t{c1} << 32 | c0);
  };
  const uint32_t ones = 0xffffffff;
  EXPECT(checks, Same(block(0, 0, 0, 0, 0, 0), {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT(checks, Same(block(ones, ones, ones, ones, ones, ones),
                      {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT(checks, Same(block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0),
                      {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  EXPECT(checks, OneByOne({42, 0, 0, 0}, 0, 10) ==
                     (Words{2632642643, 2012563771, 314527917, 1463989207, 4242219303, 1404726525,
                            2207210094, 1951270651, 3547071013, 2827443659}));
  EXPECT(checks,
         OneByOne({42, 0, 1, 0}, 0, 4) == (Words{43202409, 542238995, 996716600, 3056353436}));
  // Seed 1311768467294899695, stream 7.
  EXPECT(checks, OneByOne({0x90abcdef, 0x12345678, 7, 0}, 0, 4) ==
                     (Words{2621088133, 3213367448, 1205051463, 1959215393}));
}

void CheckDigits(Checks& checks) {
  const float digits[] = {0xcdef, 0x90ab, 0x5678, 0x1234, 7, 0, 0xffff, 0x8000};
  const philox::Stream stream = philox::StreamOf(digits);
  EXPECT(checks, stream.seed_low == 0x90abcdef && stream.seed_high == 0x12345678);
  EXPECT(checks, stream.low == 7 && stream.high == 0x8000ffff);
  EXPECT_OK(checks, philox::CheckDigits(digits));
  for (const float bad : {-1.0f, 65536.0f, 0.5f, __builtin_nanf(""), __builtin_inff()}) {
    float wrong[philox::kDigits] = {};
    wrong[5] = bad;
    EXPECT_FAILS(checks, philox::CheckDigits(wrong), Code::kInvalidArgument, "seed", "at 5");
    EXPECT(checks, philox::StreamOf(wrong).low == 0);
  }
}

void CheckLevels(Checks& checks) {
  const philox::Stream streams[] = {
      {42, 0, 0, 0}, {0x90abcdef, 0x12345678, 7, 0}, {~0u, ~0u, ~0u, ~0u}, {0, 1, 0x80000000, 3}};
  // Within a group, and where the low word of a block's number wraps round.
  const uint64_t starts[] = {0,
                             1,
                             5,
                             63,
                             64,
                             1000003,
                             (uint64_t{1} << 34) - 77,
                             (uint64_t{1} << 34) + 64,
                             uint64_t{5} << 40};
  for (const char* level : {"base", "avx2", "avx512"}) {
    const host::SimdKernels* kernels = host::FindSimd(level);
    if (!kernels) continue;
    for (const philox::Stream& stream : streams) {
      for (const uint64_t start : starts) {
        Words words(200);
        kernels->philox_words(stream, start, 200, words.data());
        checks.That(words == OneByOne(stream, start, 200), "the words of one block at a time",
                    __FILE__, __LINE__, std::string(level) + " from " + std::to_string(start));
      }
    }
  }
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm::test;
  Checks checks;
  CheckAnswers(checks);
  CheckDigits(checks);
  CheckLevels(checks);
  return checks.Finish();
}
