#include "engine/runtime/cluster.h"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

// Otherwise a process that comes after one that was killed would not end the transaction which that one had open.
TEST(Cluster, ATransactionalIdIsTheSameAtEachStart) {
  EXPECT_EQ(transactional_id("shop", "host-aggregate-0"), "shop-host-aggregate-0");
  EXPECT_EQ(transactional_id("shop", "host-aggregate-0"), transactional_id("shop", "host-aggregate-0"));
  EXPECT_NE(transactional_id("shop", "host-aggregate-0"), transactional_id("shop", "host-aggregate-1"));
}

}  // namespace
}  // namespace tocsin
