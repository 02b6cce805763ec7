// The operations a forward pass is made of. src/model is written once over them; a backend that lacks one does not
// compile. Ops do not fail: shapes are checked at load, lengths at admission.
//
// Activations are f32 in device memory, [rows, cols], one row a token. What a matrix product rounds its input to is
// the device's choice (activations()), printed at start. Weights belong to the device: a Matrix is whatever layout its
// kernels stream, made once at load from the bytes of a checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::device {

// A view: [rows, cols] with `stride` floats from row to row. Owns nothing; copies are cheap.
struct Array {
  float* data = nullptr;
  int rows = 0, cols = 0;
  std::ptrdiff_t stride = 0;

  float* row(int r) const { return data + r * stride; }
  Array columns(int begin, int n) const { return {data + begin, rows, n, stride}; }
  Array first_rows(int n) const { return {data, n, cols, stride}; }
};

// Device memory for activations, [rows, cols] and contiguous.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual Array array() const = 0;
};

enum class Activations {
  kF32,
  kBF16,
  kInt8,  // for 4-bit matrices, in blocks of 16; bf16 for the others
};
std::string_view name_of(Activations activations);

// How a checkpoint stores a matrix [rows, cols] (`codes`, `scales`: readers of its bytes in file order).
enum class Storage {
  kBF16,   // codes: bf16 [rows, cols]
  kF32,    // codes: f32 [rows, cols]
  kFP8,    // codes: e4m3 [rows, cols]; scales: bf16 [rows], or one for the matrix (scale_count 1)
  kNVFP4,  // codes: e2m1 [rows, cols / 2], even column low; scales: e4m3 [rows, cols / 16]; global_scale divides
  kInt4,  // codes: int4 + 8, eight columns in an int32, lowest first [rows, cols / 8]; scales: bf16 [rows, cols / group]
};
std::string_view name_of(Storage storage);

// What the reference does to a linear's input before the product, besides the model's own precision.
enum class InputQuantization {
  kNone,
  kFP8PerToken,  // e4m3 with one scale a token (FP8_DYNAMIC)
  kNVFP4,        // e2m1 in blocks of 16 with e4m3 scales under input_global_scale (W4A4)
};

struct MatrixSource {
  std::string name;  // for messages
  Storage storage = Storage::kBF16;
  int rows = 0, cols = 0;
  int group = 0;              // kInt4: columns a scale covers
  int scale_count = 0;        // kFP8: rows or 1
  float global_scale = 1.0f;  // kNVFP4
  InputQuantization input = InputQuantization::kNone;
  float input_global_scale = 1.0f;
  bool is_head = false;  // for logits(), which a device may prepare for
  using Read = std::function<void(std::uint64_t offset_bytes, std::span<std::byte> out)>;
  Read codes, scales;
};

class Matrix {
 public:
  virtual ~Matrix() = default;
  int rows = 0, cols = 0;
  Storage storage = Storage::kBF16;
  std::size_t bytes = 0;          // resident
  std::size_t bytes_read = 0;     // by a product, or by logits() where a few of a row are wanted
  bool integer_products = false;  // its products are sums of integers, block by block
};

// Beside the logits that are wanted; less than any that a model computes.
inline constexpr float kUnwanted = -std::numeric_limits<float>::max();

// How often logits() could do without most of the head.
struct ScreenCounts {
  std::int64_t tokens = 0;         // with a screened head
  std::int64_t rescored_rows = 0;  // of theirs, that were computed exactly
  std::int64_t fallbacks = 0;      // calls for a few logits a row that took the whole head nevertheless
};

// Keys and values of one layer: [n_slots, n_kv_heads * head_dim] each.
class KvBuffer {
 public:
  virtual ~KvBuffer() = default;
  int n_slots = 0, n_kv_heads = 0, head_dim = 0;
  std::size_t bytes = 0;
};

