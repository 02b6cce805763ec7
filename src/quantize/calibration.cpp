#include "quantize/calibration.h"

#include <array>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "chat/load.h"
#include "tokenizer/tokenizer.h"

namespace nibble::quantize {
namespace {

constexpr std::uint64_t kMaxFileBytes = 256u << 20;
constexpr int kMaxTokenId = 1 << 20;

constexpr std::array<std::string_view, 8> kTexts = {
    "The tide had gone out before sunrise, and the boats lay on the sand at odd angles, waiting. Two children walked "
    "between them with a bucket, picking up whatever the water had forgotten: a cork, three blue shells, half a rope.",
    "To find how much a loan costs, multiply what is still owed by the monthly rate, add the part that is paid back, "
    "and "
    "repeat for each month. At 6 % a year and 12,000 owed, the first month's interest is 12,000 * 0.06 / 12 = 60.",
    "def moving_average(values, width):\n    total, result = sum(values[:width]), []\n    for i in range(width, "
    "len(values) + 1):\n        result.append(total / width)\n        if i < len(values):\n            total += "
    "values[i] - "
    "values[i - width]\n    return result\n",
    "{\"order\": 4711, \"customer\": {\"name\": \"Ada\", \"city\": \"Taipei\"}, \"items\": [{\"sku\": \"B-20\", "
    "\"count\": 3, "
    "\"price\": 9.5}, {\"sku\": \"C-07\", \"count\": 1, \"price\": 120.0}], \"paid\": true, \"note\": null}",
    "台灣的夏天又熱又濕，午後常有雷陣雨。許多人喜歡在傍晚到河邊散步，買一杯冰涼的飲料，看著太陽慢慢落到山的後面。請問明"
    "天的天氣如何？",
    "Der Zug hielt an einem kleinen Bahnhof, dessen Uhr seit Jahren stand. Le boulanger ouvrait sa porte à six heures, "
    "et "
    "toute la rue sentait le pain. Mañana saldremos temprano, porque el camino es largo y hace calor.",
    "An option to sell at 95 costs 2.40 and one to sell at 90 costs 1.10. Buying the first and selling the second "
    "costs "
    "1.30; the most it can earn is 95 - 90 - 1.30 = 3.70, and it breaks even at 95 - 1.30 = 93.70.",
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20. Question: why does ice float? Answer: "
    "water "
    "takes more room when it freezes, so the same weight of ice is lighter than the water that it pushes aside.",
};

// Loads the tokenizer and the template when a sample first asks for them: a file of ids needs neither.
class Encoder {
 public:
  explicit Encoder(std::string directory) : directory_(std::move(directory)) {}
  std::vector<int> encode(const json::object& conversation) {
    if (!template_) template_ = chat::load_chat_template(directory_);
    return encode(template_->render(conversation));
  }
  std::vector<int> encode(std::string_view text) {
    if (!tokenizer_) tokenizer_ = tokenizer::Tokenizer::load(directory_);
    std::vector<int> ids(tokenizer_->prefix().begin(), tokenizer_->prefix().end());
    const std::optional<int> bos = tokenizer_->id_of("<bos>");
    if (ids.empty() && bos && !text.starts_with("<bos>")) ids.push_back(*bos);
    const std::vector<int> encoded = tokenizer_->encode(text, true);
    ids.insert(ids.end(), encoded.begin(), encoded.end());
    return ids;
  }

 private:
  std::string directory_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  std::optional<chat::ChatTemplate> template_;
};

std::vector<int> read_ids(const json::value& value, const std::string& where) {
  if (!value.is_array()) throw Error("{}: \"input_ids\": expected a list of token ids", where);
  std::vector<int> ids;
  for (const json::value& id : value.get_array()) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > kMaxTokenId)
      throw Error("{}: \"input_ids\": expected token ids, found {}", where, json::serialize(id));
    ids.push_back(int(id.get_int64()));
  }
  return ids;
}

}  // namespace

std::vector<std::vector<int>> read_calibration(const std::string& path, const std::string& model_directory) {
  const std::string content = read_text_file(path, kMaxFileBytes);
  Encoder encoder(model_directory);
  std::vector<std::vector<int>> samples;
  int line_number = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view line = std::string_view(content).substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}: line {}", path, line_number);
    const json::value value = parse_json(line, where);
    const JsonFields fields(value, where);
    const json::value *ids = fields.find("input_ids"), *text = fields.find("text");
    if (ids != nullptr) {
      samples.push_back(read_ids(*ids, where));
    } else if (text != nullptr && text->is_string()) {
      samples.push_back(encoder.encode(text->get_string()));
    } else if (fields.find("messages") != nullptr) {
      samples.push_back(encoder.encode(value.get_object()));
    } else {
      throw Error("{}: expected {{\"input_ids\": [...]}}, {{\"text\": \"...\"}} or {{\"messages\": [...]}}", where);
    }
    if (samples.back().empty()) throw Error("{}: holds no token", where);
  }
  if (samples.empty()) throw Error("{}: holds no calibration sample", path);
  return samples;
}

std::vector<std::vector<int>> default_calibration(const std::string& model_directory) {
  Encoder encoder(model_directory);
  std::vector<std::vector<int>> samples;
  for (const std::string_view text : kTexts) samples.push_back(encoder.encode(text));
  return samples;
}

}  // namespace nibble::quantize
