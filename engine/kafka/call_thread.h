#pragma once

// Runs calls that may outlast their deadline, on a thread that can be left behind with the one that does.
//
//   run() ──► the call ends in time ──────────────────────────► true; the thread waits for the next
//         └─► the deadline passes first ──► false; thread, call and all that the call owns live on until it ends, unobserved
//
// Thread:     one at a time; calls run on the thread of this object.
// Lifetime:   a call that was left behind has to own all it touches; it is destroyed on the thread that ran it.
// Invariants: (1) run() ends by the deadline; (2) no call that was left behind is waited for.

#include <functional>
#include <memory>
#include <thread>

#include "engine/kafka/deadline.h"

namespace tocsin::kafka {

class CallThread {
 public:
  CallThread() { start(); }
  ~CallThread();
  CallThread(const CallThread&) = delete;
  CallThread& operator=(const CallThread&) = delete;

  // Whether the call has ended, and with it all that it wrote may be read. After a false the next run() has a new thread. Until then
  // `meanwhile` is called on this thread, as long as it returns true; it must not take long.
  bool run(std::function<void()> call, Deadline deadline, const std::function<bool()>& meanwhile = {});

  // Calls of the whole process that were left behind and have not ended. A process that ends meanwhile must not run destructors of what
  // they may still use.
  static int left_behind();

 private:
  struct Desk;
  void start();

  std::shared_ptr<Desk> desk_;
  std::thread thread_;
};

}  // namespace tocsin::kafka
