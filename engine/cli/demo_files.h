#pragma once

namespace tocsin::cli {

extern const char* const kDemoConfig;  // deploy/demo/tocsin.yaml
extern const char* const kDemoRules;   // deploy/demo/rules.yaml

}  // namespace tocsin::cli
