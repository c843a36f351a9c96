#pragma once

// Which encoding a message has, and where its payload begins.
//
// The rule of `auto`, first match:
//   1. a content-type header that names JSON or protobuf (any case, parameters ignored; an unknown one says nothing);
//   2. first byte 0x00: schema registry framing. Behind the schema id JSON has its text ('{' or '[' after spaces); anything else is
//      protobuf, whose message-index list never looks like that (it would be negative, or nested five or sixteen deep);
//   3. a byte order mark, or '{' or '[' as the first byte that is not a space: JSON;
//   4. anything else is protobuf.
// Rule 3 has one trap: a TelemetryBatch begins with the tag 0x0A, which as text is a newline, and then a length, which may be any
// byte. So behind a first 0x0A a '{' or '[' speaks for JSON only if
//   - another space lies between the two: as protobuf the '{' or '[' would then be a group inside the event, which nobody writes; or
//   - it is followed, after spaces, by what JSON wants there: '"' or '}' after '{', and '{' or ']' after '['. As protobuf that
//     place is the tag of the event's first field, and 0x22, 0x7D, 0x7B and 0x5D are tags of no field of a TelemetryEvent; of the
//     spaces only 0x20 is one (success), and its value 0 or 1 settles it.
//
// A configured format is not doubted, only the framing is taken off: 0x00 begins neither a JSON text nor a protobuf message.

#include <string_view>

#include "engine/decode/decoder.h"

namespace tocsin::decode {

struct Payload {
  Format format = Format::kProtobuf;  // never kAuto
  bool lines = false;                 // the content type says newline-delimited JSON
  std::string_view bytes;             // what is to be decoded: a part of the message
  std::string_view reason;            // if not empty, the whole message is a dead letter
};

Payload find_payload(std::string_view message, std::string_view content_type, Format format);

}  // namespace tocsin::decode
