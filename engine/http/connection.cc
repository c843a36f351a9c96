#include "engine/http/connection.h"

#include <fmt/format.h>

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

namespace tocsin::http {
namespace {

namespace bhttp = boost::beast::http;

constexpr size_t kReadBytes = 4096;
constexpr std::chrono::seconds kLingerTime{1};
constexpr size_t kLingerBytesMax = size_t{1} << 20;

}  // namespace

Connection::Connection(boost::asio::ip::tcp::socket socket, const ServerOptions& options, const std::vector<Route>& routes,
                       std::function<void()> on_end)
    : stream_(std::move(socket)), options_(options), routes_(routes), on_end_(std::move(on_end)) {}

// The first byte may take long, the rest of the request may not: so they are waited for apart.
void Connection::wait() {
  if (stopping_) return close();
  if (buffer_.size() > 0) return read();  // the client has sent its next request before it had this answer
  idle_ = true;
  stream_.expires_after(options_.idle_timeout);
  stream_.async_read_some(buffer_.prepare(kReadBytes), [self = shared_from_this()](Error error, size_t bytes) {
    if (error) return self->close();
    self->buffer_.commit(bytes);
    self->read();
  });
}

void Connection::read() {
  idle_ = false;
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(options_.header_bytes_max));
  parser_->body_limit(options_.body_bytes_max);
  stream_.expires_after(options_.request_timeout);
  bhttp::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](Error error, size_t) { self->on_read(error); });
}

void Connection::on_read(Error error) {
  if (!error) return write(answer(parser_->get(), routes_));
  if (error == bhttp::error::header_limit) {
    return write(refuse(bhttp::status::request_header_fields_too_large,
                        fmt::format("a request's header may have at most {} bytes\n", options_.header_bytes_max)));
  }
  if (error == bhttp::error::body_limit) {
    return write(
        refuse(bhttp::status::payload_too_large, fmt::format("a request's body may have at most {} bytes\n", options_.body_bytes_max)));
  }
  const bool malformed = error.category() == bhttp::make_error_code(bhttp::error::bad_target).category() &&
                         error != bhttp::error::end_of_stream && error != bhttp::error::partial_message;
  if (malformed) return write(refuse(bhttp::status::bad_request, fmt::format("this is no HTTP request: {}\n", error.message())));
  close();  // gone, or too slow
}

void Connection::write(BeastResponse response) {
  if (stopping_) response.keep_alive(false);
  response_.emplace(std::move(response));
  stream_.expires_after(options_.answer_timeout);
  bhttp::async_write(stream_, *response_, [self = shared_from_this()](Error error, size_t) { self->on_written(error); });
}

void Connection::on_written(Error error) {
  if (error) return close();
  const bool last = response_->need_eof();
  response_.reset();
  if (!last) return wait();
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
  stream_.expires_after(kLingerTime);
  linger();
}

// Closing a socket with unread bytes resets the connection, and a reset overtakes the answer.
void Connection::linger() {
  idle_ = true;
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(kReadBytes), [self = shared_from_this()](Error error, size_t bytes) {
    self->lingered_bytes_ += bytes;
    if (error || self->lingered_bytes_ > kLingerBytesMax) return self->close();
    self->linger();
  });
}

void Connection::stop() {
  stopping_ = true;
  if (idle_) stream_.cancel();  // wait() is told, and closes
}

void Connection::close() {
  Error ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
  if (auto on_end = std::exchange(on_end_, nullptr)) on_end();
}

}  // namespace tocsin::http
