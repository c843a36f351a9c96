#pragma once

// A golden file: named bytes, in order, as text that a reviewer can read and diff.
//
//   # a comment                       ignored
//   name = text                       printable ASCII, to the end of the line
//   name : 00 or more hex digits      anything else; goes on in lines that begin with two spaces
//   name -                            no bytes at all, as of a tombstone
//
// Thread:  plain values.
// Failure: a file that is missing or no golden file ends the test program: there is nothing to test then.

#include <optional>
#include <string>
#include <vector>

namespace tocsin::golden {

struct Entry {
  std::string name;  // without spaces
  std::optional<std::string> bytes;
  friend bool operator==(const Entry&, const Entry&) = default;
};
using Entries = std::vector<Entry>;

std::string to_text(const Entries& entries);
Entries from_text(const std::string& text);

// tests/golden/data/<name>.golden
Entries load(const std::string& name);
std::string path_of(const std::string& name);

// The bytes of an entry; it has to be there and to have some.
const std::string& bytes_of(const Entries& entries, const std::string& name);

}  // namespace tocsin::golden
