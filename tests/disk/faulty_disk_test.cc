// The disk itself does what its header says.

#include "tests/disk/faulty_disk.h"

#include <gtest/gtest.h>

#include <bit>

namespace tocsin::disk {
namespace {

using rocksdb::FileOptions;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class Disk : public testing::Test {
 protected:
  std::unique_ptr<rocksdb::FSWritableFile> make(const std::string& name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    EXPECT_TRUE(disk.NewWritableFile(name, FileOptions(), &file, nullptr).ok());
    return file;
  }
  void append(rocksdb::FSWritableFile& file, const std::string& text) {
    EXPECT_TRUE(file.Append(text, IOOptions(), static_cast<rocksdb::IODebugContext*>(nullptr)).ok());
  }
  std::string read(const std::string& name) {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    if (!disk.NewSequentialFile(name, FileOptions(), &file, nullptr).ok()) return "(gone)";
    std::string scratch(1'000, '\0');
    rocksdb::Slice result;
    EXPECT_TRUE(file->Read(scratch.size(), IOOptions(), &result, scratch.data(), nullptr).ok());
    return result.ToString();
  }
  void crash() {
    disk.pull_plug();
    disk.power_on();
  }

  FaultyDisk disk{1};
};

TEST_F(Disk, WhatWasSyncedStays) {
  const auto file = make("/d/a");
  append(*file, "synced");
  ASSERT_TRUE(file->Sync(IOOptions(), nullptr).ok());
  ASSERT_TRUE(disk.sync_names().ok());
  append(*file, "more");
  EXPECT_EQ(read("/d/a"), "syncedmore");
  crash();
  EXPECT_EQ(read("/d/a").substr(0, 6), "synced");
}

TEST_F(Disk, AFileWhoseDirectoryWasNotSyncedMayBeGone) {
  int gone = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "/d/" + std::to_string(i);
    const auto file = make(name);
    append(*file, "x");
    ASSERT_TRUE(file->Sync(IOOptions(), nullptr).ok());
    crash();
    gone += read(name) == "(gone)" ? 1 : 0;
  }
  EXPECT_GT(gone, 0);
  EXPECT_LT(gone, 40);
}

TEST_F(Disk, ARenameIsWholeOrNotAtAll) {
  for (int i = 0; i < 40; ++i) {
    append(*make("/d/old"), "old");
    append(*make("/d/new"), "new");
    ASSERT_TRUE(disk.sync_names().ok());
    ASSERT_TRUE(disk.RenameFile("/d/new", "/d/old", IOOptions(), nullptr).ok());
    crash();
    EXPECT_TRUE(disk.FileExists("/d/old", IOOptions(), nullptr).ok());
  }
}

TEST_F(Disk, ThatRotsTurnsOneBitOfAFile) {
  FaultyDisk rotten(7, {.rotten_files = 100});
  std::unique_ptr<rocksdb::FSWritableFile> file;
  ASSERT_TRUE(rotten.NewWritableFile("/d/a", FileOptions(), &file, nullptr).ok());
  const std::string written(100, 'a');
  append(*file, written);
  ASSERT_TRUE(file->Sync(IOOptions(), nullptr).ok());
  ASSERT_TRUE(rotten.sync_names().ok());
  rotten.pull_plug();
  rotten.power_on();
  std::unique_ptr<rocksdb::FSRandomAccessFile> now;
  ASSERT_TRUE(rotten.NewRandomAccessFile("/d/a", FileOptions(), &now, nullptr).ok());
  std::string scratch(100, '\0');
  rocksdb::Slice read;
  ASSERT_TRUE(now->Read(0, scratch.size(), IOOptions(), &read, scratch.data(), nullptr).ok());
  int bits = 0;
  for (size_t i = 0; i < written.size(); ++i) bits += std::popcount(static_cast<unsigned char>(read[i] ^ written[i]));
  EXPECT_EQ(bits, 1);
  EXPECT_EQ(rotten.counts().bits_turned, 1U);
}

TEST_F(Disk, WritesFailFromTheNthOn) {
  const auto file = make("/d/a");
  disk.fail_writes_after(1, WriteError::kNoSpace);
  append(*file, "x");
  EXPECT_TRUE(file->Append("y", IOOptions(), static_cast<rocksdb::IODebugContext*>(nullptr)).IsNoSpace());
  EXPECT_TRUE(file->Sync(IOOptions(), nullptr).IsNoSpace());
  disk.heal();
  EXPECT_TRUE(file->Sync(IOOptions(), nullptr).ok());
  EXPECT_EQ(read("/d/a"), "x");
}

TEST_F(Disk, NothingArrivesOnceThePlugIsOut) {
  const auto file = make("/d/a");
  disk.pull_plug();
  EXPECT_FALSE(file->Append("y", IOOptions(), static_cast<rocksdb::IODebugContext*>(nullptr)).ok());
  EXPECT_EQ(disk.counts().writes_failed, 0U);
}

}  // namespace
}  // namespace tocsin::disk
