#include "engine/decode/payload.h"

#include <string>

#include <gtest/gtest.h>

#include "engine/decode/reasons.h"
#include "tests/unit/decode/harness.h"
#include "tocsin/v1/telemetry.pb.h"

namespace tocsin::decode {
namespace {

using namespace std::string_literals;

Format chosen(std::string_view message, std::string_view content_type = {}) {
  return find_payload(message, content_type, Format::kAuto).format;
}

std::string batch_of_one(const std::string& event) {
  v1::TelemetryBatch batch;
  EXPECT_TRUE(batch.add_events()->ParseFromString(event));
  return batch.SerializeAsString();
}

TEST(ContentType, NamesTheEncodingWhateverTheBytes) {
  for (const char* type : {"application/json", "Application/JSON; charset=utf-8", " application/x-ndjson ", "application/ndjson",
                           "application/jsonl", "text/json", "application/vnd.acme.event+json"}) {
    EXPECT_EQ(chosen("\x0A\x02\x08\x01", type), Format::kJson) << type;
  }
  for (const char* type : {"application/x-protobuf", "APPLICATION/PROTOBUF;messageType=tocsin.v1.TelemetryBatch",
                           "application/vnd.google.protobuf", "application/x-google-protobuf"}) {
    EXPECT_EQ(chosen("{}", type), Format::kProtobuf) << type;
  }
}

TEST(ContentType, AnUnknownOneSaysNothing) {
  EXPECT_EQ(chosen("{}", "application/octet-stream"), Format::kJson);
  EXPECT_EQ(chosen("\x0A\x02\x08\x01", "text/plain"), Format::kProtobuf);
  EXPECT_EQ(chosen("{}", ";"), Format::kJson);
}

TEST(ContentType, OnlyNewlineDelimitedJsonSaysLines) {
  EXPECT_TRUE(find_payload("{}", "application/x-ndjson", Format::kAuto).lines);
  EXPECT_TRUE(find_payload("{}", "application/jsonl", Format::kJson).lines);
  EXPECT_FALSE(find_payload("{}", "application/json", Format::kAuto).lines);
}

TEST(ContentType, AConfiguredFormatWins) {
  EXPECT_EQ(find_payload("{}", "application/json", Format::kProtobuf).format, Format::kProtobuf);
  EXPECT_EQ(find_payload("\x0A", "application/protobuf", Format::kJson).format, Format::kJson);
}

TEST(Sniffing, BracketsBehindSpacesAreJson) {
  for (const std::string_view text : {"{}", "[]", "  {", "\r\n[", "\t\n{", " \n{\"a\":1}", "\xEF\xBB\xBF{}", "{not json"}) {
    EXPECT_EQ(chosen(text), Format::kJson) << text;
  }
}

TEST(Sniffing, ANewlineBeforeJsonIsNoProtobufTag) {
  for (const std::string_view text : {"\n{}", "\n{\"ts\":1}", "\n{ \"ts\":1}", "\n{\n\"ts\":1}", "\n[]", "\n[{}]", "\n[\n  {\"a\":1}]",
                                      "\n\n{}", "\n\n\n[{}]", "\n {\"a\"", "\n\r\n{}", "\n{ }"}) {
    EXPECT_EQ(chosen(text), Format::kJson) << text;
  }
}

TEST(Sniffing, AJsonTextThatIsAlsoWellFramedAsABatchIsJson) {
  // The '{' as a length: 123 bytes follow it.
  std::string text = "\n{\"domain\":\"" + std::string(111, 'd') + "\"}";
  ASSERT_EQ(text.size(), 2U + '{');
  EXPECT_EQ(chosen(text), Format::kJson);
}

TEST(Sniffing, AnEventOfAnyLengthThatBeginsWithAnyFieldIsProtobuf) {
  // First fields of all kinds, each padded with an actor id to every length up to 300: among them 10, 32, 91 ('[') and 123 ('{').
  const std::string firsts[] = {"\x08\x01"s,
                                "\x12\x01{"s,
                                "\x1A\x01\""s,
                                "\x20\x01"s,
                                "\x20\x00"s,
                                "\x29\0\0\0\0\0\0\0\0"s,
                                "\x32\x01x"s,
                                "\x38\x04"s,
                                "\x42\x01x"s,
                                "\x4A\x01x"s,
                                "\x52\x01x"s,
                                "\x5A\x01x"s,
                                "\x62\x01x"s,
                                "\x6A\x01x"s,
                                "\x72\x01x"s,
                                "\x7A\x02\x0A\x00"s,
                                "\x80\x01\x0A"s,
                                "\x8A\x01\x01x"s,
                                "\x91\x01\0\0\0\0\0\0\0\0"s,
                                "\x98\x01\x01"s};
  for (const std::string& first : firsts) {
    for (size_t id = 0; id < 300; ++id) {
      v1::TelemetryEvent rest;
      rest.set_actor_id(std::string(id, '"'));
      const std::string event = first + rest.SerializeAsString();
      const std::string message =
          "\x0A" +
          (event.size() < 128 ? std::string(1, static_cast<char>(event.size()))
                              : std::string{static_cast<char>(event.size() % 128 + 128), static_cast<char>(event.size() / 128)}) +
          event;
      ASSERT_EQ(chosen(message), Format::kProtobuf) << "first tag " << int{first[0]} << ", " << event.size() << " bytes";
    }
  }
}

TEST(Sniffing, AnEmptyEventIsProtobuf) { EXPECT_EQ(chosen("\x0A\x00"s), Format::kProtobuf); }

TEST(Sniffing, AMessageOfSpacesIsEmpty) {
  for (const std::string_view text : {"", " ", "\n", "\n\n", " \r\n\t "}) {
    EXPECT_EQ(find_payload(text, "", Format::kAuto).reason, kEmptyMessage);
  }
}

TEST(Framing, JsonBehindASchemaId) {
  const std::string message = "\0\0\0\1\2{\"a\":1}"s;
  const Payload payload = find_payload(message, "", Format::kAuto);
  EXPECT_EQ(payload.format, Format::kJson);
  EXPECT_EQ(payload.bytes, "{\"a\":1}");
  EXPECT_EQ(find_payload("\0\0\0\1\2 \n[]"s, "", Format::kAuto).format, Format::kJson);
  EXPECT_EQ(find_payload("\0\0\0\1\2[]"s, "application/json", Format::kAuto).bytes, "[]");
  EXPECT_EQ(find_payload("\0\0\0\1\2[]"s, "", Format::kJson).bytes, "[]");
}

TEST(Framing, ProtobufBehindASchemaIdAndMessageIndexes) {
  const std::string batch = batch_of_one("\x08\x01"s);
  const std::string header = "\0\0\0\1\2"s;
  for (const std::string& indexes : {"\0"s, "\x02\x00"s, "\x02\x02"s, "\x04\x02\x80\x01"s, "\x06\x00\x00\x00"s}) {
    for (const Format format : {Format::kAuto, Format::kProtobuf}) {
      const std::string message = std::string(header).append(indexes).append(batch);
      const Payload payload = find_payload(message, "", format);
      EXPECT_EQ(payload.reason, "");
      EXPECT_EQ(payload.format, Format::kProtobuf);
      EXPECT_EQ(payload.bytes, batch);
    }
  }
}

TEST(Framing, WhatIsCutOffOrNegativeIsBroken) {
  for (const std::string& bad : {"\0"s, "\0\0\0\1"s, "\0\0\0\1\2"s, "\0\0\0\1\2\x02"s, "\0\0\0\1\2\x01\x01"s, "\0\0\0\1\2\x80"s,
                                 "\0\0\0\1\2\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x00"s}) {
    EXPECT_EQ(find_payload(bad, "", Format::kAuto).reason, kBrokenFraming) << bad.size();
  }
}

TEST(Decoder, ADeadLetterOfAFramedMessageHoldsTheFrameToo) {
  Harness harness;
  EXPECT_EQ(harness.reason("\0\0\0\1\2{bad"s), kBrokenJson);
  EXPECT_EQ(harness.decode("\0\0\0\1\2{bad"s).dead_letters().front().raw, "\0\0\0\1\2{bad"s);
}

TEST(Decoder, AnEmptyProtobufMessageIsABatchWithoutEvents) {
  Harness harness({}, Format::kProtobuf);
  EXPECT_TRUE(harness.decode("").events().empty());
  EXPECT_TRUE(harness.decode("").dead_letters().empty());
}

TEST(Decoder, AnEmptyJsonMessageIsADeadLetter) {
  Harness harness({}, Format::kJson);
  for (const std::string_view text : {"", "  ", "\n", "\xEF\xBB\xBF"}) EXPECT_EQ(harness.reason(text), kEmptyMessage);
}

TEST(Decoder, AppendsToWhatTheBatchHolds) {
  FieldPlan plan;
  plan.add("domain");
  Decoder decoder(plan, Format::kAuto);
  EventBatch batch(plan.size());
  const std::string first = event_with("");
  const std::string broken = "[" + event_with("") + ",";
  const std::string second = event_with(R"("domain":"wallet")");
  decoder.decode(first, "", 0, batch);
  decoder.decode(broken, "", 0, batch);
  decoder.decode(second, "", 0, batch);
  ASSERT_EQ(batch.events().size(), 2U);
  EXPECT_EQ(batch.slot(0, 0), "chat");
  EXPECT_EQ(batch.slot(1, 0), "wallet");
  EXPECT_EQ(batch.dead_letters().size(), 1U);
}

}  // namespace
}  // namespace tocsin::decode
