// The backward half of host_pipeline.h.
#include "core/host_pairs.h"
#include "core/host_pipeline.h"
#include "core/host_plan.h"

namespace tfjs_norm {
namespace host {
namespace {

class Backward {
 public:
  Backward(const Plan& plan, const float* dy, const float* x, const Moments& moments, float* dx,
           const BackwardMethod& method, const BoundedOutput* bounded, const float* gate)
      : plan_(plan),
        view_(plan.grid.view),
        dy_(dy),
        x_(x),
        moments_(moments),
        dx_(dx),
        method_(method),
        bounded_(bounded),
        gate_(gate),
        stream_(view_.size() >= kStreamElements) {}

  void RunUnit(const Unit& unit, int64_t row_block, int slot) {
    const Scratch& scratch = plan_.slots[slot];
    const bool parallel = !plan_.grid.whole_units;
    const Tiles tiles = plan_.grid.tiles(unit);
    if (bounded_) Output(unit, scratch);
    SumTiles(
        tiles, parallel, [&](const Tile& tile) { Sum(tiles, tile, scratch); },
        [&](const RowPart& part) { Finish(tiles, part, scratch); });
    BackwardStep step;
    step.sum_g = scratch.sums[0];
    step.sum_gx = scratch.sums[1];
    step.sum_outside = plan_.passes.map == Map::kBounded ? scratch.sums[2] : nullptr;
    step.sum_gtheta = gate_ ? scratch.sums[2] : nullptr;
    step.low = scratch.low;
    const int64_t first = row_block * view_.channels + unit.channel;
    step.dgamma = plan_.gradients[0] + first;
    step.dbeta = plan_.gradients[1] + first;
    for (int i = 0; i < ParameterGradients::kMore; ++i) {
      step.more[i] = plan_.gradients[2 + i] + first;
    }
    step.p_ = scratch.coefficients[0];
    step.q_ = scratch.coefficients[1];
    step.t_ = scratch.coefficients[2];
    method_(unit, step);
    ForEachTile(tiles, parallel, Order::kBackward,
                [&](const Tile& tile) { Apply(tiles, tile, scratch); });
  }

 private:
  // A and B of the forward; their statistics make room for the sums.
  void Output(const Unit& unit, const Scratch& scratch) const {
    if (!moments_.hi) std::fill_n(scratch.low, unit.pairs(), 0.0);
    for (int64_t r = unit.row; moments_.hi && r < unit.row + unit.rows; ++r) {
      for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
        const int64_t saved = r * view_.channels + c;
        const int64_t pair = unit.at(r, c);
        scratch.low[pair] = moments_.lo[saved];
        scratch.sums[0][pair] = static_cast<double>(moments_.hi[saved]) + scratch.low[pair];
        scratch.sums[1][pair] = moments_.variance[saved];
      }
    }
    ForwardStep step;
    step.mean = moments_.hi ? scratch.sums[0] : nullptr;
    step.variance = moments_.hi ? scratch.sums[1] : nullptr;
    step.low = scratch.low;
    step.a_ = scratch.coefficients[3];
    step.b_ = scratch.coefficients[4];
    bounded_->output(unit, step);
  }

  const float* Center(const Tile& tile, int64_t c) const {
    return moments_.hi ? moments_.hi + tile.row * view_.channels + c : kZeros;
  }

  void Sum(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const int64_t pairs = tiles.unit.pairs();
    const auto coefficients = [&](int64_t c) -> Coefficients {
      if (gate_) return {Map::kGate, {gate_ + c}};
      const float* hi = Center(tile, c);
      if (!bounded_) return {Map::kAffine, {hi}};
      const int64_t pair = tiles.unit.at(tile.row, c);
      const float* a = scratch.coefficients[3] + pair;
      const float* b = scratch.coefficients[4] + pair;
      const Bounds& bounds = bounded_->bounds;
      if (!bounds.lower) return {Map::kClamped, {hi, a, b}, bounds.least, bounds.most};
      return {Map::kBounded, {hi, a, b, plan_.lower + c, plan_.upper + c}};
    };
    double* sums[kMaxSums] = {};
    const auto sums_at = [&](int64_t c) {
      for (int i = 0; i < plan_.passes.sums(); ++i) {
        sums[i] = scratch.sums[i] + tile.piece * pairs + tiles.unit.at(tile.row, c);
      }
      return sums;
    };
    if (view_.channels_last) {
      const int64_t at = tiles.offset(tile);
      Simd().column_sums(tiles.columns(tile), dy_ + at, x_ + at, coefficients(tile.channel),
                         sums_at(tile.channel));
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t at = tiles.offset(tile, c);
      Simd().line_sums(tile.positions, dy_ + at, x_ + at, coefficients(c), sums_at(c));
    }
  }

