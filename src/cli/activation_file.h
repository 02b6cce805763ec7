// The safetensors file of `nibble logits`: f32 tensors of one row a token, written piece by piece while the prompt runs,
// under their final name only once they are complete.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "format/safetensors.h"

namespace nibble::cli {

// Values of consecutive tokens for columns [first_column, first_column + width) of a tensor.
struct Piece {
  std::string tensor;
  std::vector<std::int64_t> token_shape;  // of the whole tensor, without the tokens
  int first_column = 0;
  int width = 0;
  std::vector<float> values;  // [tokens, width]
};

class ActivationFile {
 public:
  ActivationFile(std::string path, int n_tokens) : path_(std::move(path)), n_tokens_(n_tokens) {}
  ~ActivationFile();  // without finish(): removes what was written
  ActivationFile(const ActivationFile&) = delete;
  ActivationFile& operator=(const ActivationFile&) = delete;

  // Until begin(), pieces of the first tokens are held: they say which tensors there are. Then they go to the file.
  void add(int first_token, Piece piece);
  void begin();
  void finish();

 private:
  void write(int first_token, const Piece& piece);

  std::string path_, partial_;
  int n_tokens_;
  std::vector<std::pair<int, Piece>> held_;
  std::unique_ptr<format::SafetensorsWriter> writer_;
};

}  // namespace nibble::cli
