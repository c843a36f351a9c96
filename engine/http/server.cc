#include "engine/http/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "engine/http/connection.h"

namespace tocsin::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};

std::string text_of(const std::string& host, uint16_t port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Status refused(const ServerOptions& options, const Error& error) {
  const std::string where = text_of(options.host, options.port);
  if (error == asio::error::address_in_use) {
    return invalid_argument(fmt::format(
        "http.listen: cannot listen on {}: the port is in use, by another process or another tocsin on this machine. Stop that one, or "
        "choose another port (0: any that is free)",
        where));
  }
  if (error == asio::error::access_denied) {
    return invalid_argument(
        fmt::format("http.listen: cannot listen on {}: permission denied. Ports below 1024 need a privilege; choose a higher one", where));
  }
  return invalid_argument(fmt::format("http.listen: cannot listen on {}: {}. Choose an address of this machine, such as 127.0.0.1:8080",
                                      where, error.message()));
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions given, std::vector<Route> pages)
      : options(std::move(given)), routes(std::move(pages)), acceptor(context), pause(context), deadline(context) {}

  Error open();
  Error open(const tcp::endpoint& endpoint);
  void accept();
  void on_accept(const Error& error, tcp::socket socket);
  void begin_stop();
  void forget_one();

  const ServerOptions options;
  const std::vector<Route> routes;
  asio::io_context context{1};
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  asio::steady_timer deadline;
  tcp::endpoint local;
  std::vector<std::weak_ptr<Connection>> connections;
  size_t open_connections = 0;
  bool accepting = false;
  bool stopping = false;
};

Error Server::Impl::open(const tcp::endpoint& endpoint) {
  Error error;
  const auto attempt = [&](auto&& step) {
    if (!error) step();
  };
  attempt([&] { acceptor.open(endpoint.protocol(), error); });
  // A restart must not wait for connections of the process before it to be forgotten.
  attempt([&] { acceptor.set_option(tcp::acceptor::reuse_address(true), error); });
  if (endpoint.protocol() == tcp::v6() && options.host.empty()) attempt([&] { acceptor.set_option(asio::ip::v6_only(false), error); });
  attempt([&] { acceptor.bind(endpoint, error); });
  attempt([&] { acceptor.listen(asio::socket_base::max_listen_connections, error); });
  attempt([&] { local = acceptor.local_endpoint(error); });
  if (error) {
    Error ignored;
    acceptor.close(ignored);
  }
  return error;
}

Error Server::Impl::open() {
  Error error;
  if (options.host.empty()) {
    error = open(tcp::endpoint(tcp::v6(), options.port));
    const bool no_ipv6 = error == asio::error::address_family_not_supported || error == asio::error::no_protocol_option;
    return no_ipv6 ? open(tcp::endpoint(tcp::v4(), options.port)) : error;
  }
  const asio::ip::address address = asio::ip::make_address(options.host, error);
  if (!error) return open(tcp::endpoint(address, options.port));
  const auto found = tcp::resolver(context).resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
  if (error) return error;
  for (const auto& entry : found) {
    error = open(entry.endpoint());
    if (!error) break;
  }
  return error;
}

void Server::Impl::accept() {
  // At the bound, further clients wait in the system's queue until a connection ends.
  if (stopping || accepting || open_connections >= options.connections_max) return;
  accepting = true;
  acceptor.async_accept([this](const Error& error, tcp::socket socket) { on_accept(error, std::move(socket)); });
}

void Server::Impl::on_accept(const Error& error, tcp::socket socket) {
  accepting = false;
  if (stopping) return;
  if (error) {
    // Out of descriptors, most likely: trying again at once would only spin.
    spdlog::warn("http: a connection could not be taken: {}", error.message());
    pause.expires_after(kAcceptPause);
    pause.async_wait([this](const Error&) { accept(); });
    return;
  }
  Error ignored;
  socket.set_option(tcp::no_delay(true), ignored);  // an answer is written whole: there is nothing to wait for
  ++open_connections;
  const auto connection = std::make_shared<Connection>(std::move(socket), options, routes, [this] { forget_one(); });
  connections.push_back(connection);
  connection->start();
  accept();
}

void Server::Impl::forget_one() {
  --open_connections;
  std::erase_if(connections, [](const auto& connection) { return connection.expired(); });
  if (stopping && open_connections == 0) deadline.cancel();
  accept();
}

void Server::Impl::begin_stop() {
  if (std::exchange(stopping, true)) return;
  Error ignored;
  acceptor.close(ignored);
  pause.cancel();
  for (const auto& weak : std::vector(connections)) {
    if (const auto connection = weak.lock()) connection->stop();
  }
  if (open_connections == 0) return;
  deadline.expires_after(options.stop_timeout);
  deadline.async_wait([this](const Error& error) {
    if (!error) context.stop();
  });
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::listen(ServerOptions options, std::vector<Route> routes) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(routes));
  if (const Error error = impl->open()) return refused(impl->options, error);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::run() {
  impl_->accept();
  impl_->context.run();
}

void Server::stop() {
  asio::post(impl_->context, [impl = impl_.get()] { impl->begin_stop(); });
}

uint16_t Server::port() const { return impl_->local.port(); }
std::string Server::address() const { return text_of(impl_->local.address().to_string(), port()); }

}  // namespace tocsin::http
