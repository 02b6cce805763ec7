# The libraries of a build for another processor. Debian can install most of them for two processors side by side, but
# not yaml-cpp's headers; so what can be used without its library is, the headers being the same for every processor.
# GoogleTest is built from its sources. What needs yaml-cpp or readline is compiled, not linked.
foreach(library fmt::fmt spdlog::spdlog CLI11::CLI11 readline::readline)
  add_library(${library} INTERFACE IMPORTED)
endforeach()
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)
target_compile_definitions(spdlog::spdlog INTERFACE SPDLOG_FMT_EXTERNAL)

file(CONFIGURE OUTPUT boost_json.cpp CONTENT "#include <boost/json/src.hpp>\n")
add_library(boost_json STATIC ${CMAKE_CURRENT_BINARY_DIR}/boost_json.cpp)
add_library(Boost::json ALIAS boost_json)

add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
