#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "state/rocksdb/rocksdb_store.h"
#include "tests/unit/state/testing.h"

namespace tocsin::state {
namespace {

// While not zero, writing to any file fails with it.
std::atomic<int> disk_error = 0;

}  // namespace
}  // namespace tocsin::state

// Stands before the C library's for RocksDB too, because that is a shared library: a disk that fails without a disk.
extern "C" ssize_t write(int descriptor, const void* bytes, size_t size) {
  struct stat file {};
  const int error = tocsin::state::disk_error;
  if (error != 0 && ::fstat(descriptor, &file) == 0 && S_ISREG(file.st_mode)) {
    errno = error;
    return -1;
  }
  return ::syscall(SYS_write, descriptor, bytes, size);
}

namespace tocsin::state {
namespace {

class FailingDisk {
 public:
  explicit FailingDisk(int error) { disk_error = error; }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;
  ~FailingDisk() { disk_error = 0; }
};

namespace fs = std::filesystem;

class RocksDbDamage : public testing::Test {
 protected:
  // A store on disk with some files of data in it.
  RocksDbDamage() {
    auto store = open();
    for (int i = 0; i < 3; ++i) {
      WriteBatch batch;
      for (int k = 0; k < 2000; ++k) batch.put(name(k), std::to_string(i) + std::string(100, 'v'));
      EXPECT_TRUE((*store)->write(batch).ok());
      EXPECT_TRUE((*store)->flush().ok());
    }
    EXPECT_TRUE((*store)->close().ok());
  }

  static std::string name(int k) { return "key" + std::to_string(100'000 + k); }

  Result<std::unique_ptr<RocksDbStore>> open() const {
    const auto on_warning = [this](std::string_view text) { warnings_ += text.empty() ? 0 : 1; };
    return RocksDbStore::open({.path = directory_.path(), .memory_bytes = RocksDbOptions::kMemoryBytesMin, .on_warning = on_warning});
  }

  std::vector<fs::path> files(const std::string& beginning, const std::string& extension) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      const fs::path& path = entry.path();
      if (path.extension() == extension && path.filename().string().starts_with(beginning)) found.push_back(path);
    }
    EXPECT_FALSE(found.empty());
    return found;
  }

  // Inverts the bytes of `file` from `from` to `to`, given as shares of its size.
  static void damage(const fs::path& file, double from, double to) {
    const auto size = static_cast<double>(fs::file_size(file));
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    for (auto at = static_cast<std::streamoff>(size * from); at < static_cast<std::streamoff>(size * to); ++at) {
      stream.seekg(at);
      const auto byte = static_cast<char>(~stream.get());
      stream.seekp(at);
      stream.put(byte);
    }
  }

  // The first error that opening and then reading everything gives.
  Status read_everything() const {
    auto store = open();
    if (!store.ok()) return store.status();
    for (int k = 0; k < 2000; ++k) {
      const auto value = (*store)->get(name(k));
      if (!value.ok()) return value.status();
    }
    const auto walk = (*store)->scan("", "");
    while (walk->valid()) walk->next();
    return walk->status();
  }

  static WriteBatch new_values() {
    WriteBatch batch;
    for (int k = 0; k < 2000; ++k) batch.put(name(k), "new" + std::to_string(k));
    return batch;
  }

