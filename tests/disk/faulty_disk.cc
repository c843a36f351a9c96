#include "tests/disk/faulty_disk.h"

#include <rocksdb/system_clock.h>

#include <algorithm>
#include <utility>

namespace tocsin::disk {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using Lock = std::lock_guard<std::mutex>;

class Sequential final : public rocksdb::FSSequentialFile {
 public:
  Sequential(FaultyDisk& disk, FaultyDisk::FilePtr file) : disk_(disk), file_(std::move(file)) {}
  IOStatus Read(size_t size, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    IOStatus status = disk_.read(*file_, offset_, size, result, scratch);
    offset_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t size) override {
    offset_ += size;
    return IOStatus::OK();
  }

 private:
  FaultyDisk& disk_;
  FaultyDisk::FilePtr file_;
  uint64_t offset_ = 0;
};

class RandomAccess final : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccess(FaultyDisk& disk, FaultyDisk::FilePtr file) : disk_(disk), file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t size, const IOOptions&, Slice* result, char* scratch, IODebugContext*) const override {
    return disk_.read(*file_, offset, size, result, scratch);
  }

 private:
  FaultyDisk& disk_;
  FaultyDisk::FilePtr file_;
};

class Writable final : public rocksdb::FSWritableFile {
 public:
  Writable(FaultyDisk& disk, FaultyDisk::FilePtr file) : disk_(disk), file_(std::move(file)) {}
  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override { return disk_.append(*file_, data); }
  IOStatus Append(const Slice& data, const IOOptions&, const rocksdb::DataVerificationInfo&, IODebugContext*) override {
    return disk_.append(*file_, data);
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override { return disk_.truncate(*file_, size); }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return disk_.sync(*file_); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return disk_.size_of(*file_); }
  // A hint: what RocksDB does to spread the writing promises nothing.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  FaultyDisk& disk_;
  FaultyDisk::FilePtr file_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  explicit Directory(FaultyDisk& disk) : disk_(disk) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return disk_.sync_names(); }

 private:
  FaultyDisk& disk_;
};

class ImpatientClock final : public rocksdb::SystemClockWrapper {
 public:
  ImpatientClock() : rocksdb::SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "ImpatientClock"; }
  void SleepForMicroseconds(int micros) override { SystemClockWrapper::SleepForMicroseconds(std::min(micros, 1'000)); }
};

class DiskEnv final : public rocksdb::EnvWrapper {
 public:
  explicit DiskEnv(const std::shared_ptr<FaultyDisk>& disk) : DiskEnv(rocksdb::NewCompositeEnv(disk)) { file_system_ = disk; }

 private:
  explicit DiskEnv(std::unique_ptr<rocksdb::Env> composite) : rocksdb::EnvWrapper(composite.get()), composite_(std::move(composite)) {
    system_clock_ = std::make_shared<ImpatientClock>();
  }

  std::unique_ptr<rocksdb::Env> composite_;
};

class NoLock final : public rocksdb::FileLock {};

// As a POSIX file system says it of all but FileExists().
IOStatus not_found(const std::string& name) { return IOStatus::PathNotFound(name, "no such file"); }

std::string with_slash(const std::string& directory) { return directory.ends_with('/') ? directory : directory + "/"; }

}  // namespace

std::unique_ptr<rocksdb::Env> make_env(const std::shared_ptr<FaultyDisk>& disk) { return std::make_unique<DiskEnv>(disk); }

// --- Faults

void FaultyDisk::fail_writes_after(int64_t writes, WriteError error) {
  const Lock lock(mutex_);
  writes_left_ = writes;
  error_ = error;
}

void FaultyDisk::heal() {
  const Lock lock(mutex_);
  writes_left_ = INT64_MAX;
}

void FaultyDisk::pull_plug(int64_t writes) {
  const Lock lock(mutex_);
  writes_until_dark_ = std::min(writes_until_dark_, writes);
}

void FaultyDisk::power_on() {
  const Lock lock(mutex_);
  const size_t kept = random_() % (unsynced_names_.size() + 1);
  counts_.names_lost += unsynced_names_.size() - kept;
  for (size_t i = 0; i < kept; ++i) {
    for (const NameChange& change : unsynced_names_[i]) {
      if (change.file == nullptr) {
        durable_.erase(change.name);
      } else {
        durable_[change.name] = change.file;
      }
    }
  }
  unsynced_names_.clear();
  now_.clear();
  // Files of their own: what still holds the old ones reads what it did.
  for (auto& [name, file] : durable_) {
    auto left = std::make_shared<File>(*file);
    lose_unsynced(*left);
    rot(*left);
    file = left;
  }
  now_ = durable_;
  writes_until_dark_ = INT64_MAX;
  writes_left_ = INT64_MAX;
}

void FaultyDisk::rot(File& file) {
  if (file.data.empty() || static_cast<int>(random_() % 100) >= manner_.rotten_files) return;
  char& byte = file.data[random_() % file.data.size()];
  byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << (random_() % 8)));
  ++counts_.bits_turned;
}

