#pragma once

// TOCSIN_CHECK(condition, message): aborts the process if a programmer's promise does not hold, in every build type.
// State is a function of the committed log, so aborting is safe: the next start replays. Never for user input.

#include <string_view>

namespace tocsin::internal {

// Writes file, line, condition and message to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view message);

}  // namespace tocsin::internal

#define TOCSIN_CHECK(condition, message)                                         \
  do {                                                                           \
    if (!(condition)) [[unlikely]]                                               \
      ::tocsin::internal::check_failed(__FILE__, __LINE__, #condition, message); \
  } while (false)