  TemporaryDirectory directory_;
  mutable std::atomic<int> warnings_ = 0;
};

void expect_damage(const Status& status) {
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.message();
  EXPECT_NE(status.message().find("rebuilt from the changelog"), std::string::npos) << status.message();
}

TEST_F(RocksDbDamage, ASoundStoreReadsWell) { EXPECT_TRUE(read_everything().ok()); }

TEST_F(RocksDbDamage, FlippedBytesInDataBlocksAreDataLossForGet) {
  for (const auto& file : files("", ".sst")) damage(file, 0, 0.5);
  auto store = open();
  ASSERT_TRUE(store.ok()) << store.status().message();
  expect_damage((*store)->get(name(1)).status());
}

TEST_F(RocksDbDamage, FlippedBytesInDataBlocksEndAScanWithDataLoss) {
  for (const auto& file : files("", ".sst")) damage(file, 0, 0.5);
  auto store = open();
  ASSERT_TRUE(store.ok()) << store.status().message();
  const auto walk = (*store)->scan("", "");
  while (walk->valid()) walk->next();
  expect_damage(walk->status());
}

TEST_F(RocksDbDamage, FlippedBytesAnywhereInATableAreDataLossAndNoCrash) {
  const fs::path file = files("", ".sst").front();
  for (double from = 0; from < 1; from += 0.05) {
    damage(file, from, from + 0.05);
    const Status status = read_everything();
    if (!status.ok()) expect_damage(status);  // a damaged filter of a table that nothing asks for goes unseen
    damage(file, from, from + 0.05);
  }
  EXPECT_TRUE(read_everything().ok());
}

TEST_F(RocksDbDamage, AMissingTableIsDataLoss) {
  fs::remove(files("", ".sst").front());
  expect_damage(read_everything());
}

TEST_F(RocksDbDamage, ATruncatedTableIsDataLoss) {
  const fs::path file = files("", ".sst").front();
  fs::resize_file(file, fs::file_size(file) / 2);
  expect_damage(read_everything());
}

TEST_F(RocksDbDamage, ADamagedManifestIsDataLoss) {
  for (const auto& file : files("MANIFEST", "")) damage(file, 0.2, 0.9);
  expect_damage(read_everything());
}

TEST_F(RocksDbDamage, AMissingManifestIsDataLoss) {
  for (const auto& file : files("MANIFEST", "")) fs::remove(file);
  expect_damage(read_everything());
}

TEST_F(RocksDbDamage, AGarbledCurrentFileIsDataLoss) {
  damage(directory_.path() / "CURRENT", 0, 1);
  expect_damage(read_everything());
}

TEST_F(RocksDbDamage, AFullDiskIsUnavailableAndTheStoreComesBackWithNothingLost) {
  auto store = open();
  ASSERT_TRUE(store.ok()) << store.status().message();
  {
    const FailingDisk disk(ENOSPC);
    ASSERT_TRUE((*store)->write(new_values()).ok());
    const Status status = (*store)->flush();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.message();
    EXPECT_NE(status.message().find("no space left for directory " + directory_.path().string()), std::string::npos) << status.message();
    EXPECT_EQ(*(*store)->get(name(5)), "new5") << "reading goes on";
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!(*store)->flush().ok()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the store does not come back";
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE((*store)->write(new_values()).ok());
  ASSERT_TRUE((*store)->close().ok());
  EXPECT_EQ(*(*open())->get(name(5)), "new5");
}

TEST_F(RocksDbDamage, ADiskThatFailsStopsTheStoreAndTheNextFindsWhatWasFlushed) {
  const std::string before = **(*open())->get(name(5));
  auto store = open();
  ASSERT_TRUE(store.ok()) << store.status().message();
  {
    const FailingDisk disk(EIO);
    ASSERT_TRUE((*store)->write(new_values()).ok());
    const Status status = (*store)->flush();
    EXPECT_EQ(status.code(), StatusCode::kInternal) << status.message();
    EXPECT_EQ((*store)->write(new_values()).code(), StatusCode::kInternal);
    EXPECT_EQ(*(*store)->get(name(5)), "new5") << "reading goes on";
  }
  EXPECT_EQ((*store)->write(new_values()).code(), StatusCode::kInternal);
  EXPECT_GT((*store)->statistics().background_errors, 0u);
  EXPECT_GT(warnings_, 0);
  EXPECT_EQ((*store)->close().code(), StatusCode::kInternal);
  EXPECT_EQ(*(*open())->get(name(5)), before);
}

}  // namespace
}  // namespace tocsin::state