void FaultyDisk::lose_unsynced(File& file) {
  const size_t unsynced = file.data.size() - file.synced;
  if (unsynced == 0) return;
  switch (random_() % (manner_.holes ? 4 : 3)) {
    case 0:
      file.data.resize(file.synced);
      ++counts_.files_cut;
      break;
    case 1:
      file.data.resize(file.synced + random_() % unsynced);
      ++counts_.files_torn;
      break;
    case 3: {
      const size_t from = file.synced + random_() % unsynced;
      const size_t size = std::min<size_t>(file.data.size() - from, 1 + random_() % 4'096);
      std::fill_n(file.data.begin() + static_cast<std::ptrdiff_t>(from), size, '\0');
      ++counts_.files_with_holes;
      break;
    }
    default: ++counts_.files_kept; break;
  }
  file.synced = file.data.size();
}

FaultCounts FaultyDisk::counts() const {
  const Lock lock(mutex_);
  return counts_;
}

IOStatus FaultyDisk::check_writable() {
  if (writes_until_dark_ == 0) return IOStatus::IOError("the power is off");
  --writes_until_dark_;
  if (writes_left_ > 0) {
    --writes_left_;
    return IOStatus::OK();
  }
  ++counts_.writes_failed;
  return error_ == WriteError::kNoSpace ? IOStatus::NoSpace("no space left on device") : IOStatus::IOError("input/output error");
}

// --- Open files

IOStatus FaultyDisk::append(File& file, const Slice& data) {
  const Lock lock(mutex_);
  if (IOStatus status = check_writable(); !status.ok()) return status;
  file.data.append(data.data(), data.size());
  return IOStatus::OK();
}

IOStatus FaultyDisk::truncate(File& file, size_t size) {
  const Lock lock(mutex_);
  if (IOStatus status = check_writable(); !status.ok()) return status;
  file.data.resize(size);
  file.synced = std::min(file.synced, size);
  return IOStatus::OK();
}

IOStatus FaultyDisk::sync(File& file) {
  const Lock lock(mutex_);
  if (IOStatus status = check_writable(); !status.ok()) return status;
  if (lies()) {
    ++counts_.syncs_skipped;
    return IOStatus::OK();
  }
  file.synced = file.data.size();
  return IOStatus::OK();
}

IOStatus FaultyDisk::sync_names() {
  const Lock lock(mutex_);
  if (IOStatus status = check_writable(); !status.ok()) return status;
  if (lies()) {
    ++counts_.syncs_skipped;
    return IOStatus::OK();
  }
  unsynced_names_.clear();
  durable_ = now_;
  return IOStatus::OK();
}

IOStatus FaultyDisk::read(const File& file, uint64_t offset, size_t size, Slice* result, char* scratch) {
  const Lock lock(mutex_);
  const size_t from = std::min<size_t>(offset, file.data.size());
  const size_t count = std::min(size, file.data.size() - from);
  std::copy_n(file.data.data() + from, count, scratch);
  *result = Slice(scratch, count);
  return IOStatus::OK();
}

size_t FaultyDisk::size_of(const File& file) {
  const Lock lock(mutex_);
  return file.data.size();
}

// --- Names

void FaultyDisk::change(std::vector<NameChange> changes) {
  for (const NameChange& change : changes) {
    if (change.file == nullptr) {
      now_.erase(change.name);
    } else {
      now_[change.name] = change.file;
    }
  }
  unsynced_names_.push_back(std::move(changes));
}

IOStatus FaultyDisk::NewSequentialFile(const std::string& name, const rocksdb::FileOptions&,
                                       std::unique_ptr<rocksdb::FSSequentialFile>* file, IODebugContext*) {
  const Lock lock(mutex_);
  const auto found = now_.find(name);
  if (found == now_.end()) return not_found(name);
  *file = std::make_unique<Sequential>(*this, found->second);
  return IOStatus::OK();
}

IOStatus FaultyDisk::NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions&,
                                         std::unique_ptr<rocksdb::FSRandomAccessFile>* file, IODebugContext*) {
  const Lock lock(mutex_);
  const auto found = now_.find(name);
  if (found == now_.end()) return not_found(name);
  *file = std::make_unique<RandomAccess>(*this, found->second);
  return IOStatus::OK();
}

