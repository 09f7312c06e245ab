// The ops through the C face, on the host and on the emulated device: shapes, layouts, workspace,
// counters, injected faults. Empty tensors are in ops_empty_check.cc, what they refuse in
// refusals_check.cc.
#include <algorithm>
#include <cstring>

#include "test/ops_run.h"

namespace tfjs_norm::test {
namespace {

void CheckDescription() {
  const std::string json = norm_describe();
  EXPECT(checks, json == norm_describe());
  EXPECT(checks, json.find("\"kind\":\"emulated\"") != std::string::npos);
  EXPECT(checks, json.find("\"architectures\":[]") != std::string::npos);
  EXPECT(checks, AllOps().size() >= EveryOp().size());
  for (const OpDecl* op : AllOps()) {
    EXPECT(checks, json.find("\"name\":\"" + std::string(op->name) + '"') != std::string::npos);
    EXPECT(checks, FindOp(op->name) == op);
    Attributes defaults(op, {});
    EXPECT_OK(checks, MakeAttributes(*op, {}, &defaults));
  }
  EXPECT(checks, FindOp("TfjsNoSuchNorm") == nullptr);
  const std::string devices = norm_devices();
  EXPECT(checks, devices.find("\"hasCode\":true") != std::string::npos);
}

void CheckShapesAndWorkspace() {
  for (const OpCase& c : EveryOp()) {
    std::vector<Values> results[2];
    for (const int32_t device : kDevices) {
      DirectCall call(c.op, device, c.values(), c.attributes);
      EXPECT_OK(checks, call.Infer());
      for (size_t i = 0; i < c.outputs.size(); ++i) {
        EXPECT(checks, call.output_shape(static_cast<int>(i)) == c.outputs[i]);
      }
      size_t bytes = 0;
      EXPECT_OK(checks, call.WorkspaceBytes(&bytes));
      EXPECT_OK(checks, call.Allocate());
      void* workspace = nullptr;
      EXPECT(checks, norm_malloc(device, bytes, &workspace) == 0);
      call.call.workspace = workspace;
      if (bytes > 0) {
        call.call.workspace_bytes = bytes - 1;
        EXPECT_FAILS(checks, call.Launch(), Code::kInvalidArgument, c.op, "workspace");
      }
      call.call.workspace_bytes = bytes;
      EXPECT_OK(checks, call.Launch());
      EXPECT_OK(checks, call.CopyBack(&results[device]));
      norm_free(device, workspace);
    }
    const std::vector<Values> own = Run(c.op, NORM_HOST, c.values(), c.attributes);
    for (size_t i = 0; i < c.outputs.size(); ++i) {
      checks.That(Close(results[NORM_HOST][i], results[NORM_CUDA][i]), "host and emulated agree",
                  __FILE__, __LINE__, c.op);
      checks.That(LargestDifference(results[NORM_HOST][i], own[i]) == 0, "the same bits again",
                  __FILE__, __LINE__, c.op);
    }
  }
  EXPECT(checks, Counters().live_bytes == 0);
}

// The channels of axis 1 moved to the end: [N, C, S] to [N, S, C].
Values ChannelsLast(const Values& first) {
  const int64_t n = first.shape[0], c = first.shape[1], s = first.shape[2];
  Values last = Filled({n, s, c}, 0);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < c; ++k) {
      for (int64_t p = 0; p < s; ++p) {
        last.data[(i * s + p) * c + k] = first.data[(i * c + k) * s + p];
      }
    }
  }
  return last;
}

