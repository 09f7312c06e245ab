// The ops through the C face on tensors without elements: empty results, zero gradients, running
// statistics as they were.
#include "test/ops_run.h"

namespace tfjs_norm::test {
namespace {

void CheckEmpty() {
  for (const int32_t device : kDevices) {
    const Values mean = Random({6}, 1), variance = Random({6}, 2), gamma = Random({6}, 3);
    const Values none = Filled({0}, 0);
    for (const Dims& shape : {Dims{0, 5, 6}, Dims{4, 0, 6}, Dims{0, 0, 6}}) {
      const Values x = Filled(shape, 0);
      const auto batch = Run("TfjsBatchNorm", device, {x, gamma, gamma, mean, variance}, {});
      EXPECT(checks, batch[0].shape == shape);
      EXPECT(checks, LargestDifference(batch[1], mean) == 0);
      EXPECT(checks, LargestDifference(batch[2], variance) == 0);
      EXPECT(checks, AllZero(batch[3]));
      const auto ghosts = Run("TfjsBatchNorm", device, {x, gamma, gamma, mean, variance},
                              {{"virtual_batch_size", 2}});
      EXPECT(checks, LargestDifference(ghosts[1], mean) == 0);
      for (const auto& grads :
           {Run("TfjsBatchNormGrad", device, {x, x, gamma, batch[3]}, {}),
            Run("TfjsBatchNormInferenceGrad", device, {x, x, gamma, mean, variance}, {})}) {
        EXPECT(checks, grads[0].shape == shape);
        for (size_t i = 1; i < grads.size(); ++i) {
          EXPECT(checks, grads[i].shape == gamma.shape && AllZero(grads[i]));
        }
      }
      const auto group = Run("TfjsGroupNorm", device, {x, gamma, gamma}, {{"groups", 2}});
      EXPECT(checks, group[0].shape == shape && AllZero(group[1]));
      const auto response = Run("TfjsFilterResponseNormGrad", device,
                                {x, x, gamma, gamma, Filled({1}, 1), Filled({3, shape[0], 6}, 0)},
                                {{"tlu", 1}, {"learn_epsilon", 1}});
      EXPECT(checks, response[0].shape == shape && response[3].shape == gamma.shape);
      for (size_t i = 1; i < response.size(); ++i) EXPECT(checks, AllZero(response[i]));
      const auto online = Run("TfjsOnlineNorm", device, {x, gamma, gamma, mean, variance}, {});
      EXPECT(checks, online[0].shape == shape && AllZero(online[3]));
      EXPECT(checks, LargestDifference(online[1], mean) == 0);
      EXPECT(checks, LargestDifference(online[2], variance) == 0);
      const auto control =
          Run("TfjsOnlineNormGrad", device, {x, x, gamma, gamma, mean, variance, online[3]}, {});
      EXPECT(checks, AllZero(control[1]) && AllZero(control[2]));
      EXPECT(checks, LargestDifference(control[3], mean) == 0);
      EXPECT(checks, LargestDifference(control[4], variance) == 0);
      const auto stochastic = Run("TfjsBayesianAffineGrad", device,
                                  {x, x, gamma, gamma, gamma, none, none, Filled({8}, 3)}, {});
      EXPECT(checks, stochastic[0].shape == shape);
      for (size_t i = 1; i < stochastic.size(); ++i) {
        EXPECT(checks, stochastic[i].shape == gamma.shape && AllZero(stochastic[i]));
      }
      const auto layer = Run("TfjsLayerNorm", device, {x, gamma, gamma}, {});
      EXPECT(checks, layer[0].shape == shape && AllZero(layer[1]));
      const auto rms = Run("TfjsRmsNormGrad", device,
                           {x, x, gamma, Filled({shape[0] * shape[1]}, 0)}, {{"center", 1}});
      EXPECT(checks, rms[0].shape == shape && AllZero(rms[1]) && AllZero(rms[2]));
      EXPECT(checks, rms[2].shape == gamma.shape);
    }
    for (const Dims& shape : {Dims{0}, Dims{4, 0, 6}}) {
      const Values x = Filled(shape, 0), seed = Filled({8}, 3);
      for (const auto& y :
           {Run("TfjsSelu", device, {x}, {}), Run("TfjsSeluGrad", device, {x, x}, {}),
            Run("TfjsAlphaDropout", device, {x, seed}, {{"threshold", 1 << 20}})}) {
        EXPECT(checks, y[0].shape == shape);
      }
    }
    for (const Dims& shape : {Dims{0}, Dims{4, 0, 6}}) {
      const Values x = Filled(shape, 0), one = Filled({1}, 2);
      const auto y = Run("TfjsFixup", device, {x, one, one, none, x},
                         {{"use_scale", 1}, {"use_bias", 1}, {"use_residual", 1}});
      EXPECT(checks, y[0].shape == shape);
      const auto grads = Run(
          "TfjsFixupGrad", device, {x, x, one, one, x},
          {{"relu", 1}, {"use_scale", 1}, {"use_bias", 1}, {"use_shift", 1}, {"use_residual", 1}});
      EXPECT(checks, grads[0].shape == shape && grads[1].shape == shape);
      for (int i = 2; i < 5; ++i) EXPECT(checks, grads[i].data.size() == 1 && AllZero(grads[i]));
    }
    const auto channels = Run("TfjsGroupNorm", device, {Filled({4, 5, 0}, 0), none, none}, {});
    EXPECT(checks, channels[0].shape == (Dims{4, 5, 0}));
    const auto columns = Run("TfjsLayerNorm", device, {Filled({4, 0}, 0), none, none}, {});
    EXPECT(checks, columns[1].shape == (Dims{3, 4}) && AllZero(columns[1]));
  }
}

void CheckEmptyAttentive() {
  for (const int32_t device : kDevices) {
    const Values mean = Random({6}, 1), variance = Random({6}, 2), none = Filled({0}, 0);
    const Values matrix = Random({2, 6}, 4), k = Random({2}, 5);
    for (const Dims& shape : {Dims{0, 5, 6}, Dims{4, 0, 6}}) {
      const Values x = Filled(shape, 0);
      const std::vector<Values> given = {matrix, matrix, matrix, none, k, k, mean, variance, k, k};
      std::vector<Values> inputs = given;
      inputs.insert(inputs.begin(), x);
      const auto attentive = Run("TfjsAttentiveNorm", device, inputs, {});
      EXPECT(checks, attentive[0].shape == shape);
      for (int i = 1; i <= 4; ++i) {
        EXPECT(checks, LargestDifference(attentive[i], inputs[6 + i]) == 0);
      }
      EXPECT(checks, attentive[5].shape == (Dims{shape[0], 2}) && AllZero(attentive[5]));
      inputs.insert(inputs.begin(), x);
      inputs.push_back(attentive[6]);
      const auto grads = Run("TfjsAttentiveNormGrad", device, inputs, {});
      for (size_t i = 1; i < grads.size(); ++i) EXPECT(checks, AllZero(grads[i]));
    }
  }
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm::test;
  CheckEmpty();
  CheckEmptyAttentive();
  return checks.Finish();
}
