// What the CPU device adds to its kernels: heads, rows, views and threads.
#include "device/cpu/cpu_device.h"

#include <cstdlib>
#include <functional>
#include <random>

#include "instruction_sets.h"
#include "matrix_problem.h"

namespace nibble::device::cpu {
namespace {

class CpuDevice : public InstructionSet {
 protected:
  void SetUp() override {
    InstructionSet::SetUp();
    ::setenv("CPU_KERNELS", kernels().name, 1);
  }
  void TearDown() override { ::unsetenv("CPU_KERNELS"); }
};
INSTANTIATE_TEST_SUITE_P(, CpuDevice, every_set(), name_of_set);

std::vector<float> random_values(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

// A window of one position has weight 1, so that the result is a value of the cache: of the row's slot, and
// of the KV head that the query head shares with its neighbours.
TEST_P(CpuDevice, EveryQueryHeadReadsItsKvHead) {
  constexpr int kHeadDim = 24, kBlocks = 5;
  for (const auto& [n_heads, n_kv_heads] : {std::pair{1, 1}, {8, 2}, {6, 6}, {7, 1}, {15, 3}}) {
    for (int n_rows = 1; n_rows <= 33; ++n_rows) {
      const auto device = make_cpu_device({.n_threads = 3});
      const int n_slots = kBlocks * kKvBlock, width = n_kv_heads * kHeadDim;
      const auto cache = device->allocate_kv(n_slots, n_kv_heads, kHeadDim);
      const auto values = device->allocate(n_slots, width), q = device->allocate(n_rows, n_heads * kHeadDim),
                 out = device->allocate(n_rows, n_heads * kHeadDim);
      std::vector<float> stored(std::size_t(n_slots) * std::size_t(width));
      for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = float(i % 251) - 125;  // exact in bf16
      device->write(stored, values->array());
      std::vector<int> slots(static_cast<std::size_t>(n_slots));
      for (int slot = 0; slot < n_slots; ++slot) slots[std::size_t(slot)] = slot;
      device->store_kv(values->array(), values->array(), slots, *cache);
      device->write(random_values(std::size_t(n_rows * n_heads * kHeadDim), 3), q->array());
      const int tables[2][3] = {{4, 0, 2}, {1, 3, 0}};
      std::vector<AttentionRow> rows;
      for (int r = 0; r < n_rows; ++r)
        rows.push_back({.first = r * 37, .last = r * 37, .blocks = tables[r % 2], .n_blocks = 2 + r % 2});
      device->attention(q->array(), *cache, rows, out->array());
      for (int r = 0; r < n_rows; ++r) {
        const int slot = rows[std::size_t(r)].slot(r * 37);
        for (int i = 0; i < n_heads * kHeadDim; ++i) {
          const int kv_head = i / kHeadDim / (n_heads / n_kv_heads);
          ASSERT_EQ(out->array().row(r)[i], stored[std::size_t(slot * width + kv_head * kHeadDim + i % kHeadDim)])
              << n_heads << " heads over " << n_kv_heads << ", row " << r << " of " << n_rows << ", column " << i;
        }
      }
    }
  }
}

// Long rows are cut into pieces: no element is left out, or done twice.
TEST_P(CpuDevice, ElementwiseOpsReachEveryElement) {
  for (const int cols : {1, 40, 1023, 1024, 1025, 2056}) {
    for (const int n_rows : {1, 2, 9, 33}) {
      const auto device = make_cpu_device({.n_threads = 3});
      const auto a = device->allocate(n_rows, cols), b = device->allocate(n_rows, cols),
                 columns = device->allocate(1, cols);
      const std::size_t n = std::size_t(n_rows) * std::size_t(cols);
      const std::vector<float> x = random_values(n, 7), y = random_values(n, 8),
                               factors = random_values(std::size_t(cols), 9);
      device->write(factors, columns->array());
      const auto expect = [&](const char* op, const std::function<void()>& run,
                              const std::function<float(std::size_t)>& expected) {
        device->write(x, a->array());
        device->write(y, b->array());
        run();
        std::vector<float> found(n);
        device->read(b->array(), found);
        for (std::size_t i = 0; i < n; ++i)
          ASSERT_EQ(found[i], expected(i)) << op << ", element " << i << " of [" << n_rows << ", " << cols << "]";
      };
      std::vector<float> gelu(n), capped = y;
      kernels().gelu_multiply(x.data(), y.data(), gelu.data(), int(n));
      kernels().softcap(capped.data(), 0.5f, int(n));
      const Array to = b->array();
      expect(
          "gelu_multiply", [&] { device->gelu_multiply(a->array(), to, to); }, [&](auto i) { return gelu[i]; });
      expect(
          "add", [&] { device->add(a->array(), to); }, [&](auto i) { return y[i] + x[i]; });
      expect(
          "scale", [&] { device->scale(to, 0.3f); }, [&](auto i) { return y[i] * 0.3f; });
      expect(
          "softcap", [&] { device->softcap(to, 0.5f); }, [&](auto i) { return capped[i]; });
      expect(
          "multiply_columns", [&] { device->multiply_columns(to, columns->array()); },
          [&](auto i) { return y[i] * factors[i % std::size_t(cols)]; });
    }
  }
}

// The work is cut by rows, pieces of rows and panels: neither the number of threads nor a view's stride
// shows.
TEST_P(CpuDevice, ThreadsAndViewsChangeNothing) {
  for (const int cols : {40, 1025, 2056}) {
    const MatrixProblem problem(Storage::kBF16, 70, cols, Values::kRandom, 21);
    for (const int n_rows : {1, 2, 3, 7, 8, 9, 16, 17, 31, 32, 33}) {
      const auto results = [&](int n_threads, int margin) {
        const auto device = make_cpu_device({.n_threads = n_threads});
        const int wide = cols + 2 * margin;
        const auto x = device->allocate(n_rows, wide), y = device->allocate(n_rows, wide),
                   out = device->allocate(n_rows, wide), products = device->allocate(n_rows, 70 + margin),
                   weight = device->allocate(1, cols);
        const auto view = [&](const auto& buffer) { return buffer->array().columns(margin, cols); };
        const auto w = device->load({&problem.source, 1});
        device->write(random_values(std::size_t(cols), 4), weight->array());
        std::vector<float> all, found(std::size_t(n_rows * cols));
        const auto restart = [&] {
          device->write(random_values(found.size(), 5), view(x));
          device->write(random_values(found.size(), 6), view(y));
        };
        const auto keep = [&](Array array) {
          std::vector<float> result(std::size_t(array.rows) * std::size_t(array.cols));
          device->read(array, result);
          all.insert(all.end(), result.begin(), result.end());
        };
        restart();
        device->matmul(view(x), *w, products->array().columns(margin, 70));
        keep(products->array().columns(margin, 70));
        device->rms_norm(view(x), weight->array(), cols, 1e-6f, view(out));
        keep(view(out));
        device->add_rms_norm(view(x), weight->array(), 1e-6f, view(y));
        keep(view(y));
        device->gelu_multiply(view(x), view(y), view(out));
        keep(view(out));
        return all;
      };
      const std::vector<float> expected = results(1, 0);
      EXPECT_EQ(results(3, 0), expected) << n_rows << " rows of " << cols << ", 3 threads";
      EXPECT_EQ(results(2, 3), expected) << n_rows << " rows of " << cols << ", 2 threads, views";
    }
  }
}

}  // namespace
}  // namespace nibble::device::cpu