  // G1 about the exact mean.
  void Finish(const Tiles& tiles, const RowPart& part, const Scratch& scratch) const {
    const int64_t pair = tiles.unit.at(part.row, part.channel);
    for (int i = 0; i < plan_.passes.sums(); ++i) {
      MergePieces(tiles.pieces, tiles.unit.pairs(), part.channels, scratch.sums[i] + pair);
    }
    if (!moments_.lo) {
      std::fill_n(scratch.low + pair, part.channels, 0.0);
      return;
    }
    const float* lo = moments_.lo + part.row * view_.channels + part.channel;
    if (gate_) {
      // Its G1 has no mean in it.
      std::copy_n(lo, part.channels, scratch.low + pair);
    } else {
      Simd().center_sums(
          {part.channels, lo, scratch.sums[0] + pair, scratch.sums[1] + pair, scratch.low + pair});
    }
  }

  void Apply(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const auto coefficients = [&](int64_t c) -> Coefficients {
      const int64_t pair = tiles.unit.at(tile.row, c);
      const float* hi = Center(tile, c);
      float* const* k = scratch.coefficients;
      if (gate_) return {Map::kGate, {hi, k[0] + pair, k[1] + pair, k[2] + pair, gate_ + c}};
      if (!bounded_) return {Map::kAffine, {hi, k[0] + pair, k[1] + pair, k[2] + pair}};
      const Bounds& bounds = bounded_->bounds;
      if (!bounds.lower) {
        return {Map::kClamped,
                {hi, k[0] + pair, k[1] + pair, k[2] + pair, k[3] + pair, k[4] + pair},
                bounds.least,
                bounds.most};
      }
      return {Map::kBounded,
              {hi, k[0] + pair, k[1] + pair, k[2] + pair, k[3] + pair, k[4] + pair, plan_.lower + c,
               plan_.upper + c}};
    };
    if (view_.channels_last) {
      const int64_t at = tiles.offset(tile);
      Simd().column_apply_grad(tiles.columns(tile), dy_ + at, x_ + at, coefficients(tile.channel),
                               dx_ + at, stream_);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t at = tiles.offset(tile, c);
      Simd().line_apply_grad(tile.positions, dy_ + at, x_ + at, coefficients(c), dx_ + at, stream_);
    }
  }

  const Plan& plan_;
  const View& view_;
  const float* dy_;
  const float* x_;
  const Moments& moments_;
  float* dx_;
  const BackwardMethod& method_;
  const BoundedOutput* bounded_;
  const float* gate_;
  bool stream_;
};

}  // namespace

size_t BackwardWorkspaceBytes(const View& view, const Coupling& coupling, Map map) {
  return view.size() == 0 ? 0 : Plan(view, coupling, {true, map}, nullptr).bytes;
}

void RunBackward(const View& view, const Coupling& coupling, const float* dy, const float* x,
                 const Moments& moments, float* dx, const ParameterGradients& gradients,
                 const BackwardMethod& method, void* workspace, const BoundedOutput* bounded,
                 const float* gate) {
  if (view.size() == 0) {
    for (float* values : {gradients.dgamma, gradients.dbeta}) {
      if (values) std::fill_n(values, view.channels, 0.0f);
    }
    for (const auto& [to, one_value] : gradients.more) {
      if (to) std::fill_n(to, one_value ? 1 : view.channels, 0.0f);
    }
    return;
  }
  const Map map = gate ? Map::kGate : bounded ? MapOf(bounded->bounds) : Map::kAffine;
  const Plan plan(view, coupling, {true, map}, workspace);
  if (bounded) plan.SetBounds(bounded->bounds);
  const int64_t partials = plan.grid.row_blocks * view.channels;
  for (double* sums : plan.gradients) std::fill_n(sums, partials, 0.0);
  Backward backward(plan, dy, x, moments, dx, method, bounded, gate);
  ForEachUnit(plan.grid, [&](const Unit& unit, int64_t row_block, int slot) {
    backward.RunUnit(unit, row_block, slot);
  });
  WriteTotals(plan.gradients[0], plan.grid.row_blocks, view.channels, gradients.dgamma);
  WriteTotals(plan.gradients[1], plan.grid.row_blocks, view.channels, gradients.dbeta);
  for (int i = 0; i < ParameterGradients::kMore; ++i) {
    const auto& [to, one_value] = gradients.more[i];
    WriteTotals(plan.gradients[2 + i], plan.grid.row_blocks, view.channels, to, one_value);
  }
}

}  // namespace host
}  // namespace tfjs_norm
