#include "state/key_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

namespace tocsin::state {
namespace {

template <typename T>
std::vector<T> edges_and_random() {
  std::vector<T> values{std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), 0, 1, static_cast<T>(-1), 255, 256, 65536};
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) values.push_back(static_cast<T>(random() >> (random() % (8 * sizeof(T)))));
  return values;
}

std::vector<std::string> awkward_strings() {
  std::vector<std::string> values{"",
                                  std::string(1, '\0'),
                                  std::string(2, '\0'),
                                  "a",
                                  std::string("a\0", 2),
                                  std::string("a\0b", 3),
                                  "a\x01",
                                  "ab",
                                  "\xff",
                                  "\xff\xff",
                                  std::string("\0\xff", 2),
                                  std::string("\0\x01", 2),
                                  "b"};
  std::mt19937_64 random(2);
  for (int i = 0; i < 300; ++i) {
    std::string value;
    for (uint64_t size = random() % 6; size > 0; --size) value += "\x00\x01\xff\x61"[random() % 4];
    values.push_back(value);
  }
  return values;
}

TEST(KeyCodec, TheBytesOfEachFieldArePinned) {
  const std::string text("a\0b", 3);
  const std::string key = KeyWriter().u8(7).u32(0x01020304).u64(0x1122334455667788).i64(-1).i64(1).bytes(text).raw("zz").take();
  const std::string expected(
      "\x07"
      "\x01\x02\x03\x04"
      "\x11\x22\x33\x44\x55\x66\x77\x88"
      "\x7f\xff\xff\xff\xff\xff\xff\xff"
      "\x80\x00\x00\x00\x00\x00\x00\x01"
      "a\x00\xff"
      "b\x00\x01"
      "zz",
      1 + 4 + 8 + 8 + 8 + 6 + 2);
  EXPECT_EQ(key, expected);
}

TEST(KeyCodec, SignedNumbersSortAsNumbers) {
  for (const int64_t a : edges_and_random<int64_t>()) {
    const std::string key = KeyWriter().i64(a).take();
    for (const int64_t b : edges_and_random<int64_t>()) ASSERT_EQ(key < KeyWriter().i64(b).key(), a < b) << a << " " << b;
  }
}

TEST(KeyCodec, UnsignedNumbersSortAsNumbers) {
  for (const uint64_t a : edges_and_random<uint64_t>()) {
    const std::string key = KeyWriter().u64(a).take();
    for (const uint64_t b : edges_and_random<uint64_t>()) ASSERT_EQ(key < KeyWriter().u64(b).key(), a < b) << a << " " << b;
  }
}

TEST(KeyCodec, TuplesOfByteStringsSortFieldByField) {
  const auto values = awkward_strings();
  std::mt19937_64 random(3);
  for (int i = 0; i < 50'000; ++i) {
    const auto pick = [&] { return values[random() % values.size()]; };
    const std::pair a(pick(), pick());
    const std::pair b(pick(), pick());
    const auto encode = [](const auto& pair) { return KeyWriter().bytes(pair.first).bytes(pair.second).take(); };
    ASSERT_EQ(encode(a) < encode(b), a < b);
    ASSERT_EQ(encode(a) == encode(b), a == b);
  }
}

TEST(KeyCodec, ReadingGivesBackWhatWasWritten) {
  for (const std::string& text : awkward_strings()) {
    const std::string key = KeyWriter().u8(9).u32(4'000'000'000).i64(-42).bytes(text).u64(77).raw("hash").bytes(text).take();
    KeyReader reader(key);
    EXPECT_EQ(reader.u8(), 9);
    EXPECT_EQ(reader.u32(), 4'000'000'000);
    EXPECT_EQ(reader.i64(), -42);
    EXPECT_EQ(reader.bytes(), text);
    EXPECT_EQ(reader.u64(), 77u);
    EXPECT_FALSE(reader.complete());
    EXPECT_EQ(reader.raw(4), "hash");
    EXPECT_EQ(reader.bytes(), text);
    EXPECT_TRUE(reader.complete());
  }
}

TEST(KeyCodec, EveryTruncatedKeyIsRefused) {
  const std::string key = KeyWriter().u32(1).bytes(std::string("a\0b", 3)).i64(5).take();
  for (size_t size = 0; size < key.size(); ++size) {
    const std::string cut = key.substr(0, size);  // an allocation of its own, so that a sanitizer sees a read beyond it
    KeyReader reader(cut);
    reader.u32();
    reader.bytes();
    EXPECT_EQ(reader.i64(), 0);
    EXPECT_FALSE(reader.ok()) << size;
  }
}

TEST(KeyCodec, AFailureStays) {
  KeyReader reader("\x01");
  reader.u32();
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(KeyCodec, AnEscapeThatIsNeverWrittenIsRefused) {
  KeyReader reader(
      std::string_view("a\x00\x02"
                       "b\x00\x01",
                       6));
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(KeyCodec, PrefixEndIsTheFirstKeyBehindThePrefix) {
  EXPECT_EQ(prefix_end("ab"), "ac");
  EXPECT_EQ(prefix_end("a\xff\xff"), "b");
  EXPECT_EQ(prefix_end(""), "");
  EXPECT_EQ(prefix_end("\xff\xff"), "");
  EXPECT_LT(std::string("a\xff\xff\xff"), prefix_end("a\xff"));
}

}  // namespace
}  // namespace tocsin::state
