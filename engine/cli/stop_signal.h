#pragma once

// Ctrl-C and SIGTERM for the commands that work until they are stopped.

#include <atomic>

namespace tocsin::cli {

// Catches SIGINT and SIGTERM from now on: the first one sets the flag that is returned, a second one of its kind kills.
const std::atomic<bool>& stop_on_signals();

}  // namespace tocsin::cli