void CheckLayouts() {
  const Values x = Random({4, 6, 7}, 1), dy = Random({4, 6, 7}, 2);
  const Values gamma = Random({6}, 3), beta = Random({6}, 4), mean = Random({6}, 5),
               variance = Random({6}, 6);
  for (const int32_t device : kDevices) {
    for (const double ghost : {0.0, 2.0}) {
      const auto first = Run("TfjsBatchNorm", device, {x, gamma, beta, mean, variance},
                             {{"axis", 1}, {"virtual_batch_size", ghost}});
      const auto last = Run("TfjsBatchNorm", device, {ChannelsLast(x), gamma, beta, mean, variance},
                            {{"axis", -1}, {"virtual_batch_size", ghost}});
      EXPECT(checks, Close(ChannelsLast(first[0]), last[0]));
      EXPECT(checks, Close(first[1], last[1]));
      EXPECT(checks, Close(first[2], last[2]));
      const auto first_grad = Run("TfjsBatchNormGrad", device, {dy, x, gamma, first[3]},
                                  {{"axis", 1}, {"virtual_batch_size", ghost}});
      const auto last_grad =
          Run("TfjsBatchNormGrad", device, {ChannelsLast(dy), ChannelsLast(x), gamma, last[3]},
              {{"virtual_batch_size", ghost}});
      EXPECT(checks, Close(ChannelsLast(first_grad[0]), last_grad[0]));
      EXPECT(checks, Close(first_grad[1], last_grad[1], 2e-4));
      EXPECT(checks, Close(first_grad[2], last_grad[2], 2e-4));
    }
    const auto first = Run("TfjsGroupNorm", device, {x, gamma, beta}, {{"axis", 1}, {"groups", 2}});
    const auto last = Run("TfjsGroupNorm", device, {ChannelsLast(x), gamma, beta}, {{"groups", 2}});
    EXPECT(checks, Close(ChannelsLast(first[0]), last[0]));
    EXPECT(checks, Close(first[1], last[1]));
  }
}

void CheckValues() {
  for (const int32_t device : kDevices) {
    // Mean 2 and variance 1 in each of two ghost batches of one channel, updated one after the
    // other.
    const Values x = {{4, 1}, {1, 3, 1, 3}};
    const Values none = Filled({0}, 0), mean = Filled({1}, 0), variance = Filled({1}, 2);
    const auto batch = Run("TfjsBatchNorm", device, {x, none, none, mean, variance},
                           {{"scale", 0},
                            {"center", 0},
                            {"update_rate", 0.5},
                            {"unbiased", 1},
                            {"virtual_batch_size", 2}});
    EXPECT(checks, std::fabs(batch[0].data[0] + 1) < 1e-3);
    EXPECT(checks, batch[1].data[0] == 1.5f);
    EXPECT(checks, batch[2].data[0] == 2.0f);
    EXPECT(checks, batch[3].shape == (Dims{3, 2, 1}));

    const auto inference = Run("TfjsBatchNormInference", device,
                               {x, Filled({1}, 2), Filled({1}, 5), Filled({1}, 1), Filled({1}, 4)},
                               {{"epsilon", 1e-6}});
    EXPECT(checks, Close(inference[0], {{4, 1}, {5, 7, 5, 7}}));

    // Root mean square 5.
    const auto response =
        Run("TfjsFilterResponseNorm", device,
            {{{1, 4, 1}, {1, -1, 7, -7}}, none, Filled({1}, 1), Filled({1}, 0.5f), none},
            {{"scale", 0}, {"tlu", 1}, {"epsilon", 1e-30}});
    EXPECT(checks, Close(response[0], {{1, 4, 1}, {1.2f, 0.8f, 2.4f, 0.5f}}));
    EXPECT(checks, Close(response[1], {{3, 1, 1}, {25, 0.2f, 1}}));

    const auto layer = Run("TfjsLayerNorm", device, {{{2}, {1, 3}}, Filled({2}, 2), Filled({2}, 1)},
                           {{"epsilon", 1e-6}});
    EXPECT(checks, Close(layer[0], {{2}, {-1, 3}}));

    const auto rms = Run("TfjsRmsNorm", device, {{{1, 2}, {3, 4}}, Filled({2}, 1), none},
                         {{"partial", 1}, {"epsilon_inside", 0}});
    EXPECT(checks, Close(rms[0], {{1, 2}, {1, 4.0f / 3}}));
    EXPECT(checks, rms[1].data[0] == 9.0f);

    // The first four words of seed 42 are 2632642643, 2012563771, 314527917 and 1463989207.
    const Values seed = {{8}, {42, 0, 0, 0, 0, 0, 0, 0}};
    const Values four = {{4}, {1, 1, -1, -1}};
    const auto half = Run("TfjsAlphaDropout", device, {four, seed},
                          {{"threshold", 1 << 23}, {"slope", 2}, {"offset", 1}, {"dropped", -7}});
    EXPECT(checks, LargestDifference(half[0], {{4}, {3, -7, -7, -7}}) == 0);
    const auto shared = Run("TfjsAlphaDropoutGrad", device, {four, seed},
                            {{"threshold", 1 << 23}, {"slope", 2}, {"shared_axes", 1}});
    EXPECT(checks, LargestDifference(shared[0], {{4}, {2, 2, -2, -2}}) == 0);
  }
}

