#pragma once

// librdkafka properties: what the user writes under `kafka:` (SPEC 6.1), joined with what Tocsin's delivery guarantee needs.
//
// Three layers, later ones win: defaults a user may change (socket, fetch and batch tuning), the user's own, and fixed ones on
// which exactly-once delivery rests. A user key that a fixed one would overrule is refused with the reason, never ignored: a
// setting that silently does nothing is worse than an error at the start.
//
// Thread: any; all functions are pure.

#include <map>
#include <string>
#include <string_view>

#include "engine/base/status.h"

namespace tocsin::kafka {

using Properties = std::map<std::string, std::string, std::less<>>;

// Refuses, with the key and what to do: keys on which delivery rests, keys unknown to librdkafka, values it does not take, and a
// missing bootstrap.servers. Needs no broker. The message never holds a secret.
Status check_properties(const Properties& user);

// Why the user may not set `key`, or "" if they may.
std::string_view refusal(std::string_view key);

// Whether the value of `key` must never be shown (passwords, keys, tokens).
bool is_secret(std::string_view key);

}  // namespace tocsin::kafka
