// The forward half of host_pipeline.h.
#include "core/host_pairs.h"
#include "core/host_pipeline.h"
#include "core/host_plan.h"

namespace tfjs_norm {
namespace host {
namespace {

class Forward {
 public:
  Forward(const Plan& plan, const float* x, const Moments& moments, float* y,
          const ForwardMethod& method, const Bounds* bounds, const float* gate)
      : plan_(plan),
        view_(plan.grid.view),
        x_(x),
        moments_(moments),
        y_(y),
        method_(method),
        bounds_(bounds),
        gate_(gate),
        stream_(view_.size() >= kStreamElements) {}

  void RunUnit(const Unit& unit, int slot) {
    const Scratch& scratch = plan_.slots[slot];
    const bool parallel = !plan_.grid.whole_units;
    const Tiles tiles = plan_.grid.tiles(unit);
    SumTiles(
        tiles, parallel, [&](const Tile& tile) { Sum(tiles, tile, scratch); },
        [&](const RowPart& part) { Finish(tiles, part, scratch); });
    ForwardStep step;
    step.mean = scratch.sums[0];
    step.variance = scratch.sums[1];
    step.low = scratch.low;
    step.a_ = scratch.coefficients[0];
    step.b_ = scratch.coefficients[1];
    method_(unit, step);
    // Backwards: what was read last is in the cache still.
    ForEachTile(tiles, parallel, Order::kBackward,
                [&](const Tile& tile) { Apply(tiles, tile, scratch); });
  }

 private:
  void Sum(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const int64_t pairs = tiles.unit.pairs();
    double* sum = scratch.sums[0] + tile.piece * pairs;
    double* square = scratch.sums[1] + tile.piece * pairs;
    if (view_.channels_last) {
      const int64_t pair = tiles.unit.at(tile.row, tile.channel);
      Simd().column_moments(tiles.columns(tile), x_ + tiles.offset(tile),
                            x_ + tiles.row_start(tile), sum + pair, square + pair);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t pair = tiles.unit.at(tile.row, c);
      const float* line = x_ + tiles.offset(tile, c);
      Simd().line_moments(tile.positions, line, line[-tile.position], sum + pair, square + pair);
    }
  }

  // Sums about the first position -> mean and variance, saved as float32 too where asked.
  void Finish(const Tiles& tiles, const RowPart& part, const Scratch& scratch) const {
    const Unit& unit = tiles.unit;
    const int64_t pair = unit.at(part.row, part.channel);
    const int64_t saved = part.row * view_.channels + part.channel;
    for (int i = 0; i < 2; ++i) {
      MergePieces(tiles.pieces, unit.pairs(), part.channels, scratch.sums[i] + pair);
    }
    FinishedMoments moments = {};
    moments.channels = part.channels;
    moments.scale = 1.0 / static_cast<double>(view_.positions);
    moments.x =
        x_ + (view_.channels_last ? part.row * view_.positions * view_.channels + part.channel
                                  : saved * view_.positions);
    moments.stride = view_.channels_last ? 1 : view_.positions;
    moments.mean = scratch.sums[0] + pair;
    moments.variance = scratch.sums[1] + pair;
    moments.low = scratch.low + pair;
    moments.about_zero = gate_ != nullptr;
    if (moments_.hi) {
      moments.hi = moments_.hi + saved;
      moments.lo = moments_.lo + saved;
      moments.saved_variance = moments_.variance + saved;
    }
    Simd().finish_moments(moments);
  }

  void Apply(const Tiles& tiles, const Tile& tile, const Scratch& scratch) const {
    const auto coefficients = [&](int64_t c) -> Coefficients {
      const int64_t pair = tiles.unit.at(tile.row, c);
      const float* hi = moments_.hi ? moments_.hi + tile.row * view_.channels + c : kZeros;
      const float* a = scratch.coefficients[0] + pair;
      const float* b = scratch.coefficients[1] + pair;
      if (gate_) return {Map::kGate, {gate_ + c, a, b}};
      if (!bounds_) return {Map::kAffine, {hi, a, b}};
      if (bounds_->lower) return {Map::kBounded, {hi, a, b, plan_.lower + c, plan_.upper + c}};
      return {Map::kClamped, {hi, a, b}, bounds_->least, bounds_->most};
    };
    if (view_.channels_last) {
      const int64_t at = tiles.offset(tile);
      Simd().column_apply(tiles.columns(tile), x_ + at, coefficients(tile.channel), y_ + at,
                          stream_);
      return;
    }
    for (int64_t c = tile.channel; c < tile.channel + tile.channels; ++c) {
      const int64_t at = tiles.offset(tile, c);
      Simd().line_apply(tile.positions, x_ + at, coefficients(c), y_ + at, stream_);
    }
  }

  const Plan& plan_;
  const View& view_;
  const float* x_;
  const Moments& moments_;
  float* y_;
  const ForwardMethod& method_;
  const Bounds* bounds_;
  const float* gate_;
  bool stream_;
};

}  // namespace

size_t ForwardWorkspaceBytes(const View& view, const Coupling& coupling, Map map) {
  return view.size() == 0 ? 0 : Plan(view, coupling, {false, map}, nullptr).bytes;
}

void RunForward(const View& view, const Coupling& coupling, const float* x, const Moments& moments,
                float* y, const ForwardMethod& method, void* workspace, const Bounds* bounds,
                const float* gate) {
  if (view.size() == 0) {
    for (float* values : {moments.hi, moments.lo, moments.variance}) {
      if (values) std::fill_n(values, view.pairs(), 0.0f);
    }
    return;
  }
  const Map map = gate ? Map::kGate : bounds ? MapOf(*bounds) : Map::kAffine;
  const Plan plan(view, coupling, {false, map}, workspace);
  if (bounds) plan.SetBounds(*bounds);
  Forward forward(plan, x, moments, y, method, bounds, gate);
  ForEachUnit(plan.grid, [&](const Unit& unit, int64_t, int slot) { forward.RunUnit(unit, slot); });
}

}  // namespace host
}  // namespace tfjs_norm
