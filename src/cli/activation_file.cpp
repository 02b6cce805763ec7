#include "cli/activation_file.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <set>

#include "base/check.h"
#include "base/error.h"

namespace nibble::cli {
namespace {

std::uint64_t columns_of(const std::vector<std::int64_t>& token_shape) {
  std::uint64_t n = 1;
  for (const std::int64_t extent : token_shape) n *= std::uint64_t(extent);
  return n;
}

}  // namespace

ActivationFile::~ActivationFile() {
  writer_.reset();
  if (!partial_.empty()) std::remove(partial_.c_str());
}

void ActivationFile::add(int first_token, Piece piece) {
  if (writer_ == nullptr)
    held_.emplace_back(first_token, std::move(piece));
  else
    write(first_token, piece);
}

void ActivationFile::begin() {
  std::vector<format::TensorInfo> tensors;
  std::set<std::string> names;
  for (const auto& [first_token, piece] : held_) {
    if (!names.insert(piece.tensor).second) continue;
    format::TensorInfo tensor{.name = piece.tensor, .dtype = format::DType::kF32, .shape = {n_tokens_}};
    tensor.shape.insert(tensor.shape.end(), piece.token_shape.begin(), piece.token_shape.end());
    tensors.push_back(std::move(tensor));
  }
  const std::string partial = path_ + ".partial-" + std::to_string(getpid());
  writer_ =
      std::make_unique<format::SafetensorsWriter>(format::SafetensorsWriter::create(partial, std::move(tensors), {}));
  partial_ = partial;
  for (const auto& [first_token, piece] : held_) write(first_token, piece);
  held_.clear();
}

void ActivationFile::write(int first_token, const Piece& piece) {
  const format::TensorInfo& tensor = writer_->at(piece.tensor);
  const std::uint64_t columns = columns_of(piece.token_shape), width = std::uint64_t(piece.width);
  const auto bytes = std::as_bytes(std::span(piece.values));
  const std::uint64_t n = piece.values.size() / width;
  check(std::uint64_t(first_token) + n <= std::uint64_t(n_tokens_), "pieces lie inside the prompt");
  if (width == columns) {
    writer_->write(tensor, std::uint64_t(first_token) * columns * sizeof(float), bytes);
    return;
  }
  for (std::uint64_t row = 0; row < n; ++row)
    writer_->write(tensor,
                   ((std::uint64_t(first_token) + row) * columns + std::uint64_t(piece.first_column)) * sizeof(float),
                   bytes.subspan(row * width * sizeof(float), width * sizeof(float)));
}

void ActivationFile::finish() {
  writer_->close();
  writer_.reset();
  std::error_code error;
  std::filesystem::rename(partial_, path_, error);
  if (error) throw Error("{}: {}", path_, error.message());
  partial_.clear();
}

}  // namespace nibble::cli
