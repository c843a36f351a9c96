#pragma once

// From a parsed request to the bytes of the answer. Internal to this folder.
//
// Thread: pure functions but for the routes' own.

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>
#include <vector>

#include "engine/http/message.h"

namespace tocsin::http {

using BeastRequest = boost::beast::http::request<boost::beast::http::string_body>;
using BeastResponse = boost::beast::http::response<boost::beast::http::string_body>;

// 404 for a path that no route has, 405 for a method other than GET and HEAD, else what the route says. The answer to HEAD has the header
// of the answer to GET, its length among it, and no body.
BeastResponse answer(const BeastRequest& request, const std::vector<Route>& routes);

// Answer to what could not be read as a request; the connection is closed after it.
BeastResponse refuse(boost::beast::http::status status, std::string text);

}  // namespace tocsin::http
