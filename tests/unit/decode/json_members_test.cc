// What the members of a JSON event mean: names, types, labels.

#include <string>

#include <gtest/gtest.h>

#include "engine/decode/reasons.h"
#include "tests/unit/decode/harness.h"

namespace tocsin::decode {
namespace {

// The slot `name` of the event with these further members, or "!" and the reason.
std::string text_of(std::string_view name, std::string_view more) {
  Harness harness({std::string(name)});
  const std::string reason = harness.reason(event_with(more));
  return reason.empty() ? std::string(harness.slot(0, name)) : "!" + reason;
}

std::string reason_with(std::string_view more) { return Harness().reason(event_with(more)); }

Event event_of(std::string_view more) {
  Harness harness;
  EXPECT_EQ(harness.reason(event_with(more)), "") << more;
  return harness.decode(event_with(more)).events().empty() ? Event{} : harness.decode(event_with(more)).events().front();
}

// The time of an event with this member only, or -1.
int64_t time_of(const std::string& member) {
  Harness harness;
  const EventBatch& batch = harness.decode("{\"domain\":\"chat\"," + member + "}");
  return batch.events().empty() ? -1 : batch.events().front().time.ms;
}

TEST(JsonMembers, EveryFieldIsReadUnderBothNames) {
  const std::pair<const char*, const char*> names[] = {{"operation", "operation"}, {"error_code", "errorCode"}, {"actor_type", "actorType"},
                                                       {"actor_id", "actorId"},    {"session_id", "sessionId"}, {"request_id", "requestId"},
                                                       {"trace_id", "traceId"},    {"span_id", "spanId"},       {"event_id", "eventId"}};
  for (const auto& [snake, camel] : names) {
    EXPECT_EQ(text_of(snake, "\"" + std::string(snake) + "\":\"x1\""), "x1") << snake;
    EXPECT_EQ(text_of(snake, "\"" + std::string(camel) + "\":\"x2\""), "x2") << camel;
  }
  EXPECT_EQ(text_of("domain", ""), "chat");
  EXPECT_EQ(text_of("metric", R"("metric":"queue","value":3)"), "queue");
  EXPECT_EQ(event_of(R"("latencyMs":2)").latency_us, 2000U);
  EXPECT_EQ(time_of(R"("timestampMs":5)"), 5);
}

TEST(JsonMembers, OtherCaseIsAnotherName) {
  EXPECT_EQ(text_of("error_code", R"("Error_Code":"x")"), "");
  EXPECT_EQ(time_of(R"("Timestamp_ms":5)"), -1);
}

TEST(JsonMembers, TimeIsAWholeNumberOrItsText) {
  EXPECT_EQ(time_of(R"("timestamp_ms":1700000000123)"), 1700000000123);
  EXPECT_EQ(time_of(R"("timestamp_ms":"1700000000123")"), 1700000000123);
  EXPECT_EQ(time_of(R"("timestamp_ms":1.7e12)"), 1700000000000);
  EXPECT_EQ(time_of(R"("timestamp_ms":1700000000123.0)"), 1700000000123);
  EXPECT_EQ(time_of(R"("ts":1700000000123)"), 1700000000123);
  EXPECT_EQ(time_of(R"("ts":"1700000000123")"), 1700000000123);
  for (const char* bad : {"1.5", "true", "\"x\"", "\"\"", "[1]", "{}", "\" 1\"", "99999999999999999999", "\"0x10\""}) {
    const std::string message = std::string(R"({"domain":"chat","timestamp_ms":)") + bad + "}";
    EXPECT_EQ(Harness().reason(message), "timestamp_ms has the wrong type") << bad;
    EXPECT_EQ(Harness().reason(std::string(R"({"domain":"chat","ts":)") + bad + "}"), "timestamp_ms has the wrong type") << bad;
  }
}

TEST(JsonMembers, OnlyTsMayBeAnRfc3339Time) {
  EXPECT_EQ(time_of(R"("ts":"2026-01-08T00:00:01.787+00:00")"), 1767830401787);
  EXPECT_EQ(time_of(R"("ts":"2026-01-08T01:00:01.7879Z")"), 1767834001787);
  EXPECT_EQ(time_of(R"("ts":"2026-01-08T01:00:01\u005a")"), 1767834001000);
  EXPECT_EQ(Harness().reason(R"({"domain":"chat","timestamp_ms":"2026-01-08T00:00:01Z"})"), "timestamp_ms has the wrong type");
  EXPECT_EQ(Harness().reason(R"({"domain":"chat","ts":"2026-13-08T00:00:01Z"})"), "timestamp_ms has the wrong type");
}

TEST(JsonMembers, TimeIsRequiredAndPositive) {
  for (const char* member : {R"("x":1)", R"("timestamp_ms":0)", R"("ts":null)", R"("timestamp_ms":"0")"}) {
    EXPECT_EQ(Harness().reason(std::string(R"({"domain":"chat",)") + member + "}"), kTimestampMissing) << member;
  }
  EXPECT_EQ(Harness().reason(R"({"domain":"chat","ts":-5})"), kTimestampNegative);
  EXPECT_EQ(Harness().reason(R"({"domain":"chat","ts":"1969-12-31T23:59:59Z"})"), kTimestampNegative);
}

TEST(JsonMembers, DoublesMayBeText) {
  EXPECT_EQ(event_of(R"("latency_ms":"1.5")").latency_us, 1500U);
  EXPECT_EQ(event_of(R"("latency_ms":1e-400)").latency_us, 0U);
  EXPECT_EQ(event_of(R"("metric":"m","value":"-2.5e3")").value, -2500);
  EXPECT_EQ(reason_with(R"("latency_ms":"NaN")"), kLatencyNotFinite);
  EXPECT_EQ(reason_with(R"("latency_ms":"-Infinity")"), kLatencyNotFinite);
  EXPECT_EQ(reason_with(R"("latency_ms":1e999)"), kLatencyNotFinite);
  EXPECT_EQ(reason_with(R"("latency_ms":-1)"), kLatencyNegative);
  EXPECT_EQ(reason_with(R"("metric":"m","value":"Infinity")"), kValueNotFinite);
  for (const char* bad : {"true", "\"\"", "\"fast\"", "[]", "{}", "\"1.\"", "\"1 \""}) {
    EXPECT_EQ(reason_with(std::string("\"latency_ms\":") + bad), "latency_ms has the wrong type") << bad;
    EXPECT_EQ(reason_with(std::string("\"metric\":\"m\",\"value\":") + bad), "value has the wrong type") << bad;
  }
}

TEST(JsonMembers, AMeasurementsLatencyIsIgnoredButStillHasAType) {
  EXPECT_EQ(event_of(R"("metric":"m","value":1,"latency_ms":-3)").latency_us, kNoLatency);
  EXPECT_EQ(reason_with(R"("metric":"m","value":1,"latency_ms":"x")"), "latency_ms has the wrong type");
}

TEST(JsonMembers, MetricAndValueGoTogether) {
  EXPECT_EQ(reason_with(R"("metric":"m")"), kMetricWithoutValue);
  EXPECT_EQ(reason_with(R"("metric":"m","value":null)"), kMetricWithoutValue);
  EXPECT_EQ(reason_with(R"("value":1)"), kValueWithoutMetric);
  EXPECT_EQ(reason_with(R"("value":1,"metric":"")"), kValueWithoutMetric);
  EXPECT_EQ(reason_with(R"("metric":"m","value":1.0000000000000002e18)"), kValueTooLarge);
  EXPECT_TRUE(event_of(R"("metric":"m","value":0)").measurement);
}

TEST(JsonMembers, WeightIsA32BitNumber) {
  EXPECT_EQ(event_of("").weight, 1U);
  EXPECT_EQ(event_of(R"("weight":0)").weight, 1U);
  EXPECT_EQ(event_of(R"("weight":10)").weight, 10U);
  EXPECT_EQ(event_of(R"("weight":"10")").weight, 10U);
  EXPECT_EQ(event_of(R"("weight":1e1)").weight, 10U);
  EXPECT_EQ(event_of(R"("weight":4294967295)").weight, 4294967295U);
  for (const char* bad : {"-1", "4294967296", "1.5", "true", "\"ten\"", "[]"}) {
    EXPECT_EQ(reason_with(std::string("\"weight\":") + bad), "weight has the wrong type") << bad;
  }
}

TEST(JsonMembers, SuccessIsABoolean) {
  EXPECT_TRUE(event_of("").success);
  EXPECT_FALSE(event_of(R"("error_code":"503")").success);
  EXPECT_TRUE(event_of(R"("error_code":"")").success);
  EXPECT_TRUE(event_of(R"("error_code":null)").success);
  EXPECT_TRUE(event_of(R"("error_code":"503","success":true)").success);
  EXPECT_FALSE(event_of(R"("success":false)").success);
  EXPECT_FALSE(event_of(R"("success":null,"errorCode":"x")").success);
  for (const char* bad : {"1", "\"true\"", "\"\"", "{}", "[]"}) {
    EXPECT_EQ(reason_with(std::string("\"success\":") + bad), "success has the wrong type") << bad;
  }
}

TEST(JsonMembers, StringsMustBeStringsEvenIfNoRuleLooksAtThem) {
  for (const char* name : {"operation", "error_code", "level", "actor_id", "request_id", "actor_type", "session_id", "trace_id", "span_id",
                           "event_id", "metric"}) {
    for (const char* bad : {"1", "true", "[]", "{\"a\":1}"}) {
      if (name == std::string("level") && bad == std::string("1")) continue;
      EXPECT_EQ(reason_with("\"" + std::string(name) + "\":" + bad), std::string(name) + " has the wrong type") << bad;
    }
    EXPECT_EQ(reason_with("\"" + std::string(name) + "\":null"), "");
  }
  EXPECT_EQ(Harness().reason(R"({"ts":1,"domain":7})"), "domain has the wrong type");
}

TEST(JsonMembers, DomainIsRequired) {
  EXPECT_EQ(Harness().reason(R"({"ts":1})"), kDomainLength);
  EXPECT_EQ(Harness().reason(R"({"ts":1,"domain":null})"), kDomainLength);
  EXPECT_EQ(Harness().reason(R"({"ts":1,"domain":""})"), kDomainLength);
  EXPECT_EQ(Harness().reason(R"({"ts":1,"domain":")" + std::string(256, 'd') + "\"}"), "");
  EXPECT_EQ(Harness().reason(R"({"ts":1,"domain":")" + std::string(257, 'd') + "\"}"), kDomainLength);
  // 128 characters of two bytes, written with six each.
  std::string escaped;
  for (int i = 0; i < 128; ++i) escaped += "\\u00e4";
  EXPECT_EQ(Harness().reason(R"({"ts":1,"domain":")" + escaped + "\"}"), "");
  EXPECT_EQ(Harness().reason(R"({"ts":1,"domain":")" + escaped + "x\"}"), kDomainLength);
}

