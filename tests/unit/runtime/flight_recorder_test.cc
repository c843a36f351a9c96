#include "engine/runtime/flight_recorder.h"

#include <gtest/gtest.h>

#include "tests/unit/temporary_directory.h"

namespace tocsin {
namespace {

using Phase = FlightRecorder::Phase;

TEST(FlightFile, TellsInWhichPhaseThePreviousProcessEnded) {
  const TemporaryDirectory directory;
  {
    const auto file = FlightFile::open(directory.file("flight"));
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ((*file)->previous(3), Phase::kStopped);
    FlightRecorder recorder = (*file)->recorder(3);
    recorder.enter(Phase::kCommitted);
    EXPECT_EQ(recorder.phase(), Phase::kCommitted);
  }
  const auto file = FlightFile::open(directory.file("flight"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->previous(3), Phase::kCommitted);
  EXPECT_EQ((*file)->recorder(3).phase(), Phase::kStopped) << "what is told once is over";
}

TEST(FlightFile, HasNoPlaceForWorkersBeyondTheLast) {
  const TemporaryDirectory directory;
  const auto file = FlightFile::open(directory.file("flight"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  FlightRecorder beyond = (*file)->recorder(FlightFile::kWorkers);
  beyond.enter(Phase::kRunning);
  EXPECT_EQ(beyond.phase(), Phase::kStopped);
  EXPECT_EQ((*file)->previous(FlightFile::kWorkers), Phase::kStopped);
}

}  // namespace
}  // namespace tocsin
