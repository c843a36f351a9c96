#include "engine/runtime/committer.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace tocsin {
namespace {

// Its transaction ends at once when the test says that the committer is gone, which must not come about, and else after a moment.
class WatchfulProducer final : public log::TransactionalProducer {
 public:
  Result<log::CommitReceipt> commit(log::Transaction) override {
    std::unique_lock lock(mutex_);
    gone_.wait_for(lock, std::chrono::milliseconds(50), [this] { return is_gone_; });
    outlived_its_committer = is_gone_;
    return log::CommitReceipt();
  }
  void committer_is_gone() {
    const std::lock_guard lock(mutex_);
    is_gone_ = true;
    gone_.notify_all();
  }

  bool outlived_its_committer = true;

 private:
  std::mutex mutex_;
  std::condition_variable gone_;
  bool is_gone_ = false;
};

class ThreadedExecutor final : public Executor {
 public:
  ~ThreadedExecutor() override { end(); }
  void run(std::function<void()> work) override { thread_ = std::thread(std::move(work)); }
  void end() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

TEST(Committer, EndsOnlyWhenTheTransactionInFlightHas) {
  WatchfulProducer producer;
  FlightRecorder recorder;
  ThreadedExecutor executor;
  auto committer = std::make_unique<Committer>(producer, executor, recorder, [] { return WallTime{1}; });
  committer->submit({});
  committer.reset();  // as when the worker has failed, with nobody to ask for the outcome
  producer.committer_is_gone();
  executor.end();
  EXPECT_FALSE(producer.outlived_its_committer);
}

}  // namespace
}  // namespace tocsin
