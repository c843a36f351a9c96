// Which texts are JSON, and whether they are one object, an array or lines.

#include <random>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/decode/json_decoder.h"
#include "engine/decode/json_scalar.h"
#include "engine/decode/reasons.h"
#include "tests/unit/decode/harness.h"

namespace tocsin::decode {
namespace {

std::string nested(int arrays) {
  return event_with("\"x\":" + std::string(static_cast<size_t>(arrays), '[') + std::string(static_cast<size_t>(arrays), ']'));
}

TEST(JsonSyntax, WhatIsNotJsonIsRefusedAlsoWhereNobodyLooks) {
  const char* values[] = {"",
                          "nul",
                          "nulll",
                          "True",
                          "tru",
                          "NaN",
                          "Infinity",
                          "-Infinity",
                          "01",
                          "-",
                          "1.",
                          ".5",
                          "+1",
                          "1e",
                          "0x1",
                          "1 2",
                          "\"a\"\"b\"",
                          "\"a\" b",
                          "\"a",
                          "a\"",
                          "'a'",
                          "[1,]",
                          "[,1]",
                          "[1 2]",
                          "[1",
                          "1]",
                          "{,}",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{1:2}",
                          "{\"a\" 1}",
                          "{\"a\":1 \"b\":2}",
                          "[}",
                          "{]",
                          "[1}",
                          "{\"a\":1]",
                          "\"\\x\"",
                          "\"\\u12g4\"",
                          "\"\\u12\"",
                          "\"a\nb\"",
                          "\"a\tb\"",
                          "\"a\":1",
                          "\"a\":\"b\":1",
                          "[\"a\":1]",
                          "{\"a\":\"b\":\"c\"}",
                          "{\"\\q\":1}",
                          "/**/1",
                          "1//",
                          "truefalse",
                          "1true",
                          "[1]2",
                          "{}{}",
                          "\x01",
                          "\x0C",
                          "\x1A",
                          "nullnull",
                          "\xFF",
                          "\"\xC3\"",
                          "\"\xED\xA0\x80\"",
                          "[[1,2],[3,4]",
                          "[\"\\\"]",
                          "1,",
                          ",",
                          ":",
                          "::1",
                          "[1::2]",
                          "{\"a\"::1}",
                          "{\"a\":,}"};
  for (const char* value : values) {
    for (const char* place : {"x", "domain", "labels", "latency_ms"}) {
      const std::string object = event_with("\"" + std::string(place) + "\":" + value);
      for (const char fill : {'\0', '}', ']', ',', '"', '{', ' '}) {
        Harness harness({"x"}, Format::kJson, Decoder::kPadding, fill);
        EXPECT_EQ(harness.reason(object), kBrokenJson) << object;
        EXPECT_EQ(harness.reason("[" + object + "]"), kBrokenJson) << object;
        EXPECT_TRUE(harness.decode("[" + event_with("") + "," + object + "]").events().empty()) << object;
        EXPECT_EQ(harness.reason("[" + event_with(R"("x":{"y":[0,)" + std::string(value) + "]}") + "]"), kBrokenJson) << value;
        EXPECT_EQ(harness.reason("[" + event_with(R"("x":{"y":{"z":)" + std::string(value) + "}}") + "]"), kBrokenJson) << value;
      }
    }
  }
}

TEST(JsonSyntax, ValuesThatNobodyLooksAtMayBeAnyJson) {
  for (const char* value :
       {"null", "true", "-0", "1e400", "1.5E-7", "\"\"", "\"\\ud800\"", "[]", "{}", "[[],{}]", "{\"a\":{\"a\":[null,true,\"x\"]}}",
        "[1 , 2]", " [ ] ", "\"{[,:]}\"", "\"\\\\\"", "\"\\\"\"", "{\"\":0}", "\"\x7F\""}) {
    EXPECT_EQ(Harness().reason(event_with("\"x\":" + std::string(value))), "") << value;
  }
}

TEST(JsonSyntax, TextsThatAreCutOffOrGoOnAreRefused) {
  const std::string whole = "[" + event_with(R"("labels":{"a":"b"},"x":[1,{"y":"z"}])") + "," + event_with("") + "]";
  ASSERT_EQ(Harness().decode(whole).events().size(), 2U);
  for (const char fill : {'\0', '}', ']', ',', ':', '"', '{', '['}) {
    Harness harness({}, Format::kJson, Decoder::kPadding, fill);
    for (size_t length = 1; length < whole.size(); ++length) {
      const EventBatch& batch = harness.decode(whole.substr(0, length));
      EXPECT_TRUE(batch.events().empty()) << length;
      EXPECT_EQ(batch.dead_letters().size(), 1U) << length;
    }
    for (const char* more : {"]", "}", ",", "1", "[]", "{}", "\"", "x", ":"}) {
      EXPECT_EQ(harness.reason(whole + more), kBrokenJson) << more;
      EXPECT_EQ(harness.reason(event_with("") + more), kBrokenJson) << more;
    }
  }
}

TEST(JsonSyntax, NestingIsBounded) {
  EXPECT_EQ(Harness().reason(nested(kJsonDepthMax - 1)), "");
  EXPECT_EQ(Harness().reason(nested(kJsonDepthMax)), kJsonTooDeep);
  EXPECT_EQ(Harness().reason(nested(200000)), kJsonTooDeep);
  EXPECT_EQ(Harness({}, Format::kJson).reason(std::string(200000, '[')), kBrokenJson);
}

TEST(JsonMessage, OneObjectIsOneEvent) {
  Harness harness;
  const EventBatch& batch = harness.decode(" " + event_with("") + " \n");
  ASSERT_EQ(batch.events().size(), 1U);
  EXPECT_EQ(batch.events().front().index, 0U);
  EXPECT_EQ(batch.events().front().raw, event_with(""));
}

TEST(JsonMessage, ADeadLetterOfOneObjectHoldsTheMessage) {
  Harness harness;
  const EventBatch& batch = harness.decode(" {\"ts\":1}\n");
  ASSERT_EQ(batch.dead_letters().size(), 1U);
  EXPECT_EQ(batch.dead_letters().front().raw, " {\"ts\":1}\n");
}

TEST(JsonMessage, AnArraysElementsAreCountedWithTheBadOnes) {
  Harness harness;
  const EventBatch& batch =
      harness.decode("[ {\"ts\":1} , " + event_with("") + " ,7, \"x\" ,[ 1, 2 ] ,null," + event_with("\"x\":{}") + " ] ");
  ASSERT_EQ(batch.events().size(), 2U);
  EXPECT_EQ(batch.events()[0].index, 1U);
  EXPECT_EQ(batch.events()[0].raw, event_with(""));
  EXPECT_EQ(batch.events()[1].index, 6U);
  EXPECT_EQ(batch.events()[1].raw, event_with("\"x\":{}"));
  const std::string expected[] = {"{\"ts\":1}", "7", "\"x\"", "[ 1, 2 ]", "null"};
  const uint32_t indexes[] = {0, 2, 3, 4, 5};
  ASSERT_EQ(batch.dead_letters().size(), 5U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(batch.dead_letters()[i].raw, expected[i]);
    EXPECT_EQ(batch.dead_letters()[i].index, indexes[i]);
    EXPECT_EQ(batch.dead_letters()[i].reason, i == 0 ? kDomainLength : kNotAnObject);
  }
}

TEST(JsonMessage, AnEmptyArrayHasNoEvents) {
  for (const char* text : {"[]", " [ ] ", "\n[\n]\n"}) {
    Harness harness;
    EXPECT_TRUE(harness.decode(text).events().empty());
    EXPECT_TRUE(harness.decode(text).dead_letters().empty()) << text;
  }
}

TEST(JsonMessage, NeitherObjectNorArrayIsADeadLetter) {
  for (const char* text : {"7", "\"x\"", "null", "garbage"}) EXPECT_EQ(Harness({}, Format::kJson).reason(text), kNotAnObject) << text;
}

TEST(JsonMessage, AByteOrderMarkIsPassedOver) { EXPECT_EQ(Harness().reason("\xEF\xBB\xBF" + event_with("")), ""); }

TEST(JsonMessage, MayGoOverSeveralLines) {
  EXPECT_EQ(Harness().decode("{\n  \"ts\": 1,\n  \"domain\":\n\"chat\",\n \"labels\":\n{\n}\n}\n").events().size(), 1U);
  EXPECT_EQ(Harness().decode("[\n" + event_with("") + ",\n" + event_with("") + "\n]\n").events().size(), 2U);
  EXPECT_EQ(Harness().decode("{\"x\":{}\n,\"ts\":1,\"domain\":\"chat\"}").events().size(), 1U);
  EXPECT_EQ(Harness().decode("{\"x\":\n{}\n,\"ts\":1,\"domain\":\"chat\"}", "application/x-ndjson").events().size(), 1U);
}

TEST(JsonMessage, ASyntaxErrorInATextOverSeveralLinesCostsTheMessage) {
  for (const char* text : {"{\n  \"ts\": 1,\n  \"domain\": chat\n}", "[\n{\"ts\":1,\"domain\":\"chat\"},\n{\"ts\":1,\"domain\":\"chat\"}\n",
                           "[\n{\"ts\":1,\"domain\":\"chat\"}\n{\"ts\":1,\"domain\":\"chat\"}\n]"}) {
    Harness harness;
    const EventBatch& batch = harness.decode(text);
    EXPECT_TRUE(batch.events().empty());
    ASSERT_EQ(batch.dead_letters().size(), 1U);
    EXPECT_EQ(batch.dead_letters().front().reason, kBrokenJson);
    EXPECT_EQ(batch.dead_letters().front().raw, text);
  }
}

TEST(JsonLines, EveryLineIsAnEventOfItsOwn) {
  Harness harness;
  const EventBatch& batch = harness.decode("\n" + event_with("") + "\r\n\n  \n" + event_with("\"x\":1") + " \n" + event_with(""));
  ASSERT_EQ(batch.events().size(), 3U);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(batch.events()[i].index, i);
  EXPECT_EQ(batch.events()[1].raw, event_with("\"x\":1"));
  EXPECT_TRUE(batch.dead_letters().empty());
}

TEST(JsonLines, ABrokenLineCostsOnlyItself) {
  const std::string good = event_with("");
  const std::string lines[] = {"{not json", good, "{\"open", good, "[" + good + "]", "7", "{\"ts\":1}", good, "{\"timestamp_ms\": "};
  std::string message;
  for (const std::string& line : lines) message += line + "\n";
  for (const size_t padding : {size_t{0}, Decoder::kPadding}) {
    Harness harness({}, Format::kAuto, padding);
    const EventBatch& batch = harness.decode(message);
    ASSERT_EQ(batch.events().size(), 3U);
    EXPECT_EQ(batch.events()[0].index, 1U);
    EXPECT_EQ(batch.events()[1].index, 3U);
    EXPECT_EQ(batch.events()[2].index, 7U);
    ASSERT_EQ(batch.dead_letters().size(), 6U);
    const uint32_t indexes[] = {0, 2, 4, 5, 6, 8};
    const std::string_view reasons[] = {kBrokenJson, kBrokenJson, kNotAnObject, kNotAnObject, kDomainLength, kBrokenJson};
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(batch.dead_letters()[i].index, indexes[i]);
      EXPECT_EQ(batch.dead_letters()[i].reason, reasons[i]);
      EXPECT_EQ(batch.dead_letters()[i].raw, trim_json_space_right(lines[indexes[i]]));
    }
  }
}

TEST(JsonLines, AGoodFirstLineIsEnoughToBeLines) {
  Harness harness;
  EXPECT_EQ(harness.decode(event_with("") + "\ngarbage\n" + event_with("")).events().size(), 2U);
  EXPECT_EQ(harness.decode(event_with("") + "\ngarbage").dead_letters().size(), 1U);
}

TEST(JsonLines, TheContentTypeIsEnoughToBeLines) {
  Harness harness;
  const std::string message = "garbage\nmore\n" + event_with("");
  EXPECT_EQ(harness.decode(message, "application/x-ndjson").events().size(), 1U);
  EXPECT_EQ(harness.decode(message, "application/x-ndjson").dead_letters().size(), 2U);
  EXPECT_EQ(harness.decode(message, "application/json").dead_letters().size(), 1U);
  EXPECT_TRUE(harness.decode(message, "application/json").events().empty());
}

// Whether the text has what the other parser refuses although it is JSON: perhaps a lone surrogate, or a number beyond a double.
bool is_beyond_the_other(const std::string& text) {
  for (size_t at = text.find("\\u"); at != std::string::npos; at = text.find("\\u", at + 1)) {
    if (text.compare(at, 6, "\\u0041") != 0) return true;
  }
  for (size_t at = text.find_first_of("eE"); at != std::string::npos; at = text.find_first_of("eE", at + 1)) {
    const size_t digits = text.find_first_not_of("+-", at + 1);
    if (digits != std::string::npos && text.find_first_not_of("0123456789", digits) >= digits + 3) return true;
  }
  return false;
}

TEST(JsonSyntax, AgreesWithAnotherParserOnMutatedTexts) {
  std::mt19937 random(7);
  const std::string seed = "[" + event_with(R"("labels":{"a":"b\n","c":1.5},"x":[1,{"y":"z"},[],null,true])") + "," +
                           event_with(R"("metadata":{},"latency_ms":-1.25e2,"q":"\u0041\\")") + "]";
  const std::string_view alphabet = "{}[]:,\"\\ \n0123456789.eE+-truefalsn\x01x/u";
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = seed;
    for (size_t edits = 1 + random() % 2; edits > 0; --edits) {
      const size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 4) {
        case 0: text[at] = c; break;
        case 1: text.insert(at, 1, c); break;
        case 2: text.erase(at, 1 + random() % 3); break;
        default: std::swap(text[at], text[random() % text.size()]);
      }
    }
    if (is_beyond_the_other(text)) continue;
    Harness harness({"a"}, Format::kJson, Decoder::kPadding, "}],\"\0"[random() % 5]);
    const EventBatch& batch = harness.decode(text);
    const bool refused =
        batch.events().empty() && batch.dead_letters().size() == 1 && batch.dead_letters().front().raw.size() == text.size();
    const bool whole = nlohmann::json::accept(text) && (nlohmann::json::parse(text).is_array() || nlohmann::json::parse(text).is_object());
    accepted += whole ? 1 : 0;
    if (text.find('[') == 0) {
      ASSERT_EQ(!refused, whole) << text;
    }
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace tocsin::decode
