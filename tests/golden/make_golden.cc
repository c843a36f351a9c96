// make_golden NAME...: writes tests/golden/data/NAME.golden with what today's code makes; without a name: lists the files that differ.
// When that is right, and when it is not: tests/golden/README.md.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/golden/samples.h"

namespace {

using namespace tocsin::golden;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int list() {
  int differ = 0;
  for (const Sample& sample : samples()) {
    if (text_of(path_of(sample.name)) == to_text(sample.make())) continue;
    fmt::print("{}\n", sample.name);
    ++differ;
  }
  return differ == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) return list();
  for (int i = 1; i < argc; ++i) {
    const auto found = std::find_if(samples().begin(), samples().end(), [&](const Sample& sample) { return sample.name == argv[i]; });
    if (found == samples().end()) {
      fmt::print(stderr, "there is no golden file {} that today's code makes (tests/golden/samples.cc)\n", argv[i]);
      return EXIT_FAILURE;
    }
    std::ofstream file(path_of(found->name));
    file << to_text(found->make());
    file.close();
    if (!file) {
      fmt::print(stderr, "cannot write {}\n", path_of(found->name));
      return EXIT_FAILURE;
    }
    fmt::print("{}\n", path_of(found->name));
  }
  return EXIT_SUCCESS;
}
