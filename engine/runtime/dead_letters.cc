#include "engine/runtime/dead_letters.h"

namespace tocsin {

log::OutRecord make_dead_letter(const DeadLetter& letter, const log::TopicPartition& source, int64_t offset, const std::string& topic) {
  log::OutRecord record;
  record.topic = topic;
  // By origin, so that the letters of one partition stay in order.
  record.key = source.topic + "-" + std::to_string(source.partition);
  record.value = std::string(letter.raw.substr(0, kDeadLetterBytesMax));
  record.headers = {{"tocsin.topic", source.topic},
                    {"tocsin.partition", std::to_string(source.partition)},
                    {"tocsin.offset", std::to_string(offset)},
                    {"tocsin.index", std::to_string(letter.index)},
                    {"tocsin.reason", letter.reason}};
  if (letter.raw.size() > kDeadLetterBytesMax) record.headers.push_back({"tocsin.truncated", "true"});
  return record;
}

}  // namespace tocsin
