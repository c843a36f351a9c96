#pragma once

// How many processors this process may use: what its threads are divided over.
//
// Thread: any.

#include <filesystem>
#include <string_view>

namespace tocsin {

// At least 1: the processors of its affinity mask (taskset, cpuset), at most what the CPU quotas of its cgroup and of those around it pay
// for, rounded up (cgroup v2, `cpu.max`; the limit of a container). The kernel's count of processors is neither.
int available_processors();

// The least quota in processors, rounded up, of a cgroup and all around it; 0 if there is none. `membership`: the text of
// /proc/self/cgroup; `root`: where cgroup2 is mounted. What cannot be read is no limit.
int quota_of_cgroup(std::string_view membership, const std::filesystem::path& root);

}  // namespace tocsin
