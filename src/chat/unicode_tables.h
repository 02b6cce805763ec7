// Character properties and case mappings as the generated unicode_tables.cpp holds them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nibble::chat::tables {

struct PointRun {  // first, first + stride, ..., last
  std::uint32_t first, last, stride;
};

struct CaseRun {  // characters that become character + delta
  std::uint32_t first, last, stride;
  std::int32_t delta;
};

struct LongCase {  // a character that becomes up to three; 0 ends them
  std::uint32_t from, to[3];
};

extern const PointRun k_alpha[], k_decimal[], k_digit[], k_numeric[], k_upper[], k_lower[], k_title[], k_unprintable[],
    k_case_ignorable[];
extern const std::size_t k_alpha_count, k_decimal_count, k_digit_count, k_numeric_count, k_upper_count, k_lower_count,
    k_title_count, k_unprintable_count, k_case_ignorable_count;
extern const CaseRun k_to_upper[], k_to_lower[], k_to_title[], k_to_fold[];
extern const LongCase k_to_upper_long[], k_to_lower_long[], k_to_title_long[], k_to_fold_long[];
extern const std::size_t k_to_upper_count, k_to_lower_count, k_to_title_count, k_to_fold_count, k_to_upper_long_count,
    k_to_lower_long_count, k_to_title_long_count, k_to_fold_long_count;

}  // namespace nibble::chat::tables