TEST(JsonMembers, LevelIsReadWithoutRegardToCaseOrAsNumber) {
  EXPECT_EQ(text_of("level", R"("level":"Error")"), "ERROR");
  EXPECT_EQ(text_of("level", R"("level":"critical")"), "CRITICAL");
  EXPECT_EQ(text_of("level", R"("level":"w\u0061rn")"), "WARN");
  EXPECT_EQ(text_of("level", R"("level":"FATAL")"), "");
  EXPECT_EQ(text_of("level", R"("level":2)"), "INFO");
  EXPECT_EQ(text_of("level", R"("level":0)"), "");
  EXPECT_EQ(text_of("level", R"("level":6)"), "");
  EXPECT_EQ(text_of("level", R"("level":-1)"), "");
  EXPECT_EQ(text_of("level", R"("level":2.5)"), "!level has the wrong type");
  EXPECT_EQ(text_of("level", R"("level":true)"), "!level has the wrong type");
}

TEST(JsonMembers, TextIsUnescaped) {
  EXPECT_EQ(text_of("operation", R"("operation":"GET \/a\u00e4\n")"), "GET /a\xC3\xA4\n");
  EXPECT_EQ(text_of("operation", R"("oper\u0061tion":"x")"), "x");
  EXPECT_EQ(text_of("a\"b", R"("a\"b":"x")"), "x");
}

TEST(JsonMembers, ALoneSurrogateMattersOnlyWhereItIsLookedAt) {
  EXPECT_EQ(text_of("operation", R"("operation":"\ud800")"), "!text is not valid UTF-8");
  EXPECT_EQ(text_of("region", R"("labels":{"region":"x\udc00"})"), "!text is not valid UTF-8");
  EXPECT_EQ(text_of("region", R"("operation":"\ud800","labels":{"zone":"\ud800","region":"eu"})"), "eu");
  EXPECT_EQ(text_of("region", R"("\ud800":"x","region":"eu")"), "eu");
  EXPECT_EQ(Harness().reason(R"({"ts":1,"domain":"\ud800"})"), kNotUtf8);
}

TEST(JsonMembers, AMemberWrittenTwiceCountsAsItWasWrittenLast) {
  EXPECT_EQ(text_of("operation", R"("operation":"a","operation":"b")"), "b");
  EXPECT_EQ(text_of("operation", R"("operation":7,"operation":"b")"), "b");
  EXPECT_EQ(text_of("operation", R"("operation":"a","operation":null)"), "");
  EXPECT_EQ(text_of("error_code", R"("error_code":"a","errorCode":"b")"), "b");
  EXPECT_EQ(text_of("error_code", R"("errorCode":"b","error_code":"a")"), "a");
  EXPECT_EQ(text_of("error_code", R"("error_code":"a","errorCode":"b","error_code":"c")"), "c");
  EXPECT_EQ(text_of("error_code", R"("error_code":"a","errorCode":null)"), "a");
  EXPECT_EQ(text_of("error_code", R"("error_code":1,"errorCode":"b")"), "!error_code has the wrong type");
  EXPECT_EQ(time_of(R"("timestamp_ms":7,"ts":8)"), 8);
  EXPECT_TRUE(event_of(R"("error_code":"a","error_code":"")").success);
}

TEST(JsonMembers, OfAMemberThatNoRuleLooksAtTheLastTypeCounts) {
  EXPECT_EQ(reason_with(R"("actor_id":7,"actor_id":"b")"), "");
  EXPECT_EQ(reason_with(R"("actor_id":"b","actor_id":7)"), "actor_id has the wrong type");
  EXPECT_EQ(reason_with(R"("actor_id":7,"actor_id":"b","actor_id":[])"), "actor_id has the wrong type");
  EXPECT_EQ(reason_with(R"("actor_id":[],"actor_id":"b","actor_id":"c")"), "");
  EXPECT_EQ(reason_with(R"("actor_id":{"a":"\ud800"},"actor_id":"\ud800")"), "");
  EXPECT_EQ(reason_with(R"("actor_id":"b","actor_id":"\x")"), kBrokenJson);
}

TEST(JsonMembers, KeysThatStandWhereOthersStoodBeforeAreTheirOwn) {
  Harness harness({"domain", "region", "regions", "operation", "a\"b"});
  const std::pair<const char*, std::string> cases[] = {
      {R"({"ts":1,"domain":"x","region":"eu","operation":"get"})", "x eu  get "},
      {R"({"ts":1,"domain":"x","region":"us","operation":"put"})", "x us  put "},
      {R"({"ts":1,"domain":"x","regions":"eu","operation":"get"})", "x  eu get "},
      {R"({"ts":1,"domain":"x","operation":"get","region":"eu"})", "x eu  get "},
      {R"({"domain":"y","ts":1,"operation" :"get","r\u0065gion":"eu"})", "y eu  get "},
      {R"({"domain":"y","ts":1,"operation":"get","region":"eu"})", "y eu  get "},
      {R"({"domain":"y","ts":1,"operation":"get","a\"b":"eu"})", "y   get eu"},
      {R"({"domain":"y","ts":1,"a\"b":"1","a\\b":"2"})", "y    1"},
      {R"({"ts":1,"domain":"x"})", "x    "},
  };
  for (const auto& [message, expected] : cases) {
    ASSERT_EQ(harness.reason(message), "") << message;
    std::string found;
    for (const char* name : {"domain", "region", "regions", "operation", "a\"b"}) found.append(harness.slot(0, name)).append(" ");
    found.pop_back();
    EXPECT_EQ(found, expected) << message;
  }
  EXPECT_EQ(harness.reason(R"({"ts":1,"domain" "x"})"), kBrokenJson);
  EXPECT_EQ(harness.reason(R"({"ts":1,"domain","x"})"), kBrokenJson);
  EXPECT_EQ(harness.reason(R"({"ts"})"), kBrokenJson);
}

