#pragma once

// Makes librdkafka's configuration object of the three layers that properties.h describes.
//
// Failure: kInvalidArgument with librdkafka's own words and the key; a secret's value is cut out of them.

#include "engine/base/status.h"
#include "engine/kafka/handles.h"
#include "engine/kafka/properties.h"

namespace tocsin::kafka {

// Applies defaults, then user, then fixed. Does not refuse anything: check_properties() has done that for the user's.
Result<ConfHandle> make_conf(const Properties& defaults, const Properties& user, const Properties& fixed);

}  // namespace tocsin::kafka
