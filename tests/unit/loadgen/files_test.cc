#include "engine/loadgen/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/unit/temporary_directory.h"

namespace tocsin::loadgen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LoadFilesTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.file(name); }
  static std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  const TemporaryDirectory directory_;
};

TEST_F(LoadFilesTest, OnePartitionIsTheFileAsNamed) {
  LoadFiles files = LoadFiles::create(path("out.jsonl"), 1, Format::kJson).value();
  ASSERT_TRUE(files.write(0, "{}").ok());
  ASSERT_TRUE(files.finish().ok());
  EXPECT_EQ(content(path("out.jsonl")), "{}\n");
}

TEST_F(LoadFilesTest, SeveralPartitionsAreNumberedFiles) {
  LoadFiles files = LoadFiles::create(path("out.jsonl"), 2, Format::kJson).value();
  EXPECT_THAT(files.paths(), ElementsAre(path("out-0.jsonl"), path("out-1.jsonl")));
  ASSERT_TRUE(files.write(1, "b").ok());
  ASSERT_TRUE(files.write(0, "a").ok());
  ASSERT_TRUE(files.write(1, "c").ok());
  ASSERT_TRUE(files.finish().ok());
  EXPECT_EQ(content(path("out-0.jsonl")), "a\n");
  EXPECT_EQ(content(path("out-1.jsonl")), "b\nc\n");
}

TEST_F(LoadFilesTest, ProtobufBatchesStandBehindTheirLength) {
  LoadFiles files = LoadFiles::create(path("out.pb"), 1, Format::kProtobuf).value();
  const std::string message(300, 'x');
  ASSERT_TRUE(files.write(0, message).ok());
  ASSERT_TRUE(files.write(0, "yz").ok());
  ASSERT_TRUE(files.finish().ok());
  EXPECT_EQ(content(path("out.pb")), std::string("\xac\x02") + message + std::string("\x02yz"));
}

TEST_F(LoadFilesTest, AFileThatCannotBeMadeIsNamed) {
  const Result<LoadFiles> files = LoadFiles::create(path("none/out.jsonl"), 1, Format::kJson);
  EXPECT_THAT(files.status().message(), HasSubstr("none/out.jsonl: No such file"));
}

TEST_F(LoadFilesTest, AFullDiskIsAnError) {
  LoadFiles files = LoadFiles::create("/dev/full", 1, Format::kJson).value();
  Status status = files.write(0, "{}");
  if (status.ok()) status = files.finish();
  EXPECT_THAT(status.message(), HasSubstr("/dev/full: No space left"));
}

}  // namespace
}  // namespace tocsin::loadgen
