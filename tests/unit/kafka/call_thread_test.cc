// Calls with a deadline.

#include "engine/kafka/call_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>

namespace tocsin::kafka {
namespace {

constexpr Duration kLong{60'000};
constexpr Duration kShort{20};

// The thread that a call runs on.
std::thread::id thread_of_a_call(CallThread& calls) {
  std::thread::id id;
  EXPECT_TRUE(calls.run([&id] { id = std::this_thread::get_id(); }, Deadline::in(kLong)));
  return id;
}

TEST(CallThread, CallsThatEndInTimeShareAThread) {
  CallThread calls;
  const std::thread::id first = thread_of_a_call(calls);
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_EQ(thread_of_a_call(calls), first);
}

TEST(CallThread, ALateCallIsLeftBehindWithWhatItOwns) {
  CallThread calls;
  const std::thread::id first = thread_of_a_call(calls);
  std::promise<void> go_on;
  std::promise<std::thread::id> destroyed_on;
  {
    const std::shared_ptr<int> owned(new int(1), [&destroyed_on](const int* value) {
      delete value;
      destroyed_on.set_value(std::this_thread::get_id());
    });
    EXPECT_FALSE(calls.run([owned, &go_on] { go_on.get_future().wait(); }, Deadline::in(kShort)));
  }
  EXPECT_EQ(CallThread::left_behind(), 1);
  EXPECT_NE(thread_of_a_call(calls), first) << "the thread of a call that goes on was given another";
  go_on.set_value();
  EXPECT_EQ(destroyed_on.get_future().get(), first);
  while (CallThread::left_behind() > 0) std::this_thread::yield();
}

TEST(CallThread, IsDestroyedBeforeACallThatItLeftBehind) {
  std::promise<void> go_on;
  {
    CallThread calls;
    EXPECT_FALSE(calls.run([&go_on] { go_on.get_future().wait(); }, Deadline::in(kShort)));
  }
  EXPECT_EQ(CallThread::left_behind(), 1);
  go_on.set_value();
  while (CallThread::left_behind() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace tocsin::kafka
