#include "engine/base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace tocsin {
namespace {

TEST(Status, IsOkByDefaultAndCarriesNoMessage) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kOk);
  EXPECT_EQ(status.message(), "");
}

TEST(Status, MakersSetCodeAndMessage) {
  const std::pair<Status, StatusCode> cases[] = {
      {invalid_argument("m"), StatusCode::kInvalidArgument},
      {not_found("m"), StatusCode::kNotFound},
      {unavailable("m"), StatusCode::kUnavailable},
      {fenced("m"), StatusCode::kFenced},
      {aborted("m"), StatusCode::kAborted},
      {data_loss("m"), StatusCode::kDataLoss},
      {internal_error("m"), StatusCode::kInternal},
  };
  for (const auto& [status, code] : cases) {
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.code(), code);
    EXPECT_EQ(status.message(), "m");
  }
}

TEST(Status, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(StatusCode::kInternal); ++code) names.insert(to_string(static_cast<StatusCode>(code)));
  EXPECT_EQ(names.size(), static_cast<size_t>(StatusCode::kInternal) + 1);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(StatusCode::kUnavailable), "unavailable");
}

Status fails_if(bool fail, int& steps) {
  TOCSIN_RETURN_IF_ERROR(fail ? fenced("taken over") : Status());
  ++steps;
  return {};
}

TEST(Status, ReturnIfErrorLeavesOnlyOnAnError) {
  int steps = 0;
  EXPECT_TRUE(fails_if(false, steps).ok());
  EXPECT_EQ(steps, 1);
  EXPECT_EQ(fails_if(true, steps).code(), StatusCode::kFenced);
  EXPECT_EQ(steps, 1);
}

TEST(Result, HoldsAValueOrTheReasonForNone) {
  Result<std::string> value = std::string("x");
  ASSERT_TRUE(value.ok());
  EXPECT_TRUE(value.status().ok());
  EXPECT_EQ(*value, "x");
  EXPECT_EQ(value->size(), 1U);
  value.value() = "yy";
  EXPECT_EQ(value.value(), "yy");

  const Result<std::string> none = not_found("no such topic");
  EXPECT_FALSE(none.ok());
  EXPECT_EQ(none.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(none.status().message(), "no such topic");
}

TEST(Result, CarriesTypesThatOnlyMove) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(ResultDeathTest, TakingAValueThatIsNotThereAborts) {
  const Result<int> none = unavailable("broker away");
  EXPECT_DEATH(static_cast<void>(none.value()), "broker away");
}

TEST(ResultDeathTest, AnOkStatusIsNoReasonForNoValue) { EXPECT_DEATH(static_cast<void>(Result<int>{Status()}), "needs an error"); }

}  // namespace
}  // namespace tocsin
