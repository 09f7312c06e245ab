// Host equi-normalization: equi_norm.h in blocks of rows and columns, which all threads share. How
// a weight is cut depends on its shape alone.
#include <algorithm>
#include <vector>

#include "core/host_simd.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "norms/equi_norm.h"

namespace tfjs_norm {
namespace host {
namespace {

// The sums of a block stay in the nearest cache; there are few enough of them to merge.
constexpr int64_t kBlockColumns = 1024;
constexpr int64_t kBlockElements = 64 * 1024;

// Stores of more than this would push everything else out of the caches.
constexpr int64_t kStreamElements = int64_t{4} << 20;

struct Blocks {
  int64_t row_blocks = 0;
  int64_t column_blocks = 0;
  int64_t rows = 0;  // of a block
  int64_t columns = 0;
  int64_t first = 0;              // among the blocks of all weights
  double* row_sums = nullptr;     // [column_blocks, all rows]
  double* column_sums = nullptr;  // [row_blocks, columns]

  int64_t count() const { return row_blocks * column_blocks; }
};

struct Plan {
  std::vector<Blocks> blocks;
  int64_t count = 0;
  int64_t elements = 0;

  explicit Plan(const std::vector<EquiWeight>& weights) {
    for (const EquiWeight& weight : weights) {
      Blocks of;
      if (weight.size() > 0) {
        of.columns = std::min(weight.columns, kBlockColumns);
        of.rows = std::min(weight.all_rows(), std::max<int64_t>(kBlockElements / of.columns, 1));
        of.column_blocks = (weight.columns + of.columns - 1) / of.columns;
        of.row_blocks = (weight.all_rows() + of.rows - 1) / of.rows;
      }
      of.first = count;
      count += of.count();
      elements += weight.size();
      blocks.push_back(of);
    }
  }

  // Calls f(weight, blocks, block) for a block of the call.
  template <class F>
  void Find(int64_t block, F f) const {
    const auto after = std::upper_bound(blocks.begin(), blocks.end(), block,
                                        [](int64_t b, const Blocks& of) { return b < of.first; });
    // The last one that begins here or before: those without blocks begin where the next one does.
    const size_t weight = static_cast<size_t>(after - blocks.begin()) - 1;
    f(weight, blocks[weight], block - blocks[weight].first);
  }
};

// What one thread needs for a block.
struct Scratch {
  double* rows;
  double* columns;
};

struct NormSpace {
  std::vector<Scratch> scratch;
  double* sums = nullptr;  // [positions]
  size_t bytes = 0;

  NormSpace(const EquiNorm& args, Plan& plan, void* memory) {
    Workspace space(memory);
    int64_t most = 0;
    for (size_t i = 0; i < plan.blocks.size(); ++i) {
      Blocks& of = plan.blocks[i];
      of.row_sums = space.Take<double>(of.column_blocks * args.weights[i].all_rows());
      of.column_sums = space.Take<double>(of.row_blocks * args.weights[i].columns);
      most = std::max(most, of.rows);
    }
    sums = space.Take<double>(args.positions);
    for (int64_t t = 0; t < ThreadCount(); ++t) {
      double* rows = space.Take<double>(most);
      scratch.push_back({rows, space.Take<double>(kBlockColumns)});
    }
    bytes = space.bytes();
  }
};

void SumBlock(const EquiNorm& args, const EquiWeight& weight, const Blocks& of, int64_t block,
              const Scratch& scratch) {
  const int64_t row_block = block / of.column_blocks;
  const int64_t column_block = block % of.column_blocks;
  const int64_t row = row_block * of.rows;
  const int64_t column = column_block * of.columns;
  EquiBlock sums;
  sums.rows = std::min(of.rows, weight.all_rows() - row);
  sums.columns = std::min(of.columns, weight.columns - column);
  sums.stride = weight.columns;
  sums.power = args.power;
  sums.x = weight.x + row * weight.columns + column;
  const auto factor = [&](const float* entries, int64_t at) {
    return EquiPower(EquiFactor(args.factors, args.entries, entries[at]), args.power);
  };
  for (int64_t r = 0; r < sums.rows; ++r) {
    scratch.rows[r] = factor(weight.row_entries, (row + r) % weight.rows);
  }
  for (int64_t c = 0; c < sums.columns; ++c) {
    scratch.columns[c] = factor(weight.column_entries, column + c);
  }
  sums.row_factors = scratch.rows;
  sums.column_factors = scratch.columns;
  sums.row_sums = of.row_sums + column_block * weight.all_rows() + row;
  sums.column_sums = of.column_sums + row_block * weight.columns + column;
  std::fill_n(sums.column_sums, sums.columns, 0.0);
  Simd().equi_sums(sums);
}

// The sums of a weight's rows and of its columns from those of its blocks.
void MergeBlocks(const EquiNorm& args, const EquiWeight& weight, const Blocks& of, double* sums) {
  double* rows = sums;
  double* columns = sums + weight.rows;
  std::fill_n(sums, weight.rows + weight.columns, 0.0);
  for (int64_t b = 0; b < of.column_blocks; ++b) {
    for (int64_t o = 0; o < weight.outer; ++o) {
      const double* part = of.row_sums + b * weight.all_rows() + o * weight.rows;
      for (int64_t r = 0; r < weight.rows; ++r) rows[r] += part[r];
    }
  }
  for (int64_t b = 0; b < of.row_blocks; ++b) {
    const double* part = of.column_sums + b * weight.columns;
    for (int64_t c = 0; c < weight.columns; ++c) columns[c] += part[c];
  }
  const auto scale = [&](double* values, const float* entries, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      values[i] *= EquiPower(EquiFactor(args.factors, args.entries, entries[i]), args.power);
    }
  };
  scale(rows, weight.row_entries, weight.rows);
  scale(columns, weight.column_entries, weight.columns);
}

double TotalOf(const EquiNorm& args, const double* sums, int64_t segment) {
  const int64_t begin = EquiPlace(args.starts[segment], args.positions);
  const int64_t end = EquiPlace(args.starts[segment + 1], args.positions);
  double total = 0;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t position = EquiPlace(args.order[i], args.positions - 1);
    total += static_cast<double>(args.shares[i]) * sums[position];
  }
  return total;
}

// The factors of rows or columns of a weight, as they are multiplied with.
void FactorsOf(const EquiScale& args, const float* entries, int64_t count, float* factors) {
  for (int64_t i = 0; i < count; ++i) {
    factors[i] = EquiWhole(EquiFactor(args.factors, args.entries, entries[i]), args.power);
  }
}

struct ScaleSpace {
  std::vector<float*> rows;
  std::vector<float*> columns;
  size_t bytes = 0;

