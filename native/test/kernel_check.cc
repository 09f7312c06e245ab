// The kernels against the double-precision reference, on the host, the emulated or the real GPU:
// seeded random shapes and the awkward ones. Every output starts as NaN, every call runs twice and
// must give the same bits.
//
//   kernel_check [--device host|cuda|all] [--seed N] [--quick] [--json FILE]
//
// In a program over the emulated library "cuda" is the emulated GPU.
#include <cstdlib>

#include "test/kernel_attentive_cases.h"
#include "test/kernel_clip_cases.h"
#include "test/kernel_element_cases.h"
#include "test/kernel_equi_cases.h"
#include "test/kernel_filter_response_cases.h"
#include "test/kernel_fixup_cases.h"
#include "test/kernel_gate_cases.h"
#include "test/kernel_global_response_cases.h"
#include "test/kernel_hamming_cases.h"
#include "test/kernel_online_cases.h"
#include "test/kernel_row_cases.h"
#include "test/kernel_selu_cases.h"
#include "test/kernel_set_cases.h"
#include "test/kernel_stochastic_cases.h"
#include "test/kernel_switchable_cases.h"
#include "test/kernel_weight_cases.h"

namespace tfjs_norm::test {
namespace {

struct Options {
  std::string device = "all";
  uint64_t seed = 1;
  bool quick = false;
  std::string json;
};

View MakeView(int64_t rows, int64_t positions, int64_t channels, bool channels_last) {
  return {rows, positions, channels, channels_last};
}

std::vector<SetCase> AwkwardSets(bool quick) {
  std::vector<SetCase> cases;
  const auto add = [&](View view, int64_t rows, int64_t channels, Data data = Data::kNormal,
                       bool moving = false) {
    SetCase c;
    c.view = view;
    c.rows_per_set = rows;
    c.channels_per_set = channels;
    c.data = data;
    c.moving = moving;
    cases.push_back(c);
  };
  for (const bool last : {true, false}) {
    const auto batch = [&](int64_t n, int64_t s, int64_t channels, Data data) {
      // Batch norm: channels last joins the samples into one row.
      add(last ? MakeView(1, n * s, channels, true) : MakeView(n, s, channels, false), last ? 1 : n,
          1, data, true);
      SetCase mean_only = cases.back();
      mean_only.mean_only = true;
      cases.push_back(mean_only);
      SetCase renorm = *(cases.end() - 2);
      for (const bool clipped : {true, false}) {
        renorm.renorm = true;
        renorm.clipped = clipped;
        cases.push_back(renorm);
      }
    };
    for (const Data data : {Data::kNormal, Data::kOffset, Data::kConstant}) {
      batch(4, 35, 12, data);
      add(MakeView(3, 49, 24, last), 1, 6, data);
      add(MakeView(2, 20, 10, last), 1, 1, data);
    }
    batch(1, 1, 5, Data::kNormal);
    batch(2, 4097, 3, Data::kOffset);
    batch(70, 9, 1, Data::kNormal);
    add(MakeView(5, 1, 7, last), 1, 1);  // one value per statistic
    add(MakeView(1, 1, 8, last), 1, 1);
    add(MakeView(2, 1, 65537, last), 1, 65537);
    add(MakeView(2, 300, 30, last), 1, 30);
    add(MakeView(33, 4, 127, last), 1, 127);
    add(MakeView(6, 7, 20, last), 2, 1, Data::kNormal, true);  // ghost batches
    add(MakeView(0, 7, 20, last), 1, 4);
    add(MakeView(1, 0, 13, last), 1, 1, Data::kNormal, true);
    if (quick) continue;
    add(MakeView(1, 16384, 64, last), 1, 2);  // more chunks than a block has lanes to merge
    add(MakeView(1, 30000, 4, last), 1, 1, Data::kOffset, true);
    add(MakeView(700, 3, 8, last), 1, 2);
    add(MakeView(1, 2, 65537, last), 1, 1);
    add(MakeView(2, 600, 320, last), 1, 10, Data::kOffset);
  }
  return cases;
}

SetCase RandomSet(Random& random) {
  SetCase c;
  const int64_t channels_per_set = random.OneOf<int64_t>({1, 1, 1, 2, 3, 4, 10});
  const int64_t channels = channels_per_set * random.OneOf<int64_t>({1, 2, 3, 5, 7, 8, 16, 31});
  const int64_t rows_per_set = channels_per_set == 1 ? random.OneOf<int64_t>({1, 2, 5}) : 1;
  c.view =
      MakeView(rows_per_set * random.Int(1, 4),
               random.OneOf<int64_t>({1, 2, 4, 9, 16, 49, 64, 225, 1001}), channels, random.Bool());
  c.rows_per_set = rows_per_set;
  c.channels_per_set = channels_per_set;
  c.data = random.OneOf({Data::kNormal, Data::kNormal, Data::kOffset, Data::kConstant});
  c.epsilon = random.OneOf({1e-3, 1e-5});
  c.gamma = random.Bool();
  c.beta = random.Bool();
  c.moving = channels_per_set == 1 && random.Bool();
  c.unbiased = random.Bool();
  c.renorm = channels_per_set == 1 && rows_per_set == c.view.rows && random.Bool();
  c.clipped = random.Bool();
  c.mean_only = !c.renorm && random.Int(0, 3) == 0;
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

std::vector<RowCase> AwkwardRows(bool quick) {
  std::vector<RowCase> cases;
  const auto add = [&](int64_t rows, int64_t columns, Data data = Data::kNormal,
                       int64_t partial = 0) {
    for (const RowStatistic statistic : {RowStatistic::kLayer, RowStatistic::kRms}) {
      RowCase c;
      c.statistic = statistic;
      c.rows = rows;
      c.columns = columns;
      // RMS norm of values around 1e4 is well conditioned and of constant size: nothing to find
      // there.
      c.data = statistic == RowStatistic::kRms && data != Data::kNormal ? Data::kNormal : data;
      c.partial = statistic == RowStatistic::kRms ? partial : 0;
      cases.push_back(c);
    }
  };
  for (const int64_t columns :
       {1, 2, 3, 4, 7, 16, 31, 96, 128, 129, 192, 260, 768, 1000, 1023, 1030}) {
    add(9, columns);
    add(3, columns, Data::kOffset, (columns + 3) / 4);
  }
  add(70, 5, Data::kConstant);
  add(5, 300, Data::kConstant);
  add(1, 4096);
  add(2, 2049, Data::kOffset);
  add(0, 16);
  if (quick) return cases;
  add(3, 8192, Data::kOffset, 100);
  add(2, 9000);
  add(2, 12288, Data::kOffset, 4000);
  add(3, 16381, Data::kOffset, 1000);
  add(2, 32768);
  add(2, 65537, Data::kOffset, 32769);
  add(3, 40000, Data::kConstant, 20000);
  add(5000, 8);
  add(1500, 3, Data::kOffset);
  // Parameter gradients by parts of many rows, of long ones too, and of rows too few for parts.
  add(1600, 260);
  add(80, 5001);
  add(176, 9000);
  add(700, 260, Data::kOffset);
  return cases;
}

RowCase RandomRow(Random& random) {
  RowCase c;
  c.statistic = random.OneOf({RowStatistic::kLayer, RowStatistic::kRms});
  c.rows = random.Int(1, 40);
  c.columns = random.Bool() ? random.Int(1, 300) : 4 * random.Int(1, 400);
  c.data = c.statistic == RowStatistic::kLayer
               ? random.OneOf({Data::kNormal, Data::kOffset, Data::kConstant})
               : Data::kNormal;
  c.gamma = random.Bool();
  c.beta = random.Bool();
  c.epsilon_inside = random.Bool();
  c.partial = c.statistic == RowStatistic::kRms && random.Bool() ? random.Int(1, c.columns) : 0;
  c.epsilon = random.OneOf({1e-3, 1e-6});
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

void CheckDevice(Results& results, Device device, const Options& options) {
  Random random(options.seed);
  for (const SetCase& c : AwkwardSets(options.quick)) {
    CheckSetNorm(results, device, c, random);
    CheckChannelAffine(results, device, c, random);
  }
  for (const RowCase& c : AwkwardRows(options.quick)) CheckRowNorm(results, device, c, random);
  for (const SwitchableCase& c : AwkwardSwitchable(options.quick)) {
    CheckSwitchableNorm(results, device, c, random);
  }
  for (const AttentiveCase& c : AwkwardAttentive(options.quick)) {
    CheckAttentiveNorm(results, device, c, random);
  }
  for (const GlobalResponseCase& c : AwkwardGlobalResponse(options.quick)) {
    CheckGlobalResponseNorm(results, device, c, random);
  }
  for (const OnlineCase& c : AwkwardOnline(options.quick)) {
    CheckOnlineNorm(results, device, c, random);
  }
  for (const GateCase& c : AwkwardGated(options.quick)) CheckGatedNorm(results, device, c, random);
  for (const TanhCase& c : AwkwardTanh(options.quick)) {
    CheckDynamicTanh(results, device, c, random);
  }
  for (const WeightCase& c : AwkwardWeights(options.quick)) {
    CheckWeightNorm(results, device, c, random);
  }
  if (!options.quick) CheckLaunchesOfResNet50(results, device);
  for (const EquiCase& c : AwkwardEqui(options.quick)) CheckEquiNorm(results, device, c, random);
  for (const ClipCase& c : AwkwardClips(options.quick)) CheckClip(results, device, c, random);
  for (const SeluCase& c : AwkwardSelu(options.quick)) CheckSelu(results, device, c, random);
  for (const HammingCase& c : AwkwardHamming(options.quick)) {
    CheckHamming(results, device, c, random);
  }
  for (const FixupCase& c : AwkwardFixup(options.quick)) CheckFixup(results, device, c, random);
  for (const StochasticCase& c : AwkwardStochastic(options.quick)) {
    CheckStochastic(results, device, c, random);
  }
  for (const FilterResponseCase& c : AwkwardFilterResponses(options.quick)) {
    CheckFilterResponseNorm(results, device, c, random);
  }
  CheckFilterResponseEdges(results, device);
  const int count = options.quick ? 15 : 120;
  for (int i = 0; i < count; ++i) {
    const SetCase c = RandomSet(random);
    CheckSetNorm(results, device, c, random);
    CheckChannelAffine(results, device, c, random);
    CheckRowNorm(results, device, RandomRow(random), random);
    CheckSwitchableNorm(results, device, RandomSwitchable(random), random);
    CheckAttentiveNorm(results, device, RandomAttentive(random), random);
    CheckGlobalResponseNorm(results, device, RandomGlobalResponse(random), random);
    CheckOnlineNorm(results, device, RandomOnline(random), random);
    CheckDynamicTanh(results, device, RandomTanh(random), random);
    CheckWeightNorm(results, device, RandomWeights(random), random);
    CheckClip(results, device, RandomClip(random), random);
    CheckGatedNorm(results, device, RandomGated(random), random);
    CheckEquiNorm(results, device, RandomEqui(random), random);
    CheckSelu(results, device, RandomSelu(random), random);
    CheckHamming(results, device, RandomHamming(random), random);
    CheckStochastic(results, device, RandomStochastic(random), random);
    CheckFilterResponseNorm(results, device, RandomFilterResponse(random), random);
  }
}

bool Parse(int count, char** arguments, Options* options) {
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--quick") {
      options->quick = true;
      continue;
    }
    if (i + 1 >= count) return false;
    const std::string value = arguments[++i];
    if (name == "--device" && (value == "host" || value == "cuda" || value == "all")) {
      options->device = value;
    } else if (name == "--seed") {
      options->seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--json") {
      options->json = value;
    } else {
      return false;
    }
  }
  return true;
}

int Main(int count, char** arguments) {
  Options options;
  if (!Parse(count, arguments, &options)) {
    std::fprintf(
        stderr,
        "usage: kernel_check [--device host|cuda|all] [--seed N] [--quick] [--json FILE]\n");
    return 2;
  }
  Checks checks;
  std::string json;
  for (const bool cuda : {false, true}) {
    const std::string name = cuda ? "cuda" : "host";
    if (options.device != "all" && options.device != name) continue;
    Results results(checks, name);
    CheckDevice(results, cuda ? Device::kCuda : Device::kHost, options);
    json += (json.empty() ? "" : ",\n ") + results.Json();
  }
  json = "[" + json + "]\n";
  std::printf("%s", json.c_str());
  bool written = true;
  if (!options.json.empty()) {
    std::FILE* file = std::fopen(options.json.c_str(), "w");
    written = file && std::fputs(json.c_str(), file) >= 0 && std::fclose(file) == 0;
    if (!written) std::fprintf(stderr, "kernel_check: could not write %s\n", options.json.c_str());
  }
  const int status = checks.Finish();
  return written ? status : 1;
}

}  // namespace
}  // namespace tfjs_norm::test

int main(int count, char** arguments) { return tfjs_norm::test::Main(count, arguments); }
