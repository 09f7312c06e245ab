// The passes of fixup.h on CUDA. Backward, a block has one piece of the tensors and leaves its
// sums, which a second launch adds up.
#include "core/column_sums.cuh"
#include "core/quad.cuh"
#include "core/workspace.h"
#include "norms/fixup.h"

namespace tfjs_norm {
namespace cuda {
namespace {

constexpr int kSums = 3;

// z of fixup.h: the same bits forward and backward.
struct FixupMap {
  bool relu;
  FixupScalars<const float*> scalars;

  struct Values {
    float scale, bias;

    NORM_DEVICE float Z(float x, float residual) const { return fmaf(scale, x, bias) + residual; }
  };
  NORM_DEVICE Values Load() const {
    return {scalars.scale ? *scalars.scale : 1.0f, scalars.bias ? *scalars.bias : 0.0f};
  }
};

NORM_DEVICE Vec<kTogether> LoadOrZero(const Quad& quad, const float* from, int64_t first) {
  return from ? quad.LoadAt(from, first) : Vec<kTogether>{};
}

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 4)
    FixupForwardKernel(Quad quad, FixupMap map, const float* x, const float* residual, float* y) {
  const FixupMap::Values values = map.Load();
  const float shift = map.scalars.shift ? *map.scalars.shift : 0.0f;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads * kTogether;
  int64_t first = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kTogether;
  for (; first < quad.size; first += stride) {
    Vec<kTogether> of = quad.LoadAt(x, first);
    const Vec<kTogether> r = LoadOrZero(quad, residual, first);
    NORM_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      const float z = values.Z(of.v[i], r.v[i]);
      of.v[i] = (map.relu && z < 0.0f ? 0.0f : z) + shift;
    }
    quad.StoreAt(y, first, of);
  }
}

// How the blocks share a tensor, by its size alone.
struct Pieces {
  int rounds = 1;  // quads of a thread
  int blocks = 0;

  static Pieces Make(int64_t size) {
    constexpr int64_t kRound = int64_t{kThreads} * kTogether;
    constexpr int64_t kMostRounds = 16;
    Pieces pieces;
    const int64_t rounds = CeilDivide(CeilDivide(size, kRound), Tiling::kTargetTiles);
    pieces.rounds = static_cast<int>(rounds < 1 ? 1 : rounds < kMostRounds ? rounds : kMostRounds);
    pieces.blocks = static_cast<int>(CeilDivide(size, kRound * pieces.rounds));
    return pieces;
  }
};

struct GradOutputs {
  float* dx;
  float* dz;
  double* partials;  // [kSums, blocks]; null where no sum is wanted
};

__global__ void NORM_LAUNCH_BOUNDS(kThreads, 3)
    FixupBackwardKernel(Quad quad, FixupMap map, Lanes lanes, int rounds, const float* dy,
                        const float* x, const float* residual, GradOutputs out) {
  SharedArena arena;
  const FixupMap::Values values = map.Load();
  Sums<kSums> sums = {};
  int64_t first = (static_cast<int64_t>(blockIdx.x) * rounds * kThreads + threadIdx.x) * kTogether;
  for (int round = 0; round < rounds && first < quad.size; ++round) {
    const Vec<kTogether> g = quad.LoadAt(dy, first);
    const Vec<kTogether> of = LoadOrZero(quad, x, first);
    const Vec<kTogether> r = LoadOrZero(quad, residual, first);
    Vec<kTogether> dz, dx, product;
    NORM_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      const bool passes = !map.relu || values.Z(of.v[i], r.v[i]) > 0.0f;
      dz.v[i] = passes ? g.v[i] : 0.0f;
      dx.v[i] = values.scale * dz.v[i];
      product.v[i] = dz.v[i] * of.v[i];
    }
    if (out.dz) quad.StoreAt(out.dz, first, dz);
    if (out.dx) quad.StoreAt(out.dx, first, dx);
    const Vec<kTogether>* const terms[kSums] = {&product, &dz, &g};
    NORM_UNROLL
    for (int n = 0; n < kSums; ++n) {
      const float* v = terms[n]->v;
      sums.of[n] += static_cast<double>((v[0] + v[1]) + (v[2] + v[3]));
    }
    first += kThreads * kTogether;
  }
  if (!out.partials) return;
  MergeLanes(lanes, sums, arena.Take<Sums<kSums>>(kThreads));
  if (threadIdx.x != 0) return;
  NORM_UNROLL
  for (int n = 0; n < kSums; ++n) out.partials[n * int64_t{gridDim.x} + blockIdx.x] = sums.of[n];
}

// One block: the pieces are the items of a single column.
__global__ void NORM_LAUNCH_BOUNDS(kThreads, 1)
    FixupSumsKernel(ColumnTiling pieces, const double* partials, FixupScalars<float*> to) {
  SharedArena arena;
  const double* const arrays[] = {partials, partials + pieces.items, partials + 2 * pieces.items};
  SumColumns(pieces, 0, arrays, arena.Take<Sums<kSums>>(kThreads),
             [&](int64_t, const Sums<kSums>& sums) {
               if (to.scale) *to.scale = static_cast<float>(sums.of[0]);
               if (to.bias) *to.bias = static_cast<float>(sums.of[1]);
               if (to.shift) *to.shift = static_cast<float>(sums.of[2]);
             });
}

}  // namespace

size_t WorkspaceBytes(const FixupForward&) { return 0; }

Status Run(const FixupForward& args, void*, void* stream) {
  if (args.size == 0) return Ok();
  return Launch(QuadLaunch("FixupForward", args.size, stream), FixupForwardKernel,
                Quad::Of(args.size, args.x, args.residual, args.y),
                FixupMap{args.relu, args.scalars}, args.x, args.residual, args.y);
}

size_t WorkspaceBytes(const FixupBackward& args) {
  Workspace space;
  space.Take<double>(int64_t{kSums} * Pieces::Make(args.size).blocks);
  return space.bytes();
}

Status Run(const FixupBackward& args, void* workspace, void* stream) {
  const bool sums = args.sums.scale || args.sums.bias || args.sums.shift;
  const Pieces pieces = Pieces::Make(args.size);
  Workspace space(workspace);
  double* const partials = space.Take<double>(int64_t{kSums} * pieces.blocks);
  if (args.size > 0 && (sums || args.dx || args.dz)) {
    const LaunchConfig config = {"FixupBackward", dim3(pieces.blocks), dim3(kThreads),
                                 SharedBytes<Sums<kSums>>(kThreads), stream};
    const Quad quad = Quad::Of(args.size, args.dy, args.x, args.residual, args.dx, args.dz);
    NORM_RETURN_IF_ERROR(Launch(config, FixupBackwardKernel, quad,
                                FixupMap{args.relu, args.scalars}, Lanes::Make(1, kThreads, false),
                                pieces.rounds, args.dy, args.x, args.residual,
                                GradOutputs{args.dx, args.dz, sums ? partials : nullptr}));
  }
  if (!sums) return Ok();
  const LaunchConfig config = {"FixupSums", dim3(1), dim3(kThreads),
                               SharedBytes<Sums<kSums>>(kThreads), stream};
  return Launch(config, FixupSumsKernel, ColumnTiling::Make(pieces.blocks, 1),
                static_cast<const double*>(partials), args.sums);
}

}  // namespace cuda
}  // namespace tfjs_norm
