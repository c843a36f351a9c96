#include "engine/cli/load_sender.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace tocsin::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPauseMax{20};
constexpr milliseconds kProgressEvery{250};

}  // namespace

LoadSender::LoadSender(loadgen::Messages& messages, LoadSink& sink, bool paced, bool progress, const std::atomic<bool>& stop)
    : messages_(messages), sink_(sink), paced_(paced), progress_(progress && isatty(STDERR_FILENO) == 1), stop_(stop) {}

Status LoadSender::run() {
  loadgen::Message message;
  Status status;
  for (uint64_t j = 0; status.ok() && j < messages_.count() && wait_until_due(j); ++j) {
    messages_.make(j, message);
    if (message.events != 0) status = send(message);
  }
  if (status.ok()) status = sink_.finish();
  tally_.seconds = elapsed_seconds();
  if (progress_) fmt::print(stderr, "\r\x1b[K");
  return status;
}

bool LoadSender::wait_until_due(uint64_t j) {
  if (!paced_) return !stop_;
  const auto due = begin_ + milliseconds((messages_.due(j) - messages_.options().start).ms);
  for (auto now = SteadyClock::now(); now < due; now = SteadyClock::now()) {
    if (stop_) return false;
    sink_.idle();
    show_progress();
    std::this_thread::sleep_for(std::min<SteadyClock::duration>(due - now, kPauseMax));
  }
  tally_.late_seconds = std::chrono::duration<double>(SteadyClock::now() - due).count();
  return !stop_;
}

Status LoadSender::send(const loadgen::Message& message) {
  while (true) {
    const Result<bool> taken = sink_.write(message);
    if (!taken.ok()) return taken.status();
    if (*taken) break;
    if (stop_) return {};
  }
  tally_.events += message.events;
  tally_.bytes += message.value.size();
  if (++tally_.messages % 256 == 0) show_progress();
  return {};
}

void LoadSender::show_progress() {
  const auto now = SteadyClock::now();
  if (!progress_ || now < next_progress_) return;
  next_progress_ = now + kProgressEvery;
  tally_.seconds = elapsed_seconds();
  fmt::print(stderr, "\r\x1b[K{} events  {:.0f}/s  {:.1f} MB  {:.0f} s", tally_.events, tally_.rate(),
             static_cast<double>(tally_.bytes) / 1e6, tally_.seconds);
  std::fflush(stderr);
}

}  // namespace tocsin::cli
