#include "device/cpu/panel.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "format/bf16.h"
#include "format/e2m1.h"
#include "format/e4m3.h"

namespace nibble::device::cpu {
namespace {

constexpr std::size_t kWordRowBytes = kPanelRows * sizeof(std::uint32_t);

// u32s of a row's columns of a block, in the file as in the panel.
constexpr std::size_t words_of(Storage storage) {
  switch (storage) {
    case Storage::kF32: return 16;
    case Storage::kBF16: return 8;
    case Storage::kFP8: return 4;
    case Storage::kNVFP4:
    case Storage::kInt4: return 2;
  }
  return 0;
}

std::size_t block_scale_bytes(Storage storage) {
  if (storage == Storage::kNVFP4) return kPanelRows;
  return storage == Storage::kInt4 ? kPanelRows * 2 : 0;
}

// Bytes of a row in the file.
std::size_t code_row_bytes(const MatrixSource& source) {
  const auto cols = std::size_t(source.cols);
  switch (source.storage) {
    case Storage::kF32: return cols * 4;
    case Storage::kBF16: return cols * 2;
    case Storage::kFP8: return cols;
    case Storage::kNVFP4:
    case Storage::kInt4: return cols / 2;
  }
  return 0;
}

std::size_t scale_row_bytes(const MatrixSource& source) {
  switch (source.storage) {
    case Storage::kNVFP4: return std::size_t(source.cols) / 16;
    case Storage::kInt4: return std::size_t(source.cols / source.group) * 2;
    case Storage::kFP8: return source.scale_count == 1 ? 0 : 2;
    default: return 0;
  }
}

// One row of the checkpoint in memory.
struct FileRow {
  const MatrixSource* source = nullptr;
  const std::byte* codes = nullptr;
  const std::byte* scales = nullptr;

  std::uint16_t u16(const std::byte* from, int index) const {
    std::uint16_t value;
    std::memcpy(&value, from + std::size_t(index) * 2, 2);
    return value;
  }
  // Both 4-bit packings put the even column low; int4 is stored plus 8, which flips its sign bit.
  int nibble(int col) const {
    const auto pair = std::to_integer<int>(codes[std::size_t(col) / 2]);
    const int code = col % 2 == 0 ? pair & 15 : pair >> 4;
    return source->storage == Storage::kInt4 ? code ^ 8 : code;
  }
  float fp8_scale() const { return format::bf16_to_f32(u16(scales, 0)); }

