#pragma once

// What a page is made of: a request as far as pages look at it, and the answer to it.
//
// Thread: plain values.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin::http {

struct Request {
  std::string_view path;   // "/metrics"; not decoded
  std::string_view query;  // what follows the '?', or ""
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
};

// A path and what answers GET and HEAD on it. Called on the server's thread: it must return soon, and may be called until run() has
// returned.
struct Route {
  std::string path;
  std::function<Response(const Request&)> answer;
};

}  // namespace tocsin::http
