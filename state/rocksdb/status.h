#pragma once

// RocksDB's errors in this project's codes, with the reaction in the message. Internal to this folder.

#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "engine/base/status.h"

namespace tocsin::state {

// `doing` completes "cannot …", such as "write". Ok stays ok.
//   damaged or missing files          -> kDataLoss
//   disk full                         -> kUnavailable; RocksDB looks for room by itself and goes on
//   an error that stopped RocksDB     -> kInternal: nothing but opening it anew helps
//   other I/O errors, time-outs       -> kUnavailable
//   anything else                     -> kInternal: this code uses RocksDB wrongly
Status to_status(const rocksdb::Status& status, std::string_view doing, const std::string& directory);

}  // namespace tocsin::state