TEST(JsonMembers, AnObjectMayHaveAnyNumberOfKeys) {
  Harness harness({"k31", "k32", "k33", "k99"});
  std::string more;
  for (int i = 0; i < 100; ++i) more += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":" + std::to_string(i);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(harness.reason(event_with(more)), "");
    for (const char* name : {"k31", "k32", "k33", "k99"}) EXPECT_EQ(harness.slot(0, name), name + 1);
  }
}

TEST(JsonMembers, AMemberMayBeWrittenAnyNumberOfTimes) {
  std::string more;
  for (int i = 0; i < 1000; ++i)
    more += "\"operation\":\"" + std::to_string(i) + "\",\"trace_id\":\"t\",\"region\":\"" + std::to_string(i) + "\",";
  EXPECT_EQ(text_of("operation", more + "\"x\":0"), "999");
  EXPECT_EQ(text_of("region", more + "\"x\":0"), "999");
  std::string times;
  for (int i = 1; i <= 1000; ++i) times += "\"ts\":" + std::to_string(i) + ",";
  EXPECT_EQ(event_of(times + "\"x\":0").time.ms, 1000);
}

TEST(JsonLabels, ComeFromLabelsMetadataAndUnknownMembers) {
  EXPECT_EQ(text_of("region", R"("labels":{"region":"eu"})"), "eu");
  EXPECT_EQ(text_of("region", R"("metadata":{"region":"eu"})"), "eu");
  EXPECT_EQ(text_of("region", R"("region":"eu")"), "eu");
  EXPECT_EQ(text_of("region", R"("zone":"eu")"), "");
  EXPECT_EQ(text_of("", R"("labels":{"":"eu"})"), "eu");
}

