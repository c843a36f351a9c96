#pragma once

// One client's connection: request, answer, request, answer ... until one side has enough. Internal to this folder.
//
//   idle ──first byte──► reading ──whole request──► answering ──keep-alive──► idle
//     └─ idle_timeout       └─ request_timeout,        └─ answer_timeout        all of them, and anything unexpected: closed
//                              too large, malformed: refused, then closed
//   the last answer is out: lingering (what the client still sends is thrown away, so that the answer reaches it) ──► closed
//
// Thread:    the server's. Keeps itself alive while an operation of it is under way.
// Failure:   ends the connection and nobody else's.

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/http/answer.h"
#include "engine/http/server.h"

namespace tocsin::http {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Error = boost::beast::error_code;

  // `on_end` is called once, when the connection is over.
  Connection(boost::asio::ip::tcp::socket socket, const ServerOptions& options, const std::vector<Route>& routes,
             std::function<void()> on_end);

  void start() { wait(); }
  // Closes now if it is idle, else after the answer.
  void stop();

 private:
  void wait();
  void read();
  void on_read(Error error);
  void write(BeastResponse response);
  void on_written(Error error);
  void linger();
  void close();

  boost::beast::tcp_stream stream_;
  const ServerOptions& options_;
  const std::vector<Route>& routes_;
  std::function<void()> on_end_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  std::optional<BeastResponse> response_;
  size_t lingered_bytes_ = 0;
  bool idle_ = true;
  bool stopping_ = false;
};

}  // namespace tocsin::http
