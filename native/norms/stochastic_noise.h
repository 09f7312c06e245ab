// The random scale and offset of a (sample, channel) pair, and what they are to the parameters
// (equations in stochastic_norm.h): what host and CUDA share.
#pragma once

#include "core/normal.h"

namespace tfjs_norm {

enum class NoiseForm { kBatch, kLearned };

// The noise of batch norm over n values: u = z1 / sqrt(n), v = sqrt(n / chi2), chi2 of n - 1
// degrees of freedom. From kLeastSmooth values on by the cube of Wilson & Hilferty, off by 0.3 % at
// most in all but one of 500 draws; below, n being an integer then, exactly: a pair of degrees is
// an exponential number, an odd one the square of a normal one.
struct BatchNoise {
  static constexpr double kLeast = 4;  // below, v has no variance
  static constexpr int kLeastSmooth = 16;
  static constexpr double kFloor = 1e-3;  // chi2 is at least this part of its mean

  double values;
  double degrees;
  double shrink;  // 2 / (9 degrees)
  double deviation;
  double root;
  bool smooth;

  static BatchNoise Of(double values) {
    BatchNoise noise;
    noise.values = values;
    noise.degrees = values - 1;
    noise.shrink = 2 / (9 * noise.degrees);
    noise.deviation = std::sqrt(noise.shrink);
    noise.root = std::sqrt(values);
    noise.smooth = values >= kLeastSmooth;
    return noise;
  }

  NORM_PHILOX float U(double normal) const { return static_cast<float>(normal / root); }
  NORM_PHILOX float V(double chi2) const {
    const double least = normal::Times(kFloor, degrees);
    return static_cast<float>(sqrt(values / (chi2 > least ? chi2 : least)));
  }
  NORM_PHILOX double Chi2(double normal) const {
    using normal::Plus;
    using normal::Times;
    const double t = Plus(Plus(1, -shrink), Times(normal, deviation));
    return Times(degrees, Times(Times(t, t), t));
  }
};

// What is random for a pair: u and v, or the normal numbers of scale and bias.
struct Noise {
  float first;
  float second;
};

// y = a * (x - u) + b
struct RandomAffine {
  float u, a, b;
};

struct StochasticNoise {
  static constexpr int kParameters = 4;

  NoiseForm form = NoiseForm::kBatch;
  BatchNoise batch = {};  // kBatch, drawn
  int64_t channels = 0;
  int64_t samples = 1;  // with noise of their own
  // [channels]: gamma, none, beta, none; or log scale, its rho, bias, its rho. Null: 1 and 0.
  const float* parameters[kParameters] = {};
  const float* first = nullptr;   // [samples, channels], given; null where noise is drawn
  const float* second = nullptr;  // the same
  const float* digits = nullptr;  // of the stream, where noise is drawn

  NORM_PHILOX int64_t pairs() const { return samples * channels; }

  NORM_PHILOX philox::Stream Begin() const {
    return first ? philox::Stream{} : philox::StreamOf(digits);
  }

  NORM_PHILOX Noise Get(int64_t pair, const philox::Stream& stream) const {
    if (first) return {first[pair], second[pair]};
    return form == NoiseForm::kBatch && !batch.smooth ? DrawFew(pair, stream) : Draw(pair, stream);
  }

  NORM_PHILOX RandomAffine Affine(int64_t channel, const Noise& noise) const {
    if (form == NoiseForm::kBatch) {
      const float gamma = parameters[0] ? parameters[0][channel] : 1.0f;
      return {noise.first, gamma * noise.second, parameters[2] ? parameters[2][channel] : 0.0f};
    }
    // A backward has no need of the offset.
    const double mean = parameters[2] ? parameters[2][channel] : 0.0;
    const double bias = mean + Deviation(3, channel) * noise.second;
    return {0, static_cast<float>(Scale(channel, noise)), static_cast<float>(bias)};
  }

  // What a pair adds to the gradients of the four parameters, from g0 = sum dy and g1 = sum dy *
  // (x - u). Of given u and v they are those of the pair alone, in the places 1 and 3.
  struct Terms {
    double of[kParameters];
  };
  NORM_PHILOX Terms TermsOf(int64_t channel, const Noise& noise, double g0, double g1) const {
    if (form == NoiseForm::kBatch) {
      const double gamma = parameters[0] ? parameters[0][channel] : 1.0;
      return {{noise.second * g1, -gamma * noise.second * g0, g0, gamma * g1}};
    }
    const double by_log = Scale(channel, noise) * g1;
    return {{by_log, by_log * Deviation(1, channel) * noise.first, g0,
             g0 * Deviation(3, channel) * noise.second}};
  }
  // Whether a term is the pair's own gradient.
  NORM_PHILOX bool OfPair(int parameter) const {
    return form == NoiseForm::kBatch && parameter % 2 == 1;
  }

 private:
  NORM_PHILOX double Deviation(int rho, int64_t channel) const {
    return exp(static_cast<double>(parameters[rho][channel]));
  }
  NORM_PHILOX double Scale(int64_t channel, const Noise& noise) const {
    return exp(parameters[0][channel] + Deviation(1, channel) * noise.first);
  }

  // Two words of a pair: half a block.
  NORM_PHILOX Noise Draw(int64_t pair, const philox::Stream& stream) const {
    const philox::Block block = philox::BlockOf(stream, static_cast<uint64_t>(pair) / 2);
    const bool odd = pair % 2 == 1;
    const normal::Pair z =
        normal::BoxMuller(odd ? block.word[2] : block.word[0], odd ? block.word[3] : block.word[1]);
    if (form == NoiseForm::kBatch) return {batch.U(z.second), batch.V(batch.Chi2(z.first))};
    return {static_cast<float>(z.first), static_cast<float>(z.second)};
  }

  // Three blocks of a pair: two words for normal numbers, one for each pair of degrees.
  NORM_PHILOX Noise DrawFew(int64_t pair, const philox::Stream& stream) const {
    constexpr int kBlocks = 3;
    const int degrees = static_cast<int>(batch.degrees);
    normal::Pair z = {};
    double product = 1;
    for (int i = 0; i < kBlocks; ++i) {
      const uint64_t number = static_cast<uint64_t>(pair) * kBlocks + static_cast<uint64_t>(i);
      const philox::Block block = philox::BlockOf(stream, number);
      if (i == 0) z = normal::BoxMuller(block.word[0], block.word[1]);
      const int taken = 4 * i - 2;
      if (i > 0) product = Product(product, block.word[0], taken, degrees);
      if (i > 0) product = Product(product, block.word[1], taken + 1, degrees);
      product = Product(product, block.word[2], taken + 2, degrees);
      product = Product(product, block.word[3], taken + 3, degrees);
    }
    const double even = normal::Times(-2, normal::Log(product));
    const double odd = degrees % 2 == 1 ? normal::Times(z.first, z.first) : 0;
    return {batch.U(z.second), batch.V(normal::Plus(even, odd))};
  }
  // `number`: of the uniform number; there are half as many as degrees.
  NORM_PHILOX double Product(double product, uint32_t word, int number, int degrees) const {
    return number < degrees / 2 ? normal::Times(product, normal::Uniform(word)) : product;
  }
};

}  // namespace tfjs_norm