TEST(JsonLabels, LabelsWinOverMetadataOverMembersInAnyOrder) {
  const std::string labels = R"("labels":{"region":"1"})";
  const std::string metadata = R"("metadata":{"region":"2"})";
  const std::string member = R"("region":"3")";
  const std::string* parts[] = {&labels, &metadata, &member};
  const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& order : orders) {
    EXPECT_EQ(text_of("region", *parts[order[0]] + "," + *parts[order[1]] + "," + *parts[order[2]]), "1");
  }
  EXPECT_EQ(text_of("region", member + "," + metadata), "2");
  EXPECT_EQ(text_of("region", metadata + "," + member), "2");
}

TEST(JsonLabels, NullIsAbsentAndDoesNotWin) {
  EXPECT_EQ(text_of("region", R"("labels":{"region":null},"metadata":{"region":"2"})"), "2");
  EXPECT_EQ(text_of("region", R"("labels":{"region":""},"metadata":{"region":"2"})"), "");
  EXPECT_EQ(text_of("region", R"("labels":null,"region":"3")"), "3");
  EXPECT_EQ(text_of("region", R"("region":null)"), "");
}

TEST(JsonLabels, ANumberIsTheTextAsWritten) {
  EXPECT_EQ(text_of("v", R"("v":1.10)"), "1.10");
  EXPECT_EQ(text_of("v", R"("v": -0e+5 )"), "-0e+5");
  EXPECT_EQ(text_of("v", R"("labels":{"v":123456789012345678901234567890})"), "123456789012345678901234567890");
  EXPECT_EQ(text_of("v", R"("labels":{"v":true})"), "true");
  EXPECT_EQ(text_of("v", R"("v":false)"), "false");
}

