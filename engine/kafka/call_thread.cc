#include "engine/kafka/call_thread.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace tocsin::kafka {
namespace {

std::atomic<int> calls_left_behind = 0;

}  // namespace

// What the caller and the thread share; the last of them deletes it.
struct CallThread::Desk {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> call;  // waits to be taken, or runs
  bool closed = false;         // by the caller, without a call
  bool abandoned = false;      // by the caller, during a call

  void serve() {
    std::unique_lock lock(mutex);
    while (!abandoned) {
      changed.wait(lock, [this] { return closed || call; });
      if (closed) return;
      lock.unlock();
      call();
      lock.lock();
      if (abandoned) break;
      call = nullptr;
      changed.notify_all();
    }
    lock.unlock();
    call = nullptr;  // with all it owns
    --calls_left_behind;
  }
};

void CallThread::start() {
  desk_ = std::make_shared<Desk>();
  thread_ = std::thread([desk = desk_] { desk->serve(); });
}

CallThread::~CallThread() {
  {
    const std::lock_guard lock(desk_->mutex);
    desk_->closed = true;
    desk_->changed.notify_all();
  }
  thread_.join();
}

bool CallThread::run(std::function<void()> call, Deadline deadline, const std::function<bool()>& meanwhile) {
  {
    std::unique_lock lock(desk_->mutex);
    desk_->call = std::move(call);
    desk_->changed.notify_all();
    for (bool more = static_cast<bool>(meanwhile); more && desk_->call && !deadline.passed();) {
      lock.unlock();
      more = meanwhile();
      lock.lock();
    }
    if (desk_->changed.wait_until(lock, deadline.at(), [this] { return !desk_->call; })) return true;
    desk_->abandoned = true;
    ++calls_left_behind;
  }
  thread_.detach();
  start();
  return false;
}

int CallThread::left_behind() { return calls_left_behind; }

}  // namespace tocsin::kafka