IOStatus FaultyDisk::NewWritableFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* file,
                                     IODebugContext*) {
  const Lock lock(mutex_);
  if (IOStatus status = check_writable(); !status.ok()) return status;
  const auto made = std::make_shared<File>();
  change({{name, made}});
  *file = std::make_unique<Writable>(*this, made);
  return IOStatus::OK();
}

IOStatus FaultyDisk::NewDirectory(const std::string&, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext*) {
  *directory = std::make_unique<Directory>(*this);
  return IOStatus::OK();
}

IOStatus FaultyDisk::FileExists(const std::string& name, const IOOptions&, IODebugContext*) {
  const Lock lock(mutex_);
  return now_.contains(name) ? IOStatus::OK() : IOStatus::NotFound(name);
}

IOStatus FaultyDisk::GetChildren(const std::string& directory, const IOOptions&, std::vector<std::string>* names, IODebugContext*) {
  const Lock lock(mutex_);
  names->clear();
  const std::string prefix = with_slash(directory);
  for (const auto& [name, file] : now_) {
    if (name.starts_with(prefix)) names->push_back(name.substr(prefix.size()));
  }
  return IOStatus::OK();
}

IOStatus FaultyDisk::DeleteFile(const std::string& name, const IOOptions&, IODebugContext*) {
  const Lock lock(mutex_);
  if (IOStatus status = check_writable(); !status.ok()) return status;
  if (!now_.contains(name)) return not_found(name);
  change({{name, nullptr}});
  return IOStatus::OK();
}

IOStatus FaultyDisk::RenameFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) {
  const Lock lock(mutex_);
  if (IOStatus status = check_writable(); !status.ok()) return status;
  const auto found = now_.find(from);
  if (found == now_.end()) return not_found(from);
  change({{to, found->second}, {from, nullptr}});
  return IOStatus::OK();
}

IOStatus FaultyDisk::GetFileSize(const std::string& name, const IOOptions&, uint64_t* size, IODebugContext*) {
  const Lock lock(mutex_);
  const auto found = now_.find(name);
  if (found == now_.end()) return not_found(name);
  *size = found->second->data.size();
  return IOStatus::OK();
}

// --- What is the same on every disk

IOStatus FaultyDisk::CreateDir(const std::string&, const IOOptions&, IODebugContext*) { return IOStatus::OK(); }
IOStatus FaultyDisk::CreateDirIfMissing(const std::string&, const IOOptions&, IODebugContext*) { return IOStatus::OK(); }
IOStatus FaultyDisk::DeleteDir(const std::string&, const IOOptions&, IODebugContext*) { return IOStatus::OK(); }

IOStatus FaultyDisk::GetFileModificationTime(const std::string&, const IOOptions&, uint64_t* time, IODebugContext*) {
  *time = 1'700'000'000;
  return IOStatus::OK();
}

IOStatus FaultyDisk::LockFile(const std::string&, const IOOptions&, rocksdb::FileLock** lock, IODebugContext*) {
  *lock = new NoLock();  // NOLINT(cppcoreguidelines-owning-memory): given back to UnlockFile
  return IOStatus::OK();
}

IOStatus FaultyDisk::UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) {
  delete lock;  // NOLINT(cppcoreguidelines-owning-memory)
  return IOStatus::OK();
}

IOStatus FaultyDisk::GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) {
  *path = "/";
  return IOStatus::OK();
}

IOStatus FaultyDisk::NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>*, IODebugContext*) {
  return IOStatus::NotSupported("a log file");
}

IOStatus FaultyDisk::GetAbsolutePath(const std::string& path, const IOOptions&, std::string* absolute, IODebugContext*) {
  *absolute = path;
  return IOStatus::OK();
}

IOStatus FaultyDisk::IsDirectory(const std::string& path, const IOOptions&, bool* is, IODebugContext*) {
  const Lock lock(mutex_);
  *is = !now_.contains(path);
  return IOStatus::OK();
}

IOStatus FaultyDisk::GetFreeSpace(const std::string&, const IOOptions&, uint64_t* bytes, IODebugContext*) {
  const Lock lock(mutex_);
  *bytes = writes_left_ == 0 && error_ == WriteError::kNoSpace ? 0 : uint64_t{1} << 40;
  return IOStatus::OK();
}

}  // namespace tocsin::disk
