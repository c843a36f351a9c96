#pragma once

// What must hold when a schedule is over, whatever happened in it (SPEC 5; docs/reliability.md).
//
// Thread: pure functions over a world at rest.

#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/world.h"

namespace tocsin::simulation {

// What came out, in an order that depends on nothing but the content.
struct Published {
  std::vector<std::string> alerts;        // one line each: all that follows from input and rules
  std::vector<std::string> dead_letters;  // with their headers

  friend bool operator==(const Published&, const Published&) = default;
};

Published published(World& world);

// The first difference, as a text.
std::string difference(const Published& actual, const Published& expected);
// The same for a world in which a worker was misled: dead letters may be there twice, and after a stop alerts may be missing.
std::string difference_of_misled(const Published& actual, const Published& expected, bool stopped);

// Nothing if all of these hold:
//   - alerts: sequences are 1, 2, 3 …, firing and resolved take turns, an episode has one id and an id one episode;
//   - frames: the ranges of each input partition follow one another without gap or overlap up to the committed offset, in each partials
//     partition, and its watermark does not fall;
//   - idle: the watermark of a partition that stands still has not passed what could be read of it;
//   - each worker has one transactional id, whatever the number of its lives;
//   - stores: none is ahead of the changelog, and each holds what the changelog says up to its position;
//   - the position row of the changelog is the committed offset of the partials partition.
std::optional<std::string> broken_invariant(World& world);
// Of these only what is said of stores, and of one of them.
std::optional<std::string> broken_store(World& world, const World::Instance& instance, size_t disk);

}  // namespace tocsin::simulation
