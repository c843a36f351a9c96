#include "engine/cli/stop_signal.h"

#include <csignal>

namespace tocsin::cli {
namespace {

std::atomic<bool> g_stop = false;

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { g_stop = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return g_stop;
}

}  // namespace tocsin::cli
