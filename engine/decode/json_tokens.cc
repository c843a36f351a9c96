#include "engine/decode/json_tokens.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include <simdjson.h>

namespace tocsin::decode {

static_assert(JsonTokens::kPadding >= simdjson::SIMDJSON_PADDING);

// simdjson's own parsers walk over these tokens lazily or into a tree. Neither suits: the former must be led to every value so that all
// is checked, which costs more than to walk over the tokens; the latter copies what is not wanted (docs/adr/0011).
struct JsonTokens::Finder {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stages;

  bool make_room(size_t size) {
    constexpr size_t kLeast = 4096;
    if (stages && size <= stages->capacity()) return true;
    const size_t capacity = std::max(std::bit_ceil(size), kLeast);
    return simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1, stages) == simdjson::SUCCESS;
  }
};

JsonTokens::JsonTokens() : finder_(std::make_unique<Finder>()) {}
JsonTokens::~JsonTokens() = default;

bool JsonTokens::find(std::string_view text) {
  if (text.size() > std::numeric_limits<int32_t>::max() || !finder_->make_room(text.size())) return false;
  auto& stages = *finder_->stages;
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  if (stages.stage1(bytes, text.size(), simdjson::stage1_mode::regular) != simdjson::SUCCESS) return false;
  text_ = text.data();
  at_ = stages.structural_indexes.get();
  end_ = at_ + stages.n_structural_indexes;
  stages.structural_indexes[stages.n_structural_indexes] = static_cast<uint32_t>(text.size());
  have_backslash_ = std::memchr(text.data(), '\\', text.size()) != nullptr;
  return true;
}

}  // namespace tocsin::decode
