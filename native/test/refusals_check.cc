// What the ops refuse through the C face, and with which words: wrong shapes, attributes and
// pointers.
#include <algorithm>
#include <cstring>
#include <limits>

#include "test/check.h"
#include "test/direct_call.h"
#include "test/refused_calls.h"

namespace tfjs_norm::test {
namespace {

Checks checks;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using AttributeMap = std::map<std::string, double>;

OpCase CaseOf(const std::string& op) {
  for (const OpCase& c : EveryOp()) {
    if (op == c.op) return c;
  }
  return {};
}

int InputIndex(const char* op, const std::string& name) {
  const OpDecl& decl = *FindOp(op);
  for (size_t i = 0; i < decl.inputs.size(); ++i) {
    if (name == decl.inputs[i].name) return static_cast<int>(i);
  }
  return -1;
}

// Inference alone, as every face does before it allocates anything.
Status Infer(const char* op, const std::vector<Dims>& inputs, const AttributeMap& attributes) {
  std::vector<Values> values;
  for (const Dims& shape : inputs) values.push_back({shape, {}});
  return DirectCall(op, NORM_HOST, values, attributes).Infer();
}

void CheckWords() {
  for (const RefusedCall& call : RefusedCalls()) {
    EXPECT_FAILS(checks, Infer(call.op, call.inputs, call.attributes), Code::kInvalidArgument,
                 call.op, call.words);
  }
  // What a message above says is allowed.
  const Dims x = {2, 3, 30}, c = {30};
  for (const Dims& learned : {Dims{1}, c}) {
    EXPECT_OK(checks, Infer("TfjsFilterResponseNorm", {x, c, c, c, learned},
                            {{"tlu", 1}, {"learn_epsilon", 1}, {"epsilon", 0}}));
  }
}

void CheckShapes() {
  for (const OpCase& c : EveryOp()) {
    const OpDecl& decl = *FindOp(c.op);
    EXPECT_OK(checks, Infer(c.op, c.inputs, c.attributes));
    const Arrangement arrangement = InputsOf(decl, c.inputs.size());
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      const char* name = decl.inputs[arrangement.argument(static_cast<int>(i))].name;
      std::vector<Dims> bad = {{-1}};
      if (!(c.any_shape && i == 0)) {
        bad.insert(bad.end(), {{}, {0}, {1}, {5}, {7}, {6, 1}, {2, 3}, {1, 1, 1, 1, 1}});
      }
      Dims overflow = c.inputs[i];
      overflow[0] = int64_t{1} << 62;
      bad.push_back(overflow);
      // x itself may have many shapes; then what it does not fit to is named.
      const bool any = std::strcmp(name, "x") == 0 || std::strcmp(name, "dy") == 0 ||
                       std::strcmp(name, "acc") == 0 || std::strcmp(name, "weights") == 0 ||
                       std::strcmp(name, "gradients") == 0;
      for (const Dims& shape : bad) {
        std::vector<Dims> inputs = c.inputs;
        if (inputs[i] == shape) continue;
        // As many factors as there are units, which the weights need not all name.
        const bool any_length =
            std::strcmp(c.op, "TfjsEquiNormScale") == 0 && std::strcmp(name, "factors") == 0;
        if (any_length && shape.size() == 1 && shape[0] > 0) continue;
        inputs[i] = shape;
        const Status status = Infer(c.op, inputs, c.attributes);
        EXPECT_FAILS(checks, status, Code::kInvalidArgument, c.op, any ? "must" : name);
      }
    }
    Dims huge = {int64_t{1} << 40, int64_t{1} << 40, 0, 6};
    std::vector<Dims> inputs = c.inputs;
    for (Dims& shape : inputs) {
      if (shape.size() == 4) shape = huge;
    }
    EXPECT_FAILS(checks, Infer(c.op, inputs, c.attributes), Code::kInvalidArgument, c.op,
                 "must fit into memory");
  }
}

void CheckAttributes() {
  const std::map<std::string, std::vector<double>> bad = {
      {"epsilon", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"axis", {4, -5, 2147483648.0, 1e300, 0.5, kNaN}},
      {"begin_axis", {4, -5, 2147483648.0, -1e300, 0.5, kNaN}},
      {"groups", {0, -2, 1.5, kNaN, 7, 4, 2147483648.0}},
      {"update_rate", {-0.1, 1.1, kNaN, kInfinity}},
      {"renorm_update_rate", {-0.1, 1.1, kNaN, kInfinity}},
      {"control_rate", {-0.1, 1.1, kNaN, kInfinity}},
      {"training", {2, -1, 0.5, kNaN}},
      {"error_compensation", {-1, 3, 0.5, kNaN}},
      {"clamp_value", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"scaling_epsilon", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"virtual_batch_size", {-1, 3, 5, 1.5, 2147483648.0}},
      {"partial", {-1, 7, 100, 0.5}},
      {"scale", {2, -1, 0.5, kNaN}},
      {"center", {2, -1, 0.5, kNaN}},
      {"unbiased", {2}},
      {"epsilon_inside", {2}},
      {"training", {2, kNaN}},
      {"batch_backbone", {2, 0.5}},
      {"squeeze", {-1, 2, 0.5, kNaN}},
      {"squeeze_epsilon", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"unbiased_squeeze_variance", {2}},
      {"use_attention_bias", {2, 0}},
      {"attention_norm", {-1, 3, 1.5}},
      {"attention_activation", {-1, 3, 0.5}},
      {"kept_axes", {-1, 5, 1.5, kNaN}},
      {"divisor", {-1, 4, 0.5, kNaN}},
      {"clipping", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"positive", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"negative", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"slope", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"offset", {kNaN, kInfinity, 1e39}},
      {"dropped", {kNaN, -kInfinity, -1e39}},
      {"threshold", {-1, 16777217, 0.5, kNaN}},
      {"shared_axes", {-1, 16, 65536, 0.5, kNaN}},
      {"p", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
      {"power", {-3, 3, 0.5, kNaN}},
      {"tlu", {2}},
      {"relu", {2}},
      {"use_bias", {2}},
      {"use_residual", {2}},
      {"use_scale", {2}},
      {"use_shift", {2}},
      {"learn_epsilon", {2}},
      {"output", {-1, 4, 0.5, kNaN}},
      {"per_sample", {2, -1, 0.5, kNaN}},
      {"given", {2, -1, 0.5, kNaN}},
      {"effective_n", {3, 4.5, -1, kNaN, kInfinity, 1e39}},
      {"alpha", {0, -1, kNaN, kInfinity, 1e-46, 1e39}},
  };
  for (const OpCase& c : EveryOp()) {
    for (const AttributeDecl& attribute : FindOp(c.op)->attributes) {
      EXPECT(checks, bad.count(attribute.name) == 1);
      for (const double value : bad.at(attribute.name)) {
        AttributeMap attributes = c.attributes;
        attributes[attribute.name] = value;
        EXPECT_FAILS(checks, Infer(c.op, c.inputs, attributes), Code::kInvalidArgument, c.op,
                     attribute.name);
      }
    }
    for (const char* flag : {"scale", "center"}) {
      const auto& declared = FindOp(c.op)->attributes;
      const auto named = [&](const AttributeDecl& a) { return std::strcmp(a.name, flag) == 0; };
      if (std::none_of(declared.begin(), declared.end(), named)) continue;
      AttributeMap attributes = c.attributes;
      attributes[flag] = 0;
      const char* name = flag[0] == 's' ? "gamma" : "beta";
      const Status status = Infer(c.op, c.inputs, attributes);
      if (InputIndex(c.op, name) < 0) {
        EXPECT_OK(checks, status);
      } else {
        EXPECT_FAILS(checks, status, Code::kInvalidArgument, c.op, name, flag, "false");
      }
    }
  }
}

void CheckPointers() {
  EXPECT(checks, norm_run(nullptr) == 3 && norm_infer(nullptr) == 3);
  const OpCase c = CaseOf("TfjsGroupNorm");
  const auto refused = [&](void (*change)(NormCall&), const char* words) {
    DirectCall call(c.op, NORM_HOST, c.values(), c.attributes);
    EXPECT_OK(checks, call.Infer());
    EXPECT_OK(checks, call.Allocate());
    change(call.call);
    EXPECT_FAILS(checks, call.Launch(), Code::kInvalidArgument, words);
  };
  refused([](NormCall& call) { call.op = nullptr; }, "name of an op");
  refused([](NormCall& call) { call.op = "TfjsNoSuchNorm"; }, "TfjsNoSuchNorm");
  refused([](NormCall& call) { call.device = 2; }, "TfjsGroupNorm: device must be 0 (host) or 1");
  refused([](NormCall& call) { call.inputs = nullptr; }, "expected 3 inputs");
  refused([](NormCall& call) { call.input_count = -1; }, "expected 3 inputs");
  refused([](NormCall& call) { call.outputs = nullptr; }, "expected 2 outputs");
  refused([](NormCall& call) { call.output_count = 3; }, "expected 2 outputs");
  refused([](NormCall& call) { call.outputs[0].data = nullptr; }, "output y must have data");
  refused([](NormCall& call) { call.outputs[1].dims[0] = 4; }, "output moments must have shape");
  refused([](NormCall& call) { call.outputs[1].rank = -7; }, "output moments must have shape");
  refused([](NormCall& call) { const_cast<NormTensor*>(call.inputs)[1].data = nullptr; },
          "gamma must have data");
  refused([](NormCall& call) { const_cast<NormTensor*>(call.inputs)[0].rank = 17; },
          "x must have a rank in [0, 16], got 17");
  refused([](NormCall& call) { call.attributes = nullptr; }, "attributes");
  refused([](NormCall& call) { const_cast<NormAttribute*>(call.attributes)->name = nullptr; },
          "has no name");

  DirectCall call(c.op, NORM_HOST, c.values(), {{"groups", 5}});
  char text[8];
  std::memset(text, 'x', sizeof text);
  call.call.error = text;
  call.call.error_size = 4;
  EXPECT(checks, norm_infer(&call.call) == 3);
  EXPECT(checks, std::memcmp(text, "Tfj\0xxxx", sizeof text) == 0);
  call.call.error = nullptr;
  EXPECT(checks, norm_infer(&call.call) == 3);
  EXPECT(checks, norm_workspace_bytes(&call.call, nullptr) == 3);

  void* data = nullptr;
  EXPECT(checks, norm_malloc(7, 16, &data) == 3 && data == nullptr);
  EXPECT(checks, std::strstr(norm_memory_error(), "device must be") != nullptr);
  EXPECT(checks, norm_malloc(NORM_HOST, 16, nullptr) == 3);
  EXPECT(checks, norm_malloc(NORM_HOST, SIZE_MAX, &data) == 8 && data == nullptr);
  EXPECT(checks, norm_copy_to_device(NORM_HOST, nullptr, text, 4) == 3);
  EXPECT(checks, norm_synchronize(9, nullptr) == 3);
  norm_free(NORM_HOST, nullptr);
  norm_free(NORM_HOST, text);  // not ours: left alone
  NormCounters counters = {};
  norm_counters(&counters);
  norm_counters(nullptr);
  EXPECT(checks, counters.live_bytes == 0);
}

}  // namespace
}  // namespace tfjs_norm::test

int main() {
  using namespace tfjs_norm::test;
  CheckWords();
  CheckShapes();
  CheckAttributes();
  CheckPointers();
  return checks.Finish();
}
