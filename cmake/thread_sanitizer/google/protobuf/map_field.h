// Stands before protobuf's header of this name in builds for ThreadSanitizer.
//
// Under ThreadSanitizer that header gives map fields two members more, and so the generated messages another layout than the library's
// code has, which is not built for it: the first message with a map would be read where it is not. So it is not to know.

#pragma once

#include <atomic>  // the standard library is to know: its shared_ptr does without what ThreadSanitizer misunderstands

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include_next <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
