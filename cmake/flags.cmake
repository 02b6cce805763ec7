# Every warning and hardening flag, in one place.
add_library(nibble_flags INTERFACE)
target_compile_options(nibble_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers -Werror
  -fstack-protector-strong -ffp-contract=off)
target_include_directories(nibble_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(nibble_flags INTERFACE NIBBLE_VERSION="${PROJECT_VERSION}"
  $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms inside g++ 12's own headers (AVX-512 intrinsics, std::string).
  target_compile_options(nibble_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()

# -ffp-contract=off: a fused multiply-add is written where it is wanted, so that every instruction set and
# compiler rounds alike. -ffast-math is never used.
set(NIBBLE_AVX2_FLAGS -mavx2 -mfma -mf16c -mbmi2)
set(NIBBLE_AVX512_FLAGS -mavx2 -mfma -mf16c -mbmi2 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi
  -mavx512vnni -mavx512bf16)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND NIBBLE_AVX512_FLAGS -Wno-uninitialized)  # as above
endif()
set(NIBBLE_NEON_FLAGS -march=armv8.2-a+dotprod+i8mm+bf16)
