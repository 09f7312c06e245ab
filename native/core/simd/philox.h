// core/philox.h for several blocks at once.
//
// A counter's word is the low half of a 64-bit lane, because that is what the multiplication takes;
// the high halves hold whatever the last product left there.
#pragma once

#include "core/philox.h"
#include "core/simd/vector.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {

typedef uint32_t Words __attribute__((vector_size(kLanes * 4)));
typedef uint64_t LongWords __attribute__((vector_size(kLanes * 4)));

class PhiloxBlocks {
 public:
  static constexpr int kBlocks = kLanes / 2;  // in one vector
  static constexpr int kVectors = 2;          // of their words

  // `block_high` is the high word of every block's number.
  PhiloxBlocks(const philox::Stream& stream, uint32_t block_high) {
    // Of a counter only the block's low word differs from lane to lane, so much of the first rounds
    // is the same in all.
    const uint64_t p1 = static_cast<uint64_t>(philox::kMultiplier1) * stream.low;
    const uint32_t c0 = static_cast<uint32_t>(p1 >> 32) ^ block_high ^ stream.seed_low;
    const uint64_t p0 = static_cast<uint64_t>(philox::kMultiplier0) * c0;
    for (int round = 0; round < philox::kRounds; ++round) {
      key0_[round] = FillWords(Key(stream.seed_low, philox::kWeyl0, round));
      key1_[round] = FillWords(Key(stream.seed_high, philox::kWeyl1, round));
    }
    first_c2_ = FillWords(stream.high) ^ key1_[0];
    second_c0_ = FillWords(static_cast<uint32_t>(p1)) ^ key0_[1];
    second_c2_ = FillWords(static_cast<uint32_t>(p0 >> 32)) ^ key1_[1];
    third_c2_ = FillWords(static_cast<uint32_t>(p0)) ^ key1_[2];
    for (int i = 0; i < kBlocks; ++i) order_[i] = i / 2 + i % 2 * (kBlocks / 2);
  }

  // The words of kTogether * kBlocks blocks from `block_low` on, whose low words do not wrap round,
  // in order.
  template <int kTogether>
  __attribute__((always_inline)) void Get(uint32_t block_low, Words* to) const {
    const LongWords multiplier0 = FillWords(philox::kMultiplier0);
    const LongWords multiplier1 = FillWords(philox::kMultiplier1);
    LongWords c0[kTogether], c1[kTogether], c2[kTogether], c3[kTogether];
    for (int i = 0; i < kTogether; ++i) {
      c3[i] = Product(order_ + FillWords(block_low + i * kBlocks), multiplier0);
      c2[i] = (c3[i] >> 32) ^ first_c2_;

      c1[i] = Product(c2[i], multiplier1);
      c0[i] = (c1[i] >> 32) ^ second_c0_;
      c2[i] = c3[i] ^ second_c2_;

      const LongWords p0 = Product(c0[i], multiplier0);
      const LongWords p1 = Product(c2[i], multiplier1);
      c0[i] = (p1 >> 32) ^ c1[i] ^ key0_[2];
      c1[i] = p1;
      c2[i] = (p0 >> 32) ^ third_c2_;
      c3[i] = p0;
    }
    for (int round = 3; round < philox::kRounds; ++round) {
      for (int i = 0; i < kTogether; ++i) {
        const LongWords p0 = Product(c0[i], multiplier0);
        const LongWords p1 = Product(c2[i], multiplier1);
        c0[i] = (p1 >> 32) ^ c1[i] ^ key0_[round];
        c1[i] = p1;
        c2[i] = (p0 >> 32) ^ c3[i] ^ key1_[round];
        c3[i] = p0;
      }
    }
    for (int i = 0; i < kTogether; ++i) {
      Interleave(Pairs(c0[i], c1[i]), Pairs(c2[i], c3[i]), to + i * kVectors);
    }
  }

 private:
  static uint32_t Key(uint32_t seed, uint32_t weyl, int round) {
    return seed + static_cast<uint32_t>(round) * weyl;
  }
  static LongWords FillWords(uint32_t word) { return LongWords{} + word; }

