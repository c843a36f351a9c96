#pragma once

// "Did you mean": the known word that is nearest to a mistyped one.

#include <string>
#include <string_view>
#include <vector>

namespace tocsin {

// "; did you mean 'expr'?", or "" if no candidate is near. Near: at most a third of the letters differ (an exchange of neighbours is one
// difference). Of several equally near ones, the first.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace tocsin
