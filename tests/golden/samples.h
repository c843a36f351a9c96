#pragma once

// What the golden files hold, made by the product's own code: one small function for each file. make_golden writes what they give, and the
// tests hold what they give today against what is in the files.

#include <ostream>
#include <string>
#include <vector>

#include "operators/total.h"
#include "tests/golden/golden_file.h"
#include "tocsin/v1/alert.pb.h"

namespace tocsin::golden {

struct Sample {
  std::string name;  // of the file
  Entries (*make)();

  friend void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }  // in the names of tests
};

// All files that today's code has to write byte for byte.
const std::vector<Sample>& samples();

// The things themselves, for tests that read them back.
extern const char* const kRulesOfNames;
std::vector<Partial> rows();
TDigest small_digest();
TDigest large_digest();
TDigest fractional_digest();
v1::AlertEvent alert_firing();
v1::AlertEvent alert_resolved();

}  // namespace tocsin::golden