  // Of the low halves.
  static LongWords Product(LongWords a, LongWords b) {
#if defined(__AVX512F__)
    return reinterpret_cast<LongWords>(
        _mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
    return reinterpret_cast<LongWords>(
        _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
    return reinterpret_cast<LongWords>(
        _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
  }

  // The low halves of both, `high` above `low`.
  static LongWords Pairs(LongWords low, LongWords high) {
#if defined(__AVX512F__)
    return reinterpret_cast<LongWords>(_mm512_mask_shuffle_epi32(
        reinterpret_cast<__m512i>(low), 0xAAAA, reinterpret_cast<__m512i>(high), _MM_PERM_CCAA));
#elif defined(__AVX2__)
    const __m256i raised = _mm256_shuffle_epi32(reinterpret_cast<__m256i>(high), 0xA0);
    return reinterpret_cast<LongWords>(
        _mm256_blend_epi32(reinterpret_cast<__m256i>(low), raised, 0xAA));
#else
    return (low & 0xffffffff) | (high << 32);
#endif
  }

  // Lane 2i holds block i and lane 2i + 1 a block of the second half: so pairs of neighbouring
  // lanes give two vectors of blocks in order.
  static void Interleave(LongWords first, LongWords second, Words* to) {
#if defined(__AVX512F__)
    const __m512i a = reinterpret_cast<__m512i>(first);
    const __m512i b = reinterpret_cast<__m512i>(second);
    to[0] = reinterpret_cast<Words>(_mm512_unpacklo_epi64(a, b));
    to[1] = reinterpret_cast<Words>(_mm512_unpackhi_epi64(a, b));
#elif defined(__AVX2__)
    const __m256i a = reinterpret_cast<__m256i>(first);
    const __m256i b = reinterpret_cast<__m256i>(second);
    to[0] = reinterpret_cast<Words>(_mm256_unpacklo_epi64(a, b));
    to[1] = reinterpret_cast<Words>(_mm256_unpackhi_epi64(a, b));
#else
    to[0] = reinterpret_cast<Words>(LongWords{first[0], second[0]});
    to[1] = reinterpret_cast<Words>(LongWords{first[1], second[1]});
#endif
  }

  LongWords key0_[philox::kRounds];
  LongWords key1_[philox::kRounds];
  LongWords first_c2_, second_c0_, second_c2_, third_c2_;
  LongWords order_;
};

// The random words of consecutive elements, a group at a time. Groups start anew where the high
// word of the block changes, so that all blocks of one have the same.
class PhiloxGroup {
 public:
  // More would not fit into registers, fewer would wait for their multiplications.
  static constexpr int kTogether = 3;
  static constexpr int kVectors = kTogether * PhiloxBlocks::kVectors;
  static constexpr int64_t kElements = kVectors * kLanes;

  explicit PhiloxGroup(const philox::Stream& stream) : stream_(stream), blocks_(stream, 0) {}

  // Computes the group that `word` is in, if it is not the last one that was. Gives how many of its
  // words there are from `word` on, for From(0), From(1) and so on.
  int64_t Fetch(uint64_t word) {
    const int64_t place = Enter(word);
    start_ = place % kElements;
    const int64_t first = place - start_;
    if (first != first_) blocks_.Get<kTogether>(static_cast<uint32_t>(first / 4), words_);
    first_ = first;
    const int64_t end = first + kElements < kPlaces ? first + kElements : kPlaces;
    return end - place;
  }

  // kLanes words; what lies beyond those that there are is anything.
  Words From(int64_t offset) const {
    Words words;
    __builtin_memcpy(&words, reinterpret_cast<const uint32_t*>(words_) + start_ + offset,
                     sizeof words);
    return words;
  }

  // How many whole groups the `count` words from `word` on begin with.
  static int64_t Whole(uint64_t word, int64_t count) {
    const int64_t place = static_cast<int64_t>(word % kPlaces);
    const int64_t left = count < kPlaces - place ? count : kPlaces - place;
    return place % kElements == 0 ? left / kElements : 0;
  }

  // f(words, i) for those groups, with the kVectors vectors of each.
  template <class F>
  void ForEach(uint64_t word, int64_t groups, F f) {
    uint32_t block = static_cast<uint32_t>(Enter(word) / 4);
    for (int64_t i = 0; i < groups; ++i) {
      Words words[kVectors];
      blocks_.Get<kTogether>(block, words);
      block += kElements / 4;
      f(words, i);
    }
  }

 private:
  // Words with the same high word of the block.
  static constexpr int64_t kPlaces = int64_t{4} << 32;

  // The place of a word among those, whose high word is the current one from now on.
  int64_t Enter(uint64_t word) {
    const uint32_t high = static_cast<uint32_t>(word / kPlaces);
    if (high != high_) {
      high_ = high;
      blocks_ = PhiloxBlocks(stream_, high);
      first_ = -1;
    }
    return static_cast<int64_t>(word % kPlaces);
  }

  const philox::Stream stream_;
  PhiloxBlocks blocks_;
  uint32_t high_ = 0;
  int64_t first_ = -1;              // place of words_[0]
  int64_t start_ = 0;               // of the word that was asked for, in the group
  Words words_[kVectors + 1] = {};  // the last is read but not used
};

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
