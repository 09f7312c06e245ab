#include "core/host_grid.h"

#include "core/thread_pool.h"

namespace tfjs_norm {
namespace host {

Grid::Grid(const View& of, const Coupling& coupling) : view(Normalized(of)) {
  unit_rows = coupling.rows;
  unit_channels = coupling.channels;
  // A method call per handful of elements would cost more than the elements.
  constexpr int64_t kMinUnit = kTileElements / 2;
  const auto grow = [&](int64_t size, int64_t step, int64_t limit, int64_t other) {
    const int64_t wanted = kMinUnit / std::max<int64_t>(1, step * other * view.positions);
    return std::clamp(size * std::max<int64_t>(1, wanted), size, std::max(size, limit));
  };
  if (!view.channels_last) {
    unit_channels = grow(unit_channels, unit_channels, view.channels, unit_rows);
    unit_channels -= unit_channels % coupling.channels;
  } else if (view.channels > kMaxColumns && coupling.channels <= kMaxColumns) {
    unit_channels = kMaxColumns - kMaxColumns % coupling.channels;
  } else {
    unit_channels = view.channels;
  }
  unit_rows = grow(unit_rows, unit_rows, view.rows, unit_channels);
  unit_rows -= unit_rows % coupling.rows;

  row_units = CeilDiv(view.rows, unit_rows);
  channel_units = CeilDiv(view.channels, unit_channels);
  rows_in_block = CeilDiv(row_units, kMaxParts);
  row_blocks = CeilDiv(row_units, rows_in_block);
  channels_in_block = CeilDiv(channel_units, std::max<int64_t>(1, 4 * kMaxParts / row_blocks));
  channel_blocks = CeilDiv(channel_units, channels_in_block);

  const int64_t unit_elements = unit_pairs() * view.positions;
  const int64_t threads = ThreadCount();
  whole_units = unit_elements < kInlineElements || tasks() >= 4 * threads || tasks() % threads == 0;
}

int64_t Grid::max_pieces() const {
  // Units at an edge have fewer channels, which can only mean more pieces each.
  int64_t pieces = 1;
  for (const int64_t row : {int64_t{0}, row_units - 1}) {
    for (const int64_t channel : {int64_t{0}, channel_units - 1}) {
      pieces = std::max(pieces, tiles(unit(row, channel)).pieces);
    }
  }
  return pieces;
}

}  // namespace host
}  // namespace tfjs_norm