// Positions of a sequence live in blocks of slots; block b of position p is blocks[(p / kKvBlock) % n_blocks].
// A table as long as the context makes a full layer's cache, a short one a sliding layer's ring.
inline constexpr int kKvBlock = 32;

struct AttentionRow {
  int first = 0, last = 0;  // positions attended, both included
  const int* blocks = nullptr;
  int n_blocks = 0;

  int slot(int position) const { return blocks[position / kKvBlock % n_blocks] * kKvBlock + position % kKvBlock; }
};

// What the machine does at best, whatever runs on it. Zero: not known.
struct Walls {
  double read_bytes_per_second = 0;
  double float_flops = 0;  // multiplications and additions a second at the precision of the activations
  double int8_ops = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  virtual std::string describe() const = 0;  // "cpu: avx2 kernels, bf16 activations, 2 threads"
  virtual Activations activations() const = 0;
  virtual Walls measure_walls() = 0;  // takes about a second

  virtual std::unique_ptr<Buffer> allocate(int rows, int cols) = 0;
  virtual std::unique_ptr<Matrix> load(std::span<const MatrixSource> stacked_by_row) = 0;
  virtual std::unique_ptr<KvBuffer> allocate_kv(int n_slots, int n_kv_heads, int head_dim) = 0;
  virtual std::uint64_t kv_slot_bytes(int n_kv_heads, int head_dim) const = 0;
  virtual std::uint64_t free_bytes() const = 0;  // of the memory that matrices, buffers and caches are in
  virtual void write(std::span<const float> from, Array to) = 0;  // row-major, contiguous on the host
  virtual void read(Array from, std::span<float> to) = 0;

  // out = x W^T                                                    x: [n, W.cols], out: [n, W.rows]
  virtual void matmul(Array x, const Matrix& w, Array out) = 0;
  // out = cap * tanh(x W^T / cap), without a cap if it is 0, wherever that can be among the largest[r] largest of row r,
  // equal ones included; elsewhere the same, or kUnwanted. largest[r] == 0: everywhere.
  virtual void logits(Array x, const Matrix& head, float cap, std::span<const int> largest, Array out) = 0;
  virtual ScreenCounts screen_counts() const { return {}; }
  // out = x / rms(x) * weight over each run of `group` columns; weight [1, group] or empty data for none
  virtual void rms_norm(Array x, Array weight, int group, float eps, Array out) = 0;
  // x += rms_norm(h) over whole rows
  virtual void add_rms_norm(Array h, Array weight, float eps, Array x) = 0;
  // Rotates each run of head_dim columns in place: dimension i with i + head_dim / 2 by position * frequencies[i];
  // dimensions beyond the frequencies stay.
  virtual void rope(Array x, int head_dim, std::span<const int> positions, std::span<const float> frequencies) = 0;
  virtual void store_kv(Array k, Array v, std::span<const int> slots, KvBuffer& cache) = 0;
  // Softmax attention with scale 1. q, out: [n, n_heads * head_dim]; query head h reads KV head h / (n_heads / n_kv_heads)
  virtual void attention(Array q, const KvBuffer& cache, std::span<const AttentionRow> rows, Array out) = 0;
  virtual void gelu_multiply(Array gate, Array up, Array out) = 0;                // out = gelu_tanh(gate) * up
  virtual void add(Array x, Array y) = 0;                                         // y += x
  virtual void scale(Array x, float factor) = 0;                                  // x *= factor
  virtual void multiply_columns(Array x, Array weight) = 0;                       // x *= weight [1, cols] in every row
  virtual void softcap(Array x, float cap) = 0;                                   // x = cap * tanh(x / cap)
  virtual void gather_rows(Array from, std::span<const int> rows, Array to) = 0;  // to[i] = from[rows[i]]
  // to[rows[i]] += factors[i] * from[i]
  virtual void scatter_add(Array from, std::span<const int> rows, std::span<const float> factors, Array to) = 0;
};

}  // namespace nibble::device