  ScaleSpace(const EquiScale& args, void* memory) {
    Workspace space(memory);
    for (const EquiWeight& weight : args.weights) {
      rows.push_back(space.Take<float>(weight.all_rows()));
      columns.push_back(space.Take<float>(weight.columns));
    }
    bytes = space.bytes();
  }
};

}  // namespace

size_t WorkspaceBytes(const EquiNorm& args) {
  Plan plan(args.weights);
  return NormSpace(args, plan, nullptr).bytes;
}

size_t WorkspaceBytes(const EquiScale& args) { return ScaleSpace(args, nullptr).bytes; }

Status Run(const EquiNorm& args, void* workspace) {
  Plan plan(args.weights);
  const NormSpace space(args, plan, workspace);
  ParallelFor(plan.count, plan.elements, [&](int64_t task, int slot) {
    plan.Find(task, [&](size_t weight, const Blocks& of, int64_t block) {
      SumBlock(args, args.weights[weight], of, block, space.scratch[static_cast<size_t>(slot)]);
    });
  });
  double* sums = space.sums;
  for (size_t i = 0; i < args.weights.size(); ++i) {
    MergeBlocks(args, args.weights[i], plan.blocks[i], sums);
    sums += args.weights[i].rows + args.weights[i].columns;
  }
  for (int64_t e = 0; e < args.entries; ++e) {
    args.new_factors[e] = args.exponents[e] == 0.0f
                              ? args.factors[e]
                              : EquiUpdate(args.factors[e], TotalOf(args, space.sums, 2 * e),
                                           TotalOf(args, space.sums, 2 * e + 1),
                                           static_cast<double>(args.exponents[e]));
  }
  return Ok();
}

Status Run(const EquiScale& args, void* workspace) {
  const Plan plan(args.weights);
  const ScaleSpace space(args, workspace);
  for (size_t i = 0; i < args.weights.size(); ++i) {
    const EquiWeight& weight = args.weights[i];
    FactorsOf(args, weight.row_entries, weight.rows, space.rows[i]);
    for (int64_t o = 1; o < weight.outer; ++o) {
      std::copy_n(space.rows[i], weight.rows, space.rows[i] + o * weight.rows);
    }
    FactorsOf(args, weight.column_entries, weight.columns, space.columns[i]);
  }
  const bool stream = plan.elements >= kStreamElements;
  ParallelFor(plan.count, plan.elements, [&](int64_t task, int) {
    plan.Find(task, [&](size_t index, const Blocks& of, int64_t block) {
      const EquiWeight& weight = args.weights[index];
      const int64_t row = block / of.column_blocks * of.rows;
      const int64_t column = block % of.column_blocks * of.columns;
      const int64_t first = row * weight.columns + column;
      Simd().equi_scale({std::min(of.rows, weight.all_rows() - row),
                         std::min(of.columns, weight.columns - column), weight.columns,
                         weight.x + first, args.y[index] + first, space.rows[index] + row,
                         space.columns[index] + column, stream});
    });
  });
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