void CheckCounters() {
  for (const OpCase& c : EveryOp()) {
    for (const int32_t device : kDevices) {
      DirectCall call(c.op, device, c.values(), c.attributes);
      size_t temp_bytes = 0;
      EXPECT_OK(checks, call.WorkspaceBytes(&temp_bytes));
      norm_reset_counters();
      std::vector<Values> results;
      EXPECT_OK(checks, call.Run(&results));
      int64_t output_bytes = 0;
      int64_t allocations = temp_bytes > 0 ? 1 : 0;
      for (const Values& result : results) {
        output_bytes += static_cast<int64_t>(result.data.size() * sizeof(float));
        if (!result.data.empty()) ++allocations;
      }
      const NormCounters counters = Counters();
      EXPECT(checks, counters.op_calls == 1);
      EXPECT(checks, counters.output_bytes == output_bytes);
      EXPECT(checks, counters.temp_bytes == static_cast<int64_t>(temp_bytes));
      EXPECT(checks, counters.allocations == allocations);
      EXPECT(checks, counters.peak_bytes == counters.live_bytes + counters.temp_bytes);
      EXPECT(checks, (counters.launches > 0) == (device == NORM_CUDA));
      EXPECT(checks, counters.launches <= c.launches);
      EXPECT(checks, norm_op_calls() == "{\"" + std::string(c.op) + "\":1}");
    }
    EXPECT(checks, Counters().live_bytes == 0);
  }
  norm_reset_counters();
  EXPECT(checks, std::strcmp(norm_op_calls(), "{}") == 0);
}

void CheckFaults() {
  for (const OpCase& c : EveryOp()) {
    DirectCall call(c.op, NORM_CUDA, c.values(), c.attributes);
    EXPECT_OK(checks, call.Infer());
    EXPECT_OK(checks, call.Allocate());
    norm_reset_counters();
    EXPECT_OK(checks, call.Launch());
    std::vector<Values> want, got;
    EXPECT_OK(checks, call.CopyBack(&want));
    const NormCounters counters = Counters();
    for (const auto& [kind, points] :
         {std::pair<const char*, int64_t>{"allocation", counters.allocations},
          {"launch", counters.launches}}) {
      EXPECT(checks, points > 0);
      for (int64_t after = 0; after < points; ++after) {
        EXPECT(checks, norm_inject_fault(kind, static_cast<int32_t>(after)) == 0);
        EXPECT_FAILS(checks, call.Launch(), Code::kResourceExhausted, c.op, "injected fault");
        EXPECT(checks, Counters().live_bytes == counters.live_bytes);
        EXPECT_OK(checks, call.Launch());
        EXPECT_OK(checks, call.CopyBack(&got));
        for (size_t i = 0; i < want.size(); ++i) {
          EXPECT(checks, LargestDifference(want[i], got[i]) == 0);
        }
      }
      EXPECT(checks, norm_inject_fault(kind, 0) == 0);
      EXPECT(checks, norm_inject_fault(kind, -1) == 0);
      EXPECT_OK(checks, call.Launch());
    }
  }
  EXPECT(checks, norm_inject_fault("allocation", 0) == 0);
  void* data = nullptr;
  EXPECT(checks,
         norm_malloc(NORM_CUDA, 64, &data) == static_cast<int32_t>(Code::kResourceExhausted));
  EXPECT(checks, data == nullptr);
  EXPECT(checks, norm_malloc(NORM_CUDA, 64, &data) == 0);
  norm_free(NORM_CUDA, data);
  // Freed where it was allocated, whichever device the caller names, and once.
  for (const int32_t named : {int32_t{NORM_HOST}, int32_t{NORM_CUDA}, 7}) {
    NormCounters counters = {};
    EXPECT(checks, norm_malloc(NORM_CUDA, 64, &data) == 0);
    norm_free(named, data);
    norm_free(named, data);
    norm_counters(&counters);
    EXPECT(checks, counters.live_bytes == 0);
  }
  EXPECT(checks, norm_inject_fault("neither", 0) == static_cast<int32_t>(Code::kInvalidArgument));
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm::test;
  CheckDescription();
  CheckShapesAndWorkspace();
  CheckLayouts();
  CheckValues();
  CheckCounters();
  CheckFaults();
  return checks.Finish();
}
