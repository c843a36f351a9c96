// ThreadSanitizer does not see the atomics inside the distribution's RocksDB, which is not built for it, and takes what they order
// for races. Only reports with a frame of that library in them are left out.

#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:librocksdb.so\n"; }
#endif
