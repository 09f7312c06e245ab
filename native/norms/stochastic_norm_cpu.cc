// The passes of stochastic_norm.h on the host: those per channel of the core, on the whole tensor
// or sample after sample. Small samples share a task, large ones are each split over all threads.
#include <algorithm>

#include "core/host_grid.h"
#include "core/host_pipeline.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "norms/stochastic_norm.h"

namespace tfjs_norm {
namespace host {
namespace {

constexpr int64_t kMostTasks = 64;

// Samples in tasks, by shape alone.
struct SampleTasks {
  int64_t samples;
  int64_t together;  // samples of a task
  bool whole;        // whether a task has a thread of its own

  explicit SampleTasks(const View& part, int64_t count)
      : samples(count),
        together(std::max<int64_t>(1, CeilDiv(count, kMostTasks))),
        whole(part.size() < kInlineElements && count > 1) {}

  int64_t count() const { return CeilDiv(samples, together); }
  int64_t slots() const { return whole ? std::min<int64_t>(ThreadCount(), count()) : 1; }

  // f(sample, task, slot), the samples of a task in order.
  template <typename F>
  void Run(int64_t elements, const F& f) const {
    const auto run = [&](int64_t task, int slot) {
      const int64_t end = std::min(samples, (task + 1) * together);
      for (int64_t sample = task * together; sample < end; ++sample) f(sample, task, slot);
    };
    if (whole) return ParallelFor(count(), elements, run);
    for (int64_t task = 0; task < count(); ++task) run(task, 0);
  }
};

// The numbers of a sample, one for each channel.
struct SampleArrays {
  float* u;
  float* a;
  float* b;
  Noise* noise;

  SampleArrays(int64_t channels, Workspace* arena)
      : u(arena->Take<float>(channels)),
        a(arena->Take<float>(channels)),
        b(arena->Take<float>(channels)),
        noise(arena->Take<Noise>(channels)) {}

  void Fill(const StochasticNoise& of, const philox::Stream& stream, int64_t sample) const {
    for (int64_t c = 0; c < of.channels; ++c) {
      noise[c] = of.Get(sample * of.channels + c, stream);
      const RandomAffine affine = of.Affine(c, noise[c]);
      u[c] = affine.u;
      a[c] = affine.a;
      b[c] = affine.b;
    }
  }
};

struct BackwardArrays : SampleArrays {
  double* sums[2];  // of dy and of dy * (x - u)
  unsigned char* workspace;

  BackwardArrays(const View& part, Workspace* arena)
      : SampleArrays(part.channels, arena),
        sums{arena->Take<double>(part.channels), arena->Take<double>(part.channels)},
        workspace(arena->Take<unsigned char>(
            static_cast<int64_t>(SumPerChannelWorkspaceBytes(part, Map::kAffine)))) {}
};

// An array of each slot's arrays.
template <class Arrays, class Size>
Arrays* TakeSlots(int64_t slots, const Size& size, Workspace* arena) {
  Arrays* arrays = arena->Take<Arrays>(slots);
  for (int64_t i = 0; i < slots; ++i) {
    const Arrays one(size, arena);
    if (arrays) arrays[i] = one;
  }
  return arrays;
}

constexpr int kGradients = StochasticNoise::kParameters;

double* TakeParts(const StochasticBackward& args, const SampleTasks& tasks, Workspace* arena) {
  return arena->Take<double>(tasks.count() * kGradients * args.view.channels);
}

bool WantsGradients(const StochasticBackward& args) {
  return std::any_of(args.gradients, args.gradients + kGradients, [](float* to) { return to; });
}

Status CheckNoise(const StochasticNoise& noise) {
  return noise.digits ? philox::CheckDigits(noise.digits) : Ok();
}

}  // namespace

size_t WorkspaceBytes(const StochasticForward& args) {
  const SampleTasks tasks(NoiseView(args.view, args.noise), args.noise.samples);
  Workspace arena;
  TakeSlots<SampleArrays>(tasks.slots(), args.view.channels, &arena);
  return arena.bytes();
}

size_t WorkspaceBytes(const StochasticBackward& args) {
  const View part = NoiseView(args.view, args.noise);
  const SampleTasks tasks(part, args.noise.samples);
  Workspace arena;
  TakeSlots<BackwardArrays>(tasks.slots(), part, &arena);
  TakeParts(args, tasks, &arena);
  return arena.bytes();
}

Status Run(const StochasticForward& args, void* workspace) {
  NORM_RETURN_IF_ERROR(CheckNoise(args.noise));
  const View part = NoiseView(args.view, args.noise);
  const SampleTasks tasks(part, args.noise.samples);
  Workspace arena(workspace);
  const auto* slots = TakeSlots<SampleArrays>(tasks.slots(), part.channels, &arena);
  const philox::Stream stream = args.noise.Begin();
  tasks.Run(args.view.size(), [&](int64_t sample, int64_t, int slot) {
    const SampleArrays& arrays = slots[slot];
    arrays.Fill(args.noise, stream, sample);
    const int64_t at = sample * part.size();
    ApplyPerChannel(part, args.x + at, {Map::kAffine, {arrays.u, arrays.a, arrays.b}}, args.y + at);
  });
  return Ok();
}

Status Run(const StochasticBackward& args, void* workspace) {
  NORM_RETURN_IF_ERROR(CheckNoise(args.noise));
  const View part = NoiseView(args.view, args.noise);
  const int64_t channels = part.channels;
  const SampleTasks tasks(part, args.noise.samples);
  Workspace arena(workspace);
  const auto* slots = TakeSlots<BackwardArrays>(tasks.slots(), part, &arena);
  double* parts = TakeParts(args, tasks, &arena);
  const int64_t part_size = kGradients * channels;
  std::fill_n(parts, tasks.count() * part_size, 0.0);
  const philox::Stream stream = args.noise.Begin();
  const bool sums = WantsGradients(args);
  tasks.Run(args.view.size(), [&](int64_t sample, int64_t task, int slot) {
    const BackwardArrays& arrays = slots[slot];
    arrays.Fill(args.noise, stream, sample);
    const int64_t at = sample * part.size();
    if (!sums) {
      std::fill_n(arrays.u, channels, 0.0f);
      std::fill_n(arrays.b, channels, 0.0f);
      ApplyPerChannel(part, args.dy + at, {Map::kAffine, {arrays.u, arrays.a, arrays.b}},
                      args.dx + at);
      return;
    }
    SumPerChannel(part, args.dy + at, args.x + at, {Map::kAffine, {arrays.u, arrays.a}},
                  args.dx + at, arrays.sums, arrays.workspace);
    double* to = parts + task * part_size;
    for (int64_t c = 0; c < channels; ++c) {
      const auto terms =
          args.noise.TermsOf(c, arrays.noise[c], arrays.sums[0][c], arrays.sums[1][c]);
      for (int i = 0; i < kGradients; ++i) {
        if (!args.noise.OfPair(i)) {
          to[i * channels + c] += terms.of[i];
        } else if (args.gradients[i]) {
          args.gradients[i][sample * channels + c] = static_cast<float>(terms.of[i]);
        }
      }
    }
  });
  for (int64_t task = 1; task < tasks.count(); ++task) {
    for (int64_t i = 0; i < part_size; ++i) parts[i] += parts[task * part_size + i];
  }
  for (int i = 0; i < kGradients; ++i) {
    if (!args.gradients[i] || args.noise.OfPair(i)) continue;
    for (int64_t c = 0; c < channels; ++c) {
      args.gradients[i][c] = static_cast<float>(parts[i * channels + c]);
    }
  }
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
