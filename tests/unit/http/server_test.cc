#include "engine/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "tests/unit/http/client.h"

namespace tocsin::http {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::Optional;
using testing::StartsWith;

std::vector<Route> pages() {
  return {{"/",
           [](const Request&) {
             return Response{200, "front\n"};
           }},
          {"/echo",
           [](const Request& request) {
             return Response{200, std::string(request.query), "text/x-echo"};
           }},
          {"/full",
           [](const Request&) {
             return Response{503, "not yet\n"};
           }},
          {"/broken", [](const Request&) -> Response { throw std::runtime_error("no"); }},
          {"/large", [](const Request&) {
             return Response{200, std::string(3'000'000, 'x')};
           }}};
}

class HttpServer : public testing::Test {
 protected:
  ~HttpServer() override { stop(); }

  void serve(ServerOptions options = {}) {
    spdlog::set_level(spdlog::level::off);
    if (options.host.empty()) options.host = "127.0.0.1";
    Result<std::unique_ptr<Server>> server = Server::listen(std::move(options), pages());
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(*server);
    thread_ = std::thread([this] { server_->run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    server_->stop();
    thread_.join();
  }
  uint16_t port() const { return server_->port(); }

  std::unique_ptr<Server> server_;
  std::thread thread_;
};

TEST_F(HttpServer, AnswersGet) {
  serve();
  Client client(port());
  const auto answer = client.ask("GET /echo?a=1&b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, Optional(StartsWith("HTTP/1.1 200 OK\r\n")));
  EXPECT_THAT(answer, Optional(HasSubstr("Content-Type: text/x-echo\r\n")));
  EXPECT_THAT(answer, Optional(EndsWith("\r\n\r\na=1&b")));
  EXPECT_THAT(Client(port()).ask("GET /full HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(StartsWith("HTTP/1.1 503 ")));
}

TEST_F(HttpServer, KeepsAConnectionForTheNextRequestAndAnswersInOrder) {
  serve();
  Client client(port());
  EXPECT_THAT(client.ask("GET /echo?1 HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("\r\n1")));
  EXPECT_THAT(client.ask("GET /echo?2 HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?3 HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("\r\n2")));
  EXPECT_THAT(client.receive(), Optional(EndsWith("\r\n3")));
}

TEST_F(HttpServer, ClosesWhenTheClientAsksForIt) {
  serve();
  Client client(port());
  EXPECT_THAT(client.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), Optional(HasSubstr("Connection: close\r\n")));
  EXPECT_TRUE(client.ended());
  Client old(port());
  EXPECT_THAT(old.ask("GET / HTTP/1.0\r\n\r\n"), Optional(EndsWith("front\n")));
  EXPECT_TRUE(old.ended());
}

TEST_F(HttpServer, AnswersHeadWithTheHeaderOfGetAlone) {
  serve();
  Client client(port());
  ASSERT_TRUE(client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?next HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto head = client.receive(false);
  EXPECT_THAT(head, Optional(HasSubstr("Content-Length: 6\r\n")));
  EXPECT_THAT(head, Optional(EndsWith("\r\n\r\n")));
  EXPECT_THAT(client.receive(), Optional(AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("next")))) << "nothing of a body may come between";
}

TEST_F(HttpServer, SaysWhichPathsThereAre) {
  serve();
  const auto answer = Client(port()).ask("GET /metric HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, Optional(StartsWith("HTTP/1.1 404 Not Found\r\n")));
  EXPECT_THAT(answer, Optional(HasSubstr("text/plain")));
  EXPECT_THAT(answer, Optional(HasSubstr("there is no /metric; there are:\n/\n/echo\n")));
}

TEST_F(HttpServer, RefusesOtherMethods) {
  serve();
  Client client(port());
  const auto answer = client.ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(answer, Optional(StartsWith("HTTP/1.1 405 Method Not Allowed\r\n")));
  EXPECT_THAT(answer, Optional(HasSubstr("Allow: GET, HEAD\r\n")));
  EXPECT_THAT(client.ask("GET /echo?on HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("on")));
  EXPECT_THAT(client.ask("DELETE /nothing HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(StartsWith("HTTP/1.1 404 ")));
}

TEST_F(HttpServer, APageThatThrowsIsAnErrorOfThatPageOnly) {
  serve();
  Client client(port());
  EXPECT_THAT(client.ask("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(StartsWith("HTTP/1.1 500 ")));
  EXPECT_THAT(client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("front\n")));
}

TEST_F(HttpServer, BoundsWhatAClientMaySend) {
  ServerOptions options;
  options.header_bytes_max = 1000;
  options.body_bytes_max = 100;
  serve(options);
  Client header(port());
  EXPECT_THAT(header.ask("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(100'000, 'y') + "\r\n\r\n"),
              Optional(StartsWith("HTTP/1.1 431 ")));
  EXPECT_TRUE(header.ended());
  Client body(port());
  EXPECT_THAT(body.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'y')),
              Optional(StartsWith("HTTP/1.1 413 ")));
  EXPECT_TRUE(body.ended());
  Client chunked(port());
  EXPECT_THAT(chunked.ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + std::string(0xfff, 'y')),
              Optional(StartsWith("HTTP/1.1 413 ")));
  Client garbage(port());
  EXPECT_THAT(garbage.ask("\x16\x03\x01 what is this\r\n\r\n"), Optional(StartsWith("HTTP/1.1 400 ")));
  EXPECT_TRUE(garbage.ended());
}

TEST_F(HttpServer, DoesNotWaitForSlowClients) {
  ServerOptions options;
  options.request_timeout = 150ms;
  options.idle_timeout = 10s;
  serve(options);
  Client slow(port());
  ASSERT_TRUE(slow.send("GET / HT"));
  Client quick(port());
  EXPECT_THAT(quick.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("front\n")));
  EXPECT_TRUE(slow.ended());
  EXPECT_FALSE(quick.ended(100ms)) << "an idle connection has more time than a request";
}

TEST_F(HttpServer, ClosesIdleConnections) {
  ServerOptions options;
  options.idle_timeout = 100ms;
  serve(options);
  EXPECT_TRUE(Client(port()).ended());
  Client used(port());
  EXPECT_THAT(used.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("front\n")));
  EXPECT_TRUE(used.ended());
}

TEST_F(HttpServer, GivesUpOnClientsThatDoNotReadTheirAnswer) {
  ServerOptions options;
  options.connections_max = 1;
  options.answer_timeout = 200ms;
  serve(options);
  Client deaf(port());
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_TRUE(deaf.send(requests));
  EXPECT_THAT(Client(port()).ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("front\n")));
}

TEST_F(HttpServer, TakesNoMoreConnectionsThanAllowedAndTheNextWhenOneEnds) {
  ServerOptions options;
  options.connections_max = 2;
  serve(options);
  Client first(port());
  Client second(port());
  ASSERT_TRUE(first.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(second.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  Client third(port());
  ASSERT_TRUE(third.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(third.receive(true, 150ms), std::nullopt);
  first.close();
  EXPECT_THAT(third.receive(), Optional(EndsWith("front\n")));
}

TEST_F(HttpServer, StopEndsIdleConnectionsAtOnce) {
  serve();
  Client client(port());
  ASSERT_TRUE(client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto begin = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
  EXPECT_TRUE(client.ended());
  EXPECT_FALSE(Client(port()).ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
}

TEST_F(HttpServer, StopLetsAnswersOut) {
  serve();
  Client client(port());
  ASSERT_TRUE(client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(client.answered());  // with more than the sockets' buffers hold: the rest waits for the client
  server_->stop();
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_GT(answer->size(), 3'000'000U);
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpServer, StopDoesNotWaitForEver) {
  ServerOptions options;
  options.stop_timeout = 150ms;
  serve(options);
  Client client(port());
  ASSERT_TRUE(client.send("GET / HT"));
  ASSERT_TRUE(Client(port()).ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));  // by then what came before has been seen
  const auto begin = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST_F(HttpServer, SaysWhichAddressIsInUse) {
  serve();
  ServerOptions again;
  again.host = "127.0.0.1";
  again.port = port();
  const auto second = Server::listen(again, pages());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(second.status().message(), HasSubstr("cannot listen on " + server_->address() + ": the port is in use"));
  EXPECT_THAT(second.status().message(), HasSubstr("choose another port"));
}

TEST_F(HttpServer, SaysWhichAddressIsNone) {
  ServerOptions options;
  options.host = "203.0.113.7";  // kept free for documentation
  EXPECT_THAT(Server::listen(options, {}).status().message(), HasSubstr("http.listen: cannot listen on 203.0.113.7:0: "));
  options.host = "no such host";
  EXPECT_THAT(Server::listen(options, {}).status().message(), HasSubstr("cannot listen on no such host:0: "));
}

TEST_F(HttpServer, ListensOnNamesAndOnAllAddresses) {
  ServerOptions options;
  options.host = "localhost";
  serve(options);
  EXPECT_THAT(server_->address(), EndsWith(":" + std::to_string(port())));
  EXPECT_NE(port(), 0);
  Result<std::unique_ptr<Server>> all = Server::listen({}, pages());
  ASSERT_TRUE(all.ok()) << all.status().message();
  std::thread thread([&] { (*all)->run(); });
  EXPECT_THAT(Client((*all)->port()).ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("front\n")));
  (*all)->stop();
  thread.join();
}

TEST_F(HttpServer, ListensOnIpv6) {
  ServerOptions options;
  options.host = "::1";
  if (!Server::listen(options, {}).ok()) GTEST_SKIP() << "this machine has no IPv6";
  serve(options);
  EXPECT_EQ(server_->address(), "[::1]:" + std::to_string(port()));
  EXPECT_THAT(Client(port(), true).ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Optional(EndsWith("front\n")));
}

}  // namespace
}  // namespace tocsin::http