TEST(JsonLabels, UnknownArraysAndObjectsAreIgnored) {
  EXPECT_EQ(text_of("v", R"("v":[1,{"v":2}],"w":{"v":"x"})"), "");
  EXPECT_EQ(text_of("v", R"("v":"a","v":{"b":1})"), "");
  EXPECT_EQ(text_of("v", R"("v":{"b":1},"v":"a")"), "a");
}

TEST(JsonLabels, LabelsHoldScalarsOnly) {
  for (const char* source : {"labels", "metadata"}) {
    const std::string name(source);
    EXPECT_EQ(reason_with("\"" + name + "\":{\"a\":{}}"), "a label has the wrong type");
    EXPECT_EQ(reason_with("\"" + name + "\":{\"a\":[1]}"), "a label has the wrong type");
    for (const char* bad : {"[]", "1", "\"x\"", "true"}) EXPECT_EQ(reason_with("\"" + name + "\":" + bad), name + " has the wrong type");
    EXPECT_EQ(reason_with("\"" + name + "\":null"), "");
    EXPECT_EQ(reason_with("\"" + name + "\":{}"), "");
  }
}

TEST(JsonLabels, TheLastLabelsObjectReplacesThoseBefore) {
  EXPECT_EQ(text_of("region", R"("labels":{"region":"eu"},"labels":{"zone":"a"})"), "");
  EXPECT_EQ(text_of("region", R"("labels":{"region":"eu"},"labels":null)"), "");
  EXPECT_EQ(text_of("region", R"("labels":{"a":[]},"labels":{"region":"eu"})"), "eu");
  EXPECT_EQ(text_of("region", R"("labels":{"region":"eu","region":"us"})"), "us");
  EXPECT_EQ(text_of("region", R"("labels":{"region":"eu","region":null},"region":"m")"), "m");
}

