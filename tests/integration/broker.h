#pragma once

// A real Kafka broker of a test's own, in a directory of its own. It starts with the test binary and ends with it.
//
// Thread:   what is done to the broker may be done beside the clients' threads; not two things at once.
// Failure:  a broker that cannot be started ends the test binary with a message: nothing can be shown without it.

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

namespace tocsin::test {

class Broker {
 public:
  Broker() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tocsin-broker-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) fail("mkdtemp " + pattern);
    directory_ = pattern;
    start();
  }
  ~Broker() {
    run("kill");
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // host:port; the same over restarts.
  const std::string& bootstrap() const { return bootstrap_; }

  void start() {
    const std::string port = bootstrap_.empty() ? "0" : bootstrap_.substr(bootstrap_.rfind(':') + 1);
    // The sockets of a broker that was killed may outlive its process for a moment, and hold the port.
    for (int tries = 20; !run("start", "--port " + port); --tries) {
      if (tries == 0) fail("the broker does not start; see the output above");
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    std::ifstream(directory_ / "bootstrap") >> bootstrap_;
  }
  // As a crash would.
  void kill() { run("kill"); }
  void stop() { run("stop"); }
  // Stands still, with its connections open, as one in a long collection of garbage or on a disk that hangs; until resume().
  void pause() const { send_signal(SIGSTOP); }
  void resume() const { send_signal(SIGCONT); }

 private:
  bool run(const std::string& verb, const std::string& more = {}) const {
    const std::string command = TOCSIN_SOURCE_DIR "/deploy/kafka/broker.sh " + verb + " --dir '" + directory_.string() + "' " + more;
    const int status = std::system((command + " >&2").c_str());
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  void send_signal(int number) const {
    pid_t pid = 0;
    std::ifstream(directory_ / "broker.pid") >> pid;
    if (pid <= 0 || ::kill(pid, number) != 0) fail("the broker has no process to send signal " + std::to_string(number) + " to");
  }
  [[noreturn]] static void fail(const std::string& what) {
    std::cerr << what << '\n';
    std::_Exit(1);  // other threads are at work
  }

  std::filesystem::path directory_;
  std::string bootstrap_;
};

}  // namespace tocsin::test