  // The value as the reference decompresses it: rounded to bf16.
  float value(int col) const {
    switch (source->storage) {
      case Storage::kF32: {
        float f;
        std::memcpy(&f, codes + std::size_t(col) * 4, 4);
        return f;
      }
      case Storage::kBF16: return format::bf16_to_f32(u16(codes, col));
      case Storage::kFP8:
        return format::round_to_bf16(format::e4m3_to_f32(std::to_integer<std::uint8_t>(codes[col])) * fp8_scale());
      case Storage::kNVFP4: {
        const float scale = format::e4m3_to_f32(std::to_integer<std::uint8_t>(scales[col / 16]));
        return format::round_to_bf16(format::kE2m1[std::size_t(nibble(col))] * (scale / source->global_scale));
      }
      case Storage::kInt4:
        return format::round_to_bf16(float((nibble(col) ^ 8) - 8) *
                                     format::bf16_to_f32(u16(scales, col / source->group)));
    }
    return 0;
  }
};

// Exchanges the bits of `word` under `mask` with those `distance` above them.
std::uint32_t exchange(std::uint32_t word, std::uint32_t mask, int distance) {
  const std::uint32_t differ = (word ^ (word >> distance)) & mask;
  return word ^ differ ^ (differ << distance);
}

// A u32 of a file's row as panel.h orders its digits.
template <Storage kStorage>
std::uint32_t arrange(std::uint32_t word) {
  if constexpr (kStorage == Storage::kFP8) return exchange(word, 0x0000ff00, 8);
  // Int4 is stored plus 8, which flips its sign bit.
  if constexpr (kStorage == Storage::kInt4) return exchange(word ^ 0x88888888, 0x0000f0f0, 12);
  if constexpr (kStorage == Storage::kNVFP4) return exchange(word, 0x0000f0f0, 12);
  return word;
}

// A row's columns of a block, from `from`, become row `row` of the panel's.
template <Storage kStorage>
void pack_words(const std::byte* from, std::size_t row, std::byte* block) {
  for (std::size_t i = 0; i < words_of(kStorage); ++i) {
    std::uint32_t word;
    std::memcpy(&word, from + i * 4, 4);
    word = arrange<kStorage>(word);
    std::memcpy(block + i * kWordRowBytes + row * 4, &word, 4);
  }
}

template <Storage kStorage>
void pack_codes(std::span<const FileRow> rows, std::byte* codes) {
  constexpr std::size_t kBytes = words_of(kStorage) * 4;  // of a row's columns of a block
  const std::size_t row_bytes = code_row_bytes(*rows[0].source);
  std::size_t at = 0;
  for (; at + kBytes <= row_bytes; at += kBytes, codes += words_of(kStorage) * kWordRowBytes)
    for (std::size_t r = 0; r < rows.size(); ++r) pack_words<kStorage>(rows[r].codes + at, r, codes);
  if (at == row_bytes) return;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::array<std::byte, kBytes> padded;  // with zeros, as the file spells them
    padded.fill(std::byte{kStorage == Storage::kInt4 ? std::uint8_t{0x88} : std::uint8_t{0}});
    std::memcpy(padded.data(), rows[r].codes + at, row_bytes - at);
    pack_words<kStorage>(padded.data(), r, codes);
  }
}

void pack_scales(std::span<const FileRow> rows, const PanelMatrix& w, std::byte* scales) {
  const std::size_t bytes = w.block_scale_bytes / kPanelRows;
  const int group = w.storage == Storage::kNVFP4 ? kBlockCols : rows[0].source->group;
  for (int b = 0; b < w.n_blocks; ++b, scales += w.block_scale_bytes) {
    const std::size_t at = std::size_t(b * kBlockCols / group) * bytes;
    if (bytes == 1) {
      for (std::size_t r = 0; r < rows.size(); ++r) scales[r] = rows[r].scales[at];
    } else {
      for (std::size_t r = 0; r < rows.size(); ++r) std::memcpy(scales + r * 2, rows[r].scales + at, 2);
    }
  }
}

// Puts up to 16 rows, dequantized, into a panel that is all zero.
void expand_rows(std::span<const FileRow> rows, const PanelMatrix& w, std::byte* codes) {
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (int col = 0; col < w.cols; ++col) {
      const float value = rows[r].value(col);
      std::memcpy(codes + std::size_t(col) * kWordRowBytes + r * 4, &value, 4);
    }
  }
}

// Puts up to 16 rows into a panel that is all zero.
void pack(std::span<const FileRow> rows, const PanelMatrix& w, std::byte* codes, std::byte* scales) {
  switch (w.storage) {
    case Storage::kF32: pack_codes<Storage::kF32>(rows, codes); break;
    case Storage::kBF16: pack_codes<Storage::kBF16>(rows, codes); break;
    case Storage::kFP8: pack_codes<Storage::kFP8>(rows, codes); break;
    case Storage::kNVFP4: pack_codes<Storage::kNVFP4>(rows, codes); break;
    case Storage::kInt4: pack_codes<Storage::kInt4>(rows, codes); break;
  }
  if (w.block_scale_bytes != 0) pack_scales(rows, w, scales);
}

// Kernels compute e4m3 by shifting bits, which would take its NaN for 480.
void check_no_nan(const FileRow& row, int row_in_matrix) {
  const MatrixSource& source = *row.source;
  std::span<const std::byte> e4m3;
  if (source.storage == Storage::kFP8) e4m3 = {row.codes, code_row_bytes(source)};
  if (source.storage == Storage::kNVFP4) e4m3 = {row.scales, scale_row_bytes(source)};
  unsigned n_nan = 0;
  for (const std::byte code : e4m3) n_nan += (code & std::byte{0x7f}) == std::byte{0x7f};
  if (n_nan != 0)
    throw Error("{}: {} e4m3 value{} of row {} {} NaN; the checkpoint is damaged", source.name, n_nan,
                n_nan == 1 ? "" : "s", row_in_matrix, n_nan == 1 ? "is" : "are");
}

float row_factor(const FileRow& row) {
  if (row.source->storage == Storage::kNVFP4) return 1.0f / row.source->global_scale;
  if (row.source->storage == Storage::kFP8) return row.fp8_scale();
  return 1.0f;
}

// Sources of one storage, seen as one matrix.
class StackedRows {
 public:
  explicit StackedRows(std::span<const MatrixSource> sources) : sources_(sources) {}

