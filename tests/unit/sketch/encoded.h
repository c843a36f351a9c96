#pragma once

// The bytes of a digest, as tests compare and keep them.

#include <string>

#include "operators/sketch/tdigest.h"

namespace tocsin {

inline std::string encoded(const TDigest& digest) {
  std::string bytes;
  digest.encode(bytes);
  return bytes;
}

}  // namespace tocsin
