// state_crash_writer hold DIRECTORY    opens the store, says "ready", waits until it is killed
// state_crash_writer write DIRECTORY   writes crash_batch after crash_batch from the stored positions on, on kCrashWriters threads,
//                                      and says "flushed P0 P1" after each flush, with the positions from before it

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "state/rocksdb/rocksdb_store.h"
#include "tests/unit/state/crash_workload.h"

namespace tocsin::state {
namespace {

// One write(2) a line: a kill may not leave half of one in a buffer.
void say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(3);
}

void write_forever(RocksDbStore& store, uint32_t writer, std::atomic<uint64_t>& position) {
  while (true) {
    const uint64_t number = position + 1;
    if (!store.write(crash_batch(writer, number)).ok()) ::_exit(4);
    position = number;
  }
}

[[noreturn]] void write(RocksDbStore& store) {
  std::array<std::atomic<uint64_t>, kCrashWriters> positions;
  for (uint32_t writer = 0; writer < kCrashWriters; ++writer) positions[writer] = crash_position(store, writer);
  std::vector<std::thread> threads;
  for (uint32_t writer = 0; writer < kCrashWriters; ++writer) {
    threads.emplace_back([&store, writer, &position = positions[writer]] { write_forever(store, writer, position); });
  }
  say("ready\n");
  while (true) {
    const uint64_t first = positions[0];
    const uint64_t second = positions[1];
    if (!store.flush().ok()) ::_exit(5);
    say(fmt::format("flushed {} {}\n", first, second));
    ::usleep(20'000);
  }
}

int run(std::string_view mode, const std::string& directory) {
  auto store = RocksDbStore::open({.path = directory, .memory_bytes = RocksDbOptions::kMemoryBytesMin});
  if (!store.ok()) {
    fmt::print(stderr, "{}\n", store.status().message());
    return 1;
  }
  if (mode == "write") write(**store);
  say("ready\n");
  while (true) ::pause();
}

}  // namespace
}  // namespace tocsin::state

int main(int argc, char** argv) { return argc == 3 ? tocsin::state::run(argv[1], argv[2]) : 2; }
