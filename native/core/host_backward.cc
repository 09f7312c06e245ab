// The backward half of host_pipeline.h.
#include "core/host_pipeline.h"
#include "core/host_plan.h"

namespace tfjs_norm {
namespace host {
namespace {

class Backward {
 public:
  Backward(const Plan& plan, const float* dy, const float* x, const Moments& moments, float* dx,
           const BackwardMethod& method)
      : plan_(plan),
        view_(plan.grid.view),
        dy_(dy),
        x_(x),
        moments_(moments),
        dx_(dx),
        method_(method),
        stream_(view_.size() >= kStreamElements) {}

  void RunUnit(const Unit& unit, int64_t row_block, int slot) {
    const Scratch& scratch = plan_.slots[slot];
    const bool parallel = !plan_.grid.whole_units;
    const Tiles tiles = plan_.grid.tiles(unit);
    ForEachTile(tiles, parallel, Order::kForward,
                [&](const Tile& tile) { Sum(tiles, tile, scratch); });
    MergePieces(tiles.pieces, unit.pairs(), scratch.first);
    MergePieces(tiles.pieces, unit.pairs(), scratch.second);
    for (int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
      for (int64_t c = unit.channel; c < unit.channel + unit.channels; ++c) {
        const int64_t pair = unit.at(r, c);
        scratch.low[pair] = moments_.lo[r * view_.channels + c];
        scratch.second[pair] -= scratch.low[pair] * scratch.first[pair];
      }
    }
    BackwardStep step;
    step.sum_g = scratch.first;
    step.sum_gx = scratch.second;
    step.low = scratch.low;
    step.dgamma = plan_.dgamma + row_block * view_.channels + unit.channel;
    step.dbeta = plan_.dbeta + row_block * view_.channels + unit.channel;
    step.p_ = scratch.coefficients[0];
    step.q_ = scratch.coefficients[1];
    step.t_ = scratch.coefficients[2];
    method_(unit, step);
    ForEachTile(tiles, parallel, Order::kBackward,
                [&](const Tile& tile) { Apply(tiles, tile, scratch); });
  }

 private:
  void Sum(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const int64_t pairs = tiles.unit.pairs();
    double* sum_g = scratch.first + tile.piece * pairs;
    double* sum_gx = scratch.second + tile.piece * pairs;
    const float* center = moments_.hi + tile.row * view_.channels;
    if (view_.channels_last) {
      const int64_t at = tiles.offset(tile);
      const int64_t pair = tiles.unit.at(tile.row, tile.channel);
      Simd().column_sums(tiles.columns(tile), dy_ + at, x_ + at, center + tile.channel,
                         sum_g + pair, sum_gx + pair);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t at = tiles.offset(tile, c);
      const int64_t pair = tiles.unit.at(tile.row, c);
      Simd().line_sums(tile.positions, dy_ + at, x_ + at, center[c], sum_g + pair, sum_gx + pair);
    }
  }

  void Apply(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const auto affine = [&](int64_t c) {
      const int64_t pair = tiles.unit.at(tile.row, c);
      return GradAffine{moments_.hi + tile.row * view_.channels + c, scratch.coefficients[0] + pair,
                        scratch.coefficients[1] + pair, scratch.coefficients[2] + pair};
    };
    if (view_.channels_last) {
      const int64_t at = tiles.offset(tile);
      Simd().column_apply_grad(tiles.columns(tile), dy_ + at, x_ + at, affine(tile.channel),
                               dx_ + at, stream_);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t at = tiles.offset(tile, c);
      Simd().line_apply_grad(tile.positions, dy_ + at, x_ + at, affine(c), dx_ + at, stream_);
    }
  }

  const Plan& plan_;
  const View& view_;
  const float* dy_;
  const float* x_;
  const Moments& moments_;
  float* dx_;
  const BackwardMethod& method_;
  bool stream_;
};

}  // namespace

size_t BackwardWorkspaceBytes(const View& view, const Coupling& coupling) {
  return view.size() == 0 ? 0 : Plan(view, coupling, true, nullptr).bytes;
}

void RunBackward(const View& view, const Coupling& coupling, const float* dy, const float* x,
                 const Moments& moments, float* dx, float* dgamma, float* dbeta,
                 const BackwardMethod& method, void* workspace) {
  if (view.size() == 0) {
    for (float* values : {dgamma, dbeta}) {
      if (values) std::fill_n(values, view.channels, 0.0f);
    }
    return;
  }
  const Plan plan(view, coupling, true, workspace);
  const int64_t partials = plan.grid.row_blocks * view.channels;
  std::fill_n(plan.dgamma, partials, 0.0);
  std::fill_n(plan.dbeta, partials, 0.0);
  Backward backward(plan, dy, x, moments, dx, method);
  ForEachUnit(plan.grid, [&](const Unit& unit, int64_t row_block, int slot) {
    backward.RunUnit(unit, row_block, slot);
  });
  WriteTotals(plan.dgamma, plan.grid.row_blocks, view.channels, dgamma);
  WriteTotals(plan.dbeta, plan.grid.row_blocks, view.channels, dbeta);
}

}  // namespace host
}  // namespace tfjs_norm
