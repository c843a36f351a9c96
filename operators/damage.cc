#include "operators/damage.h"

#include <fmt/format.h>

namespace tocsin {

Status damaged_state(uint32_t partition, std::string_view what) {
  return data_loss(fmt::format(
      "the state of partials partition {} holds {}. Stop this process, move the state directory away and start again: the state "
      "is rebuilt from the changelog. If that ends in the same way the changelog is damaged, too: start over with another `app` "
      "name",
      partition, what));
}

}  // namespace tocsin
