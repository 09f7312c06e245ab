// The passes of selu.h on the host. Tasks are cut by shape alone.
#include <algorithm>

#include "core/host_grid.h"
#include "core/thread_pool.h"
#include "norms/selu.h"

namespace tfjs_norm {
namespace host {
namespace {

// A multiple of the words that are computed together, whatever the instruction set.
constexpr int64_t kTaskElements = 36 * 1024;

// Lines of the last segment of the mask's shape, in tasks of some lines or of pieces of one.
class Lines {
 public:
  explicit Lines(const SeluForward& args)
      : args_(args),
        shape_(args.mask.shape),
        masked_(args.mask.threshold > 0),
        least_(args.mask.threshold << 8),
        stream_(args.size >= kStreamElements) {
    length_ = masked_ ? shape_.last() : args.size;
    lines_ = args.size / length_;
    piece_ = std::min(length_, kTaskElements);
    pieces_ = CeilDiv(length_, piece_);
    lines_together_ = std::max<int64_t>(1, kTaskElements / piece_);
    if (masked_) random_ = philox::StreamOf(args.mask.digits);
  }

  void Run() const {
    ParallelFor(CeilDiv(lines_, lines_together_) * pieces_, args_.size, [&](int64_t task, int) {
      const int64_t start = task % pieces_ * piece_;
      const int64_t count = std::min(piece_, length_ - start);
      const int64_t first = task / pieces_ * lines_together_;
      const int64_t last = std::min(lines_, first + lines_together_);
      if (!masked_) return Map(first, last - first, start, count, 0, 0);
      shape_.LastIsOwn() ? MapOwn(first, last, start, count) : MapShared(first, last, start, count);
    });
  }

 private:
  // Lines that follow each other along shared axes have the same words.
  void MapOwn(int64_t first, int64_t last, int64_t start, int64_t count) const {
    const int64_t alike = shape_.segments > 1 ? shape_.extents[shape_.segments - 2] : 1;
    for (int64_t line = first; line < last;) {
      const int64_t end = std::min(last, line + alike - line % alike);
      const int64_t word = shape_.WordOf(line, shape_.segments - 1) * length_ + start;
      Map(line, end - line, start, count, least_, static_cast<uint64_t>(word));
      line = end;
    }
  }

  // A word for the whole of a line.
  void MapShared(int64_t first, int64_t last, int64_t start, int64_t count) const {
    philox::Block block = {};
    int64_t number = -1;
    for (int64_t line = first; line < last; ++line) {
      const int64_t word = shape_.WordOf(line, shape_.segments - 1);
      if (word / 4 != number) {
        number = word / 4;
        block = philox::BlockOf(random_, static_cast<uint64_t>(number));
      }
      if (block.word[word % 4] >= least_) {
        Map(line, 1, start, count, 0, 0);
      } else {
        std::fill_n(args_.y + line * length_ + start, count, args_.map.dropped);
      }
    }
  }

  void Map(int64_t line, int64_t lines, int64_t start, int64_t count, uint32_t least,
           uint64_t word) const {
    const int64_t at = line * length_ + start;
    Simd().selu_forward({lines, count, length_, args_.x + at, args_.y + at, args_.map, least,
                         random_, word, stream_});
  }

  const SeluForward& args_;
  const NoiseShape& shape_;
  const bool masked_;
  const uint32_t least_;
  const bool stream_;
  int64_t length_;  // of a line
  int64_t lines_;
  int64_t piece_;
  int64_t pieces_;  // of a line
  int64_t lines_together_;
  philox::Stream random_ = {};
};

}  // namespace

size_t WorkspaceBytes(const SeluForward&) { return 0; }
size_t WorkspaceBytes(const SeluBackward&) { return 0; }

Status Run(const SeluForward& args, void*) {
  if (args.mask.digits) NORM_RETURN_IF_ERROR(philox::CheckDigits(args.mask.digits));
  if (args.size == 0) return Ok();
  if (args.mask.threshold == DropoutMask::kAll) {
    ParallelFor(CeilDiv(args.size, kTaskElements), args.size, [&](int64_t task, int) {
      const int64_t start = task * kTaskElements;
      std::fill_n(args.y + start, std::min(kTaskElements, args.size - start), args.map.dropped);
    });
    return Ok();
  }
  Lines(args).Run();
  return Ok();
}

Status Run(const SeluBackward& args, void*) {
  const bool stream = args.size >= kStreamElements;
  ParallelFor(CeilDiv(args.size, kTaskElements), args.size, [&](int64_t task, int) {
    const int64_t start = task * kTaskElements;
    const int64_t count = std::min(kTaskElements, args.size - start);
    Simd().selu_grad(
        {count, args.dy + start, args.y + start, args.dx + start, args.map, args.masked, stream});
  });
  return Ok();
}

}  // namespace host
}  // namespace tfjs_norm
