#include "engine/runtime/alert_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace tocsin {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Every field that is not set yet, whatever is added to the messages in time.
void fill(Message& message) {
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->is_map()) continue;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        reflection.SetString(&message, field, field->name() + " \"a\\b\n\x01/\u00fc\u2028\U0001f514");
        break;
      case FieldDescriptor::CPPTYPE_UINT64: reflection.SetUInt64(&message, field, 18446744073709551615U - static_cast<uint64_t>(i)); break;
      case FieldDescriptor::CPPTYPE_INT64: reflection.SetInt64(&message, field, -9007199254740993 - i); break;
      case FieldDescriptor::CPPTYPE_DOUBLE: reflection.SetDouble(&message, field, 0.1 + i); break;
      case FieldDescriptor::CPPTYPE_MESSAGE: fill(*reflection.MutableMessage(&message, field)); break;
      default: FAIL() << field->full_name() << " is of a type that this test does not know";
    }
  }
}

std::string by_protobuf(const v1::AlertEvent& alert) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(alert, &json).ok());
  return json;
}

nlohmann::ordered_json parsed(const std::string& json) { return nlohmann::ordered_json::parse(json); }

v1::AlertEvent with_value(double value) {
  v1::AlertEvent alert;
  alert.set_value(value);
  alert.mutable_evidence()->set_p99(value);
  return alert;
}

TEST(AlertJson, IsThatOfProtobufForEveryField) {
  v1::AlertEvent alert;
  fill(alert);
  (*alert.mutable_labels())["domain \"x\""] = "pay\u00e9\\";
  (*alert.mutable_annotations())["summary"] = "a\tb";
  EXPECT_EQ(parsed(alert_to_json(alert)), parsed(by_protobuf(alert)));
}

TEST(AlertJson, LeavesOutWhatProtobufLeavesOut) {
  EXPECT_EQ(alert_to_json(v1::AlertEvent()), by_protobuf(v1::AlertEvent()));
  EXPECT_EQ(alert_to_json(with_value(0)), by_protobuf(with_value(0)));
}

TEST(AlertJson, WritesNumbersAsProtobufDoes) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double value : {0.0, -0.0, 1.0, -1.0, 800.0, 0.05, 1.0 / 3, 1e15, 9007199254740993.0, 1e300, 5e-324, -2.5e-7, kInfinity,
                             -kInfinity, std::nan("")}) {
    EXPECT_EQ(parsed(alert_to_json(with_value(value))), parsed(by_protobuf(with_value(value)))) << value;
  }
  EXPECT_EQ(alert_to_json(with_value(800)), R"({"value":800,"evidence":{"p99":800}})");
}

TEST(AlertJson, NamesOfMapsAreInOrder) {
  v1::AlertEvent alert;
  for (const char* name : {"region", "domain", "team", "a", "zone"}) (*alert.mutable_labels())[name] = "x";
  EXPECT_EQ(alert_to_json(alert), R"({"labels":{"a":"x","domain":"x","region":"x","team":"x","zone":"x"}})");
}

}  // namespace
}  // namespace tocsin
