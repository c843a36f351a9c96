#include "operators/group_cost.h"

#include "operators/evaluator_internal.h"
#include "operators/groups.h"
#include "operators/rule_family.h"
#include "operators/rule_state.h"
#include "operators/window_state.h"

namespace tocsin {

std::vector<size_t> group_costs(const Plan& plan) {
  std::vector<size_t> costs;
  const std::vector<RuleFamily> families = families_of(plan);
  for (size_t space = 0; space < plan.group_spaces.size(); ++space) {
    size_t cost = Groups::kBytesByGroup + Evaluator::kTimerBytes + GroupLedger::kBytesByGroup;
    for (const Window& window : plan.windows) {
      const View& view = plan.views[static_cast<size_t>(window.view)];
      if (view.group_space == static_cast<int>(space)) cost += WindowState::bytes_by_group(heap_bytes_by_total(view));
    }
    for (const RuleFamily& family : families) {
      if (family.shared().group_space != static_cast<int>(space)) continue;
      // A time to expire, and one for each rule at which time alone moves its instance on.
      cost += RuleFamily::kBytesByGroup + Evaluator::kTimerBytes;
      cost += family.rules().size() * (RuleState::kBytesByGroup + RuleFamily::kBytesByGroupAndRule + Evaluator::kTimerBytes);
    }
    costs.push_back(cost);
  }
  return costs;
}

}  // namespace tocsin
