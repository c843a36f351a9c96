#pragma once

// A client that sends what it is told to, byte by byte if need be, and shows what came back.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin::http {

class Client {
 public:
  explicit Client(uint16_t port, bool ipv6 = false) : descriptor_(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)) {
    if (ipv6) {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_addr = in6addr_loopback;
      address.sin6_port = htons(port);
      connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(port);
      connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(); }

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  // One whole answer; nothing if the connection ended or `timeout` passed before it was there.
  std::optional<std::string> receive(bool with_body = true, std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (true) {
      const size_t header = received_.find("\r\n\r\n");
      if (header != std::string::npos) {
        const size_t length = with_body ? content_length(received_.substr(0, header)) : 0;
        if (received_.size() >= header + 4 + length) {
          std::string answer = received_.substr(0, header + 4 + length);
          received_.erase(0, answer.size());
          return answer;
        }
      }
      if (!read_some(end)) return std::nullopt;
    }
  }
  // Something has come, be it only the first bytes of an answer. It is not read yet.
  bool answered(std::chrono::milliseconds timeout = std::chrono::seconds(10)) const {
    pollfd waiting{descriptor_, POLLIN, 0};
    return ::poll(&waiting, 1, static_cast<int>(timeout.count())) == 1;
  }
  std::optional<std::string> ask(std::string_view request) { return send(request) ? receive() : std::nullopt; }
  // The server ends the connection, and nothing but that comes.
  bool ended(std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (received_.empty() && read_some(end)) {}
    return received_.empty() && over_;
  }

 private:
  static size_t content_length(const std::string& header) {
    const size_t at = header.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(header.substr(at + 16));
  }
  bool read_some(std::chrono::steady_clock::time_point end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{descriptor_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return false;
    char bytes[4096];
    const ssize_t count = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (count <= 0) {
      over_ = true;
      return false;
    }
    received_.append(bytes, static_cast<size_t>(count));
    return true;
  }

  int descriptor_;
  bool connected_ = false;
  bool over_ = false;
  std::string received_;
};

}  // namespace tocsin::http
