#include "engine/config/bytes.h"

#include <gtest/gtest.h>

namespace tocsin::config {
namespace {

TEST(Bytes, UnitsWithAnIArePowersOf1024AndOthersOf1000) {
  EXPECT_EQ(parse_bytes("2GiB"), 2'147'483'648);
  EXPECT_EQ(parse_bytes("512MiB"), 536'870'912);
  EXPECT_EQ(parse_bytes("512 MiB"), 536'870'912);
  EXPECT_EQ(parse_bytes("100MB"), 100'000'000);
  EXPECT_EQ(parse_bytes("3kB"), 3'000);
  EXPECT_EQ(parse_bytes("3KiB"), 3'072);
  EXPECT_EQ(parse_bytes("4096"), 4'096);
  EXPECT_EQ(parse_bytes("4096B"), 4'096);
}

TEST(Bytes, FractionsMustMakeWholeBytes) {
  EXPECT_EQ(parse_bytes("1.5GiB"), 1'610'612'736);
  EXPECT_EQ(parse_bytes("0.1kB"), 100);
  EXPECT_EQ(parse_bytes("1.5B"), std::nullopt);
}

TEST(Bytes, WhatIsNoSizeIsRefused) {
  for (const char* bad :
       {"", "GiB", "2Gi", "2gib", "-1", "1.", ".5MB", "1 000", "2GiBs", "9223372036854775808", "99999999999TiB", "1  MiB"}) {
    EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_bytes("9223372036854775807"), INT64_MAX);
}

}  // namespace
}  // namespace tocsin::config