  // Reads rows [begin, begin + n) into `bytes`, which the FileRows then point into.
  std::vector<FileRow> read(int begin, int n, std::vector<std::byte>& bytes) const {
    std::vector<FileRow> rows(static_cast<std::size_t>(n));
    std::size_t total = 0;
    for_each_piece(begin, n, [&](const MatrixSource& source, int, int, int n_rows) {
      total += std::size_t(n_rows) * (code_row_bytes(source) + scale_row_bytes(source)) + 16;
    });
    bytes.resize(total);
    std::byte* at = bytes.data();
    for_each_piece(begin, n, [&](const MatrixSource& source, int first_row, int first_out, int n_rows) {
      const std::size_t code_bytes = code_row_bytes(source), scale_bytes = scale_row_bytes(source);
      source.codes(std::uint64_t(first_row) * code_bytes, {at, std::size_t(n_rows) * code_bytes});
      std::byte* scales = at + std::size_t(n_rows) * code_bytes;
      if (source.storage == Storage::kFP8 && scale_bytes == 0) {
        source.scales(0, {scales, 2});
      } else if (scale_bytes != 0) {
        source.scales(std::uint64_t(first_row) * scale_bytes, {scales, std::size_t(n_rows) * scale_bytes});
      }
      for (int i = 0; i < n_rows; ++i)
        rows[std::size_t(first_out + i)] = {&source, at + std::size_t(i) * code_bytes,
                                            scales + std::size_t(i) * scale_bytes};
      at = scales + std::size_t(n_rows) * scale_bytes + 16;
    });
    return rows;
  }

 private:
  template <typename Visit>
  void for_each_piece(int begin, int n, const Visit& visit) const {
    int start = 0;
    for (const MatrixSource& source : sources_) {
      const int first = std::max(begin, start), last = std::min(begin + n, start + source.rows);
      if (first < last) visit(source, first - start, first - begin, last - first);
      start += source.rows;
    }
  }
  std::span<const MatrixSource> sources_;
};

}  // namespace

std::unique_ptr<PanelMatrix> load_panels(std::span<const MatrixSource> sources, bool expand, ThreadTeam& team) {
  auto w = std::make_unique<PanelMatrix>();
  w->storage = expand ? Storage::kF32 : sources[0].storage;
  w->cols = sources[0].cols;
  w->input = sources[0].input;
  w->input_global_scale = sources[0].input_global_scale;
  for (const MatrixSource& source : sources) {
    check(source.cols == w->cols && source.storage == sources[0].storage && source.group == sources[0].group,
          "stacked matrices are alike");
    w->rows += source.rows;
  }
  w->n_panels = (w->rows + kPanelRows - 1) / kPanelRows;
  w->n_blocks = (w->cols + kBlockCols - 1) / kBlockCols;
  w->block_code_bytes = words_of(w->storage) * kWordRowBytes;
  w->block_scale_bytes = block_scale_bytes(w->storage);
  w->panel_bytes = (std::size_t(w->n_blocks) * (w->block_code_bytes + w->block_scale_bytes) + 63) / 64 * 64;
  w->memory = Memory(std::size_t(w->n_panels) * w->panel_bytes);
  w->row_factor_memory = Memory(std::size_t(w->n_panels) * kPanelRows * sizeof(float));
  w->row_factor = w->row_factor_memory.as<float>();
  w->bytes = w->bytes_read = w->memory.bytes() + w->row_factor_memory.bytes();

  const StackedRows stacked(sources);
  std::atomic<int> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  team.run([&](int) {
    try {
      std::vector<std::byte> bytes;
      for (int panel = next++; panel < w->n_panels; panel = next++) {
        const int begin = panel * kPanelRows, n = std::min(kPanelRows, w->rows - begin);
        const std::vector<FileRow> rows = stacked.read(begin, n, bytes);
        std::byte* codes = w->memory.data() + std::size_t(panel) * w->panel_bytes;
        for (int r = 0; r < n; ++r) check_no_nan(rows[std::size_t(r)], begin + r);
        if (expand) {
          expand_rows(rows, *w, codes);
        } else {
          pack(rows, *w, codes, codes + std::size_t(w->n_blocks) * w->block_code_bytes);
        }
        for (int r = 0; r < n; ++r)
          w->row_factor_memory.as<float>()[begin + r] = expand ? 1.0f : row_factor(rows[std::size_t(r)]);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
      next = w->n_panels;
    }
  });
  if (failure) std::rethrow_exception(failure);
  return w;
}

}  // namespace nibble::device::cpu
