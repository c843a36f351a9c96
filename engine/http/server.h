#pragma once

// A small HTTP/1.1 server for pages that are made in memory: metrics, health, later the console and its API.
//
//   listen() ─► run(), on a thread of the caller's ─► stop(), from any other ─► run() returns when open answers are out
//
// Everything a client can use up has a bound: connections, bytes of a header and of a body, and the time that it may take to send a
// request, to read an answer and to stand idle between two. There is one thread, so a page must not wait for anything.
//
// Thread:     run() belongs to one thread, and pages are made on it; stop() and the rest: any.
// Lifetime:   what the routes refer to must live until run() has returned.
// Invariants: (1) port() is known, and connections queue up, once listen() has returned; (2) after stop() no new connection is taken.
// Failure:    listen: kInvalidArgument with the address, the reason and what to do. Later: an error of one connection ends that
//             connection; a page that throws is answered with 500.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "engine/http/message.h"

namespace tocsin::http {

struct ServerOptions {
  std::string host;   // a name or an address; empty: all addresses of this machine
  uint16_t port = 0;  // 0: one that is free
  size_t connections_max = 64;
  size_t header_bytes_max = size_t{8} << 10;
  size_t body_bytes_max = size_t{64} << 10;
  std::chrono::milliseconds request_timeout{10'000};  // from the first byte of a request to its last
  std::chrono::milliseconds answer_timeout{10'000};
  std::chrono::milliseconds idle_timeout{120'000};  // longer than scrape intervals, so that a scraper keeps its connection
  std::chrono::milliseconds stop_timeout{2'000};    // for answers that are on their way when stop() is called
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> listen(ServerOptions options, std::vector<Route> routes);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Serves until stop().
  void run();
  void stop();

  uint16_t port() const;
  // "127.0.0.1:8080": where it listens.
  std::string address() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::http
