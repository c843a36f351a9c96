# How this project makes targets: one library per folder, one test binary per tests/unit folder, options by target, no globals.

option(TOCSIN_UNITY "Compile unit tests several files at a time: most of what they cost is reading headers" ON)
option(TOCSIN_WERROR "Treat warnings as errors" ON)
option(TOCSIN_TEST_SWITCHES "Failpoints and seeded defects (engine/base/test_switches.h); never in what is shipped" OFF)
set(TOCSIN_SANITIZE "" CACHE STRING "address (with undefined behaviour), thread, or empty")

add_library(tocsin_options INTERFACE)
target_compile_features(tocsin_options INTERFACE cxx_std_20)
target_compile_options(tocsin_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${TOCSIN_WERROR}>:-Werror>
  -ffp-contract=off  # SPEC 1: latencies are computed without fused operations
  -fno-omit-frame-pointer)
target_compile_definitions(tocsin_options INTERFACE $<$<BOOL:${TOCSIN_TEST_SWITCHES}>:TOCSIN_TEST_SWITCHES>)
target_include_directories(tocsin_options INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}")
if(TOCSIN_SANITIZE STREQUAL "address")
  target_compile_options(tocsin_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(tocsin_options INTERFACE -fsanitize=address,undefined)
elseif(TOCSIN_SANITIZE STREQUAL "thread")
  add_library(tocsin_thread_sanitizer OBJECT "${CMAKE_CURRENT_LIST_DIR}/thread_sanitizer/runtime.cc")
  target_compile_features(tocsin_thread_sanitizer PRIVATE cxx_std_20)
  target_compile_options(tocsin_options INTERFACE -fsanitize=thread)
  target_link_options(tocsin_options INTERFACE -fsanitize=thread)
  target_link_libraries(tocsin_options INTERFACE $<TARGET_OBJECTS:tocsin_thread_sanitizer>)
elseif(NOT TOCSIN_SANITIZE STREQUAL "")
  message(FATAL_ERROR "TOCSIN_SANITIZE is '${TOCSIN_SANITIZE}'; it may be address, thread or empty")
endif()

# Tests with a sanitizer are slower, those of one long loop most of all: ctest waits this many times as long for them.
set(tocsin_patience 1)
if(TOCSIN_SANITIZE STREQUAL "address")
  set(tocsin_patience 3)
elseif(TOCSIN_SANITIZE STREQUAL "thread")
  set(tocsin_patience 10)
endif()

# tocsin_timeout(VARIABLE seconds): what ctest's TIMEOUT shall be for a test that may take so long without a sanitizer.
function(tocsin_timeout variable seconds)
  math(EXPR patient "${seconds} * ${tocsin_patience}")
  set(${variable} ${patient} PARENT_SCOPE)
endfunction()

# tocsin_library(NAME SOURCES a.cc b.cc [DEPS targets...] [PRIVATE_DEPS targets...])
function(tocsin_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC tocsin_options ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
endfunction()

# tocsin_test(NAME SOURCES a_test.cc [DEPS targets...]): a GoogleTest binary, each test registered with ctest under label "unit".
# `unit_tests` builds all of them, and nothing else.
include(GoogleTest)
add_custom_target(unit_tests)
function(tocsin_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE tocsin_options ${arg_DEPS} GTest::gmock GTest::gtest_main)
  # GCC 12, optimising, sees overlaps and uninitialised bytes in std::string that cannot be (GCC bugs 105651, 105562).
  # What tests spend their time in are the libraries, compiled as ever; the tests themselves are for compiling fast.
  target_compile_options(${name} PRIVATE -Wno-restrict -Wno-maybe-uninitialized $<$<CONFIG:Release>:-O1>)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${TOCSIN_UNITY} UNITY_BUILD_BATCH_SIZE 5)
  tocsin_timeout(timeout 120)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT ${timeout})
  add_dependencies(unit_tests ${name})
endfunction()
