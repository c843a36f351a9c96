#include "engine/http/answer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <exception>
#include <utility>

namespace tocsin::http {
namespace {

namespace bhttp = boost::beast::http;

Response ask(const Route& route, const Request& request) {
  try {
    return route.answer(request);
  } catch (const std::exception& error) {
    spdlog::error("http: {} failed: {}", route.path, error.what());
    return {500, fmt::format("{} could not be made; the log of the process says why\n", route.path), "text/plain; charset=utf-8"};
  }
}

Response not_found(std::string_view path, const std::vector<Route>& routes) {
  std::string text = fmt::format("there is no {}; there are:\n", path);
  for (const Route& route : routes) text += route.path + "\n";
  return {404, std::move(text), "text/plain; charset=utf-8"};
}

BeastResponse to_beast(Response response, unsigned version, bool keep_alive) {
  BeastResponse out(static_cast<bhttp::status>(response.status), version);
  out.set(bhttp::field::content_type, response.content_type);
  out.set(bhttp::field::cache_control, "no-store");
  out.set("X-Content-Type-Options", "nosniff");
  out.keep_alive(keep_alive);
  out.body() = std::move(response.body);
  out.prepare_payload();
  return out;
}

}  // namespace

BeastResponse answer(const BeastRequest& request, const std::vector<Route>& routes) {
  const std::string_view target(request.target().data(), request.target().size());
  const size_t question = target.find('?');
  const Request asked{target.substr(0, question), question == std::string_view::npos ? std::string_view() : target.substr(question + 1)};
  const bool head = request.method() == bhttp::verb::head;
  const auto route = std::find_if(routes.begin(), routes.end(), [&](const Route& r) { return r.path == asked.path; });
  if (route == routes.end()) {
    BeastResponse out = to_beast(not_found(asked.path, routes), request.version(), request.keep_alive());
    if (head) out.body().clear();
    return out;
  }
  if (!head && request.method() != bhttp::verb::get) {
    BeastResponse out = to_beast({405, fmt::format("{} can be read only: GET or HEAD\n", asked.path), "text/plain; charset=utf-8"},
                                 request.version(), request.keep_alive());
    out.set(bhttp::field::allow, "GET, HEAD");
    return out;
  }
  BeastResponse out = to_beast(ask(*route, asked), request.version(), request.keep_alive());
  if (head) out.body().clear();  // the length in the header stays
  return out;
}

BeastResponse refuse(bhttp::status status, std::string text) {
  return to_beast({static_cast<int>(status), std::move(text), "text/plain; charset=utf-8"}, 11, false);
}

}  // namespace tocsin::http