TEST(JsonLabels, ALabelNeverFillsAField) {
  EXPECT_EQ(text_of("domain", R"("labels":{"domain":"evil"})"), "chat");
  EXPECT_EQ(text_of("operation", R"("labels":{"operation":"evil"},"metadata":{"operation":"evil"})"), "");
  EXPECT_EQ(text_of("weight", R"("labels":{"weight":"5"},"weight":3)"), "5");
  EXPECT_EQ(text_of("weight", R"("weight":3)"), "");
}

TEST(JsonLabels, NothingStaysFromOneEventToTheNext) {
  Harness harness({"region", "operation", "level"});
  const std::string both = "[" + event_with(R"("region":"eu","operation":"a","level":"INFO","labels":{"a":[]})") + "," + event_with("") +
                           "," + event_with(R"("region":"eu","operation":"a","level":"INFO","error_code":"x","latency_ms":1,"weight":3)") +
                           "," + event_with("") + "]";
  const EventBatch& batch = harness.decode(both);
  ASSERT_EQ(batch.events().size(), 3U);
  EXPECT_EQ(batch.dead_letters().size(), 1U);
  for (const size_t event : {size_t{0}, size_t{2}}) {
    for (const char* name : {"region", "operation", "level"}) EXPECT_EQ(harness.slot(event, name), "");
    EXPECT_TRUE(batch.events()[event].success);
    EXPECT_EQ(batch.events()[event].weight, 1U);
    EXPECT_EQ(batch.events()[event].latency_us, kNoLatency);
  }
  // A broken text leaves nothing behind either.
  EXPECT_EQ(harness.reason(R"({"region":"eu","operation":"a",})"), kBrokenJson);
  harness.decode(event_with(""));
  EXPECT_EQ(harness.slot(0, "region"), "");
  EXPECT_EQ(harness.slot(0, "operation"), "");
}

TEST(JsonMembers, PlainTextIsAViewIntoTheMessageWithAndWithoutPadding) {
  for (const size_t padding : {size_t{0}, size_t{1}, Decoder::kPadding}) {
    Harness harness({"domain", "region"}, Format::kAuto, padding);
    const EventBatch& batch = harness.decode("  " + event_with(R"("region": 1.10 )") + "\n");
    ASSERT_EQ(batch.events().size(), 1U);
    const auto is_inside = [&](std::string_view text) {
      return text.data() >= harness.message().data() && text.data() + text.size() <= harness.message().data() + harness.message().size();
    };
    EXPECT_EQ(harness.slot(0, "region"), "1.10");
    EXPECT_TRUE(is_inside(harness.slot(0, "region")));
    EXPECT_TRUE(is_inside(harness.slot(0, "domain")));
    EXPECT_TRUE(is_inside(batch.events().front().raw));
    EXPECT_EQ(batch.events().front().raw, event_with(R"("region": 1.10 )"));
  }
}

}  // namespace
}  // namespace tocsin::decode
