// Prints the version and features of the librdkafka it is linked with; exits with 1 if one that Tocsin needs is missing.

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

static int has_feature(const char* features, const char* name) {
  const size_t length = strlen(name);
  for (const char* at = features; (at = strstr(at, name)) != NULL; at += length) {
    const int starts = at == features || at[-1] == ',';
    const int ends = at[length] == '\0' || at[length] == ',';
    if (starts && ends) return 1;
  }
  return 0;
}

int main(void) {
  static const char* const kNeeded[] = {"ssl", "sasl_scram", "zstd", "lz4"};
  char features[512];
  size_t size = sizeof(features);
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  int missing = rd_kafka_conf_get(conf, "builtin.features", features, &size) != RD_KAFKA_CONF_OK;
  rd_kafka_conf_destroy(conf);
  if (missing) return 1;
  printf("librdkafka %s: %s\n", rd_kafka_version_str(), features);
  for (size_t i = 0; i < sizeof(kNeeded) / sizeof(kNeeded[0]); ++i) {
    if (has_feature(features, kNeeded[i])) continue;
    printf("missing feature: %s\n", kNeeded[i]);
    missing = 1;
  }
  return missing;
}
