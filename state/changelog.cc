#include "state/changelog.h"

namespace tocsin::state {

ChangelogRecord encode(const WriteBatch::Operation& operation) {
  TOCSIN_CHECK(operation.kind != WriteBatch::Kind::kDeleteRange, "a range delete cannot be kept in a compacted log");
  TOCSIN_CHECK(!operation.key.empty(), "a compacted log needs keys");
  if (operation.kind == WriteBatch::Kind::kDelete) return {operation.key, std::nullopt};
  return {operation.key, operation.value};
}

Result<WriteBatch::Operation> decode(const ChangelogRecord& record) {
  if (record.key.empty()) return data_loss("a changelog record has no key: something else writes to the changelog topic");
  if (!record.value) return WriteBatch::Operation{WriteBatch::Kind::kDelete, std::string(record.key), {}};
  return WriteBatch::Operation{WriteBatch::Kind::kPut, std::string(record.key), std::string(*record.value)};
}

}  // namespace tocsin::state
