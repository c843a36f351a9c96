#pragma once

// Errors of the environment, as values.
//
// Three kinds of errors are told apart in this project (docs/adr/0004-errors.md):
//   a programmer's mistake        -> TOCSIN_CHECK, abort; a restart replays
//   the environment's failure     -> Status / Result<T>, one documented reaction per code
//   bad data                      -> a value (decode: DeadLetter), never a Status
//
// Thread: Status and Result are plain values; no sharing between threads without the caller's care.

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "engine/base/check.h"

namespace tocsin {

enum class StatusCode {
  kOk,
  kInvalidArgument,  // what the user wrote cannot be used: configuration, rules, command line
  kNotFound,         // a file, topic or key is not there
  kUnavailable,      // may succeed later: broker away, time-out
  kFenced,           // another process took over this one's name or partitions
  kAborted,          // a transaction was rolled back; its work has to be done again from the committed offsets
  kDataLoss,         // stored bytes or a log contradict what was promised; needs a person
  kInternal,
};

// The name of a code as it is logged, such as "unavailable".
std::string_view to_string(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  // What went wrong, where, and what to do next. Empty if ok().
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status invalid_argument(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }
inline Status not_found(std::string message) { return {StatusCode::kNotFound, std::move(message)}; }
inline Status unavailable(std::string message) { return {StatusCode::kUnavailable, std::move(message)}; }
inline Status fenced(std::string message) { return {StatusCode::kFenced, std::move(message)}; }
inline Status aborted(std::string message) { return {StatusCode::kAborted, std::move(message)}; }
inline Status data_loss(std::string message) { return {StatusCode::kDataLoss, std::move(message)}; }
inline Status internal_error(std::string message) { return {StatusCode::kInternal, std::move(message)}; }

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::move(value)) {}        // NOLINT(google-explicit-constructor): `return value;`
  Result(Status status) : content_(std::move(status)) {  // NOLINT(google-explicit-constructor): `return status;`
    TOCSIN_CHECK(!std::get<Status>(content_).ok(), "a Result without a value needs an error");
  }

  bool ok() const { return std::holds_alternative<T>(content_); }
  const Status& status() const {
    static const Status ok_value;
    return ok() ? ok_value : std::get<Status>(content_);
  }
  T& value() & {
    TOCSIN_CHECK(ok(), status().message());
    return std::get<T>(content_);
  }
  const T& value() const& {
    TOCSIN_CHECK(ok(), status().message());
    return std::get<T>(content_);
  }
  T&& value() && {
    TOCSIN_CHECK(ok(), status().message());
    return std::get<T>(std::move(content_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> content_;
};

}  // namespace tocsin

// Leaves the calling function with the error, if there is one.
#define TOCSIN_RETURN_IF_ERROR(expression)                                                                             \
  do {                                                                                                                 \
    if (::tocsin::Status status_of_expression = (expression); !status_of_expression.ok()) return status_of_expression; \
  } while (false)
