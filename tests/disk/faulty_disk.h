#pragma once

// A disk in memory under RocksDB, which keeps what was not synced apart and can lose it.
//
//   now      what readers see: all that was written
//   durable  what a crash leaves for certain: bytes of a file up to its last Sync(), names up to their directory's last Fsync()
//
// A crash (pull_plug(), then power_on()) decides for each file by itself what becomes of its bytes beyond the last Sync(): lost, kept, or a
// torn prefix of them; so of two files the one written later may be there and the other not. Of creations, renames and deletions since
// the directory's last Fsync() a prefix takes effect, as on a journaling file system. Further, if told so: blocks of what was not synced
// are zeros, as where a file has grown before its blocks were written; some Sync()s and Fsync()s do nothing but say that they did; and
// a bit of what lies there turns over, as on a medium that ages.
//
// Thread:   any: RocksDB flushes and compacts on threads of its own, so that what a seed decides may vary a little with their timing.
// Lifetime: outlives the Env over it and every store.
// Failure:  injected ones only: fail_writes_after(), and everything that writes once the plug is out.

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace tocsin::disk {

enum class WriteError { kIo, kNoSpace };

// How often each kind of fault struck, to show that it did.
struct FaultCounts {
  uint64_t files_torn = 0;
  uint64_t files_cut = 0;  // to what was synced
  uint64_t files_with_holes = 0;
  uint64_t files_kept = 0;  // whole, though not synced
  uint64_t names_lost = 0;  // creations, renames and deletions undone
  uint64_t syncs_skipped = 0;
  uint64_t bits_turned = 0;
  uint64_t writes_failed = 0;
};

// What a disk does beyond losing what was not synced.
struct Manner {
  bool holes = false;
  int skipped_syncs = 0;  // of 100
  int rotten_files = 0;   // of 100, at each crash
};

class FaultyDisk final : public rocksdb::FileSystem {
 public:
  struct File {
    std::string data;
    size_t synced = 0;
  };
  using FilePtr = std::shared_ptr<File>;

  explicit FaultyDisk(uint64_t seed, const Manner& manner = {}) : random_(seed), manner_(manner) {}

  // From the `writes`-th write, sync or change of a name on they fail, until heal().
  void fail_writes_after(int64_t writes, WriteError error);
  void heal();
  // From the `writes`-th on nothing that is written arrives. Then destroy the store, and power_on().
  void pull_plug(int64_t writes = 0);
  void power_on();

  FaultCounts counts() const;

  // rocksdb::FileSystem
  const char* Name() const override { return "FaultyDisk"; }
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions&,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions&,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext*) override;
  rocksdb::IOStatus FileExists(const std::string& name, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetChildren(const std::string& directory, const rocksdb::IOOptions&, std::vector<std::string>* names,
                                rocksdb::IODebugContext*) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus CreateDir(const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus DeleteDir(const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetFileSize(const std::string& name, const rocksdb::IOOptions&, uint64_t* size, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetFileModificationTime(const std::string&, const rocksdb::IOOptions&, uint64_t* time,
                                            rocksdb::IODebugContext*) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions&,
                               rocksdb::IODebugContext*) override;
  rocksdb::IOStatus LockFile(const std::string&, const rocksdb::IOOptions&, rocksdb::FileLock** lock, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus UnlockFile(rocksdb::FileLock* lock, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetTestDirectory(const rocksdb::IOOptions&, std::string* path, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewLogger(const std::string&, const rocksdb::IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                              rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetAbsolutePath(const std::string& path, const rocksdb::IOOptions&, std::string* absolute,
                                    rocksdb::IODebugContext*) override;
  rocksdb::IOStatus IsDirectory(const std::string& path, const rocksdb::IOOptions&, bool* is, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, uint64_t* bytes, rocksdb::IODebugContext*) override;

  // Of open files.
  rocksdb::IOStatus append(File& file, const rocksdb::Slice& data);
  rocksdb::IOStatus truncate(File& file, size_t size);
  rocksdb::IOStatus sync(File& file);
  rocksdb::IOStatus sync_names();
  rocksdb::IOStatus read(const File& file, uint64_t offset, size_t size, rocksdb::Slice* result, char* scratch);
  size_t size_of(const File& file);

 private:
  // A change of a name: `file` is there from now on, or (null) nothing is.
  struct NameChange {
    std::string name;
    FilePtr file;
  };
  using Names = std::map<std::string, FilePtr>;

  // Before each write, with the lock held.
  rocksdb::IOStatus check_writable();
  void change(std::vector<NameChange> changes);
  bool lies() { return manner_.skipped_syncs > 0 && static_cast<int>(random_() % 100) < manner_.skipped_syncs; }
  void lose_unsynced(File& file);
  void rot(File& file);

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  const Manner manner_;
  Names now_;
  Names durable_;
  std::vector<std::vector<NameChange>> unsynced_names_;  // each atomic
  int64_t writes_until_dark_ = INT64_MAX;
  int64_t writes_left_ = INT64_MAX;
  WriteError error_ = WriteError::kIo;
  FaultCounts counts_;
};

// RocksDB's view of the disk. It does not wait the second that RocksDB grants a disk after an error.
std::unique_ptr<rocksdb::Env> make_env(const std::shared_ptr<FaultyDisk>& disk);

}  // namespace tocsin::disk
