// Rules of the operator's own: what they are asked, and what they are told. ngx_module/ runs them in Lua, tests in C++.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mediasync::server {

enum class Hook : std::uint8_t {
  // Asked; what they are about waits for the answer.
  kConnect,
  kJoin,
  kCommand,
  kEvent,  // an event that is the scripts' own
  // Told.
  kLeave,
  kDisconnect,
  kSessionCreated,
  kSessionEnded,
  kLeadership,
  kSessionEvent,
  kAnswer,  // a client has acknowledged what scripts sent
};
inline constexpr unsigned kHooks = 11;

struct Verdict {
  enum class Kind : std::uint8_t { kAllow, kDeny, kFailed };
  Kind kind = Kind::kAllow;
  std::string code;     // kDeny: what the client is told
  std::string message;  // likewise
  std::string data;     // kAllow, JSON: what takes the place of the event's data, or answers it; empty: nothing
};

class Scripts {
 public:
  virtual ~Scripts() = default;
  virtual bool listens(Hook) const = 0;
  virtual bool listensTo(std::string_view nsp, std::string_view event) const = 0;
  virtual bool hasNamespace(std::string_view nsp) const = 0;
  // Asks, in JSON. The number of the question; 0 when there are too many. Nothing is called back: whoever asked looks
  // for the answer when Worker::scriptsAnswered() is called.
  virtual std::uint64_t ask(Hook, std::string question) = 0;
  // Takes the answer. nullopt: there is none yet.
  virtual std::optional<Verdict> takeAnswer(std::uint64_t question) = 0;
  virtual bool isAnswered(std::uint64_t question) const = 0;
  virtual void forget(std::uint64_t question) = 0;
  virtual void tell(Hook, std::string notice) = 0;
};

// A question about one packet, and its outcome. Asked at most once; forgotten with the packet.
class Question {
 public:
  Question() = default;
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;
  ~Question() {
    if (isOpen()) scripts_->forget(number_);
  }

  bool isAsked() const { return askedAt_ != 0; }
  bool isOpen() const { return number_ != 0 && !verdict_; }
  // Something has come of it that has yet to be looked at.
  bool hasNews() const { return isOpen() && scripts_->isAnswered(number_); }
  // Trying the packet again would be in vain.
  bool isWaiting(std::int64_t now, std::int64_t timeout) const {
    return isOpen() && !hasNews() && now - askedAt_ < timeout;
  }
  const std::optional<Verdict>& verdict() const { return verdict_; }
  std::int64_t askedAt() const { return askedAt_; }
  std::int64_t askedMicroseconds() const { return askedMicroseconds_; }

  // `wall`: the wall clock, in microseconds.
  void ask(Scripts& scripts, Hook hook, std::string text, std::int64_t now, std::int64_t wall) {
    scripts_ = &scripts;
    askedAt_ = now;
    askedMicroseconds_ = wall;
    number_ = scripts.ask(hook, std::move(text));
    if (number_ == 0) verdict_ = Verdict{Verdict::Kind::kFailed, {}, {}, {}};
  }
  void look() {
    if (isOpen()) verdict_ = scripts_->takeAnswer(number_);
  }
  void giveUp() {
    if (isOpen()) scripts_->forget(number_);
    verdict_ = Verdict{Verdict::Kind::kFailed, {}, {}, {}};
  }

 private:
  Scripts* scripts_ = nullptr;
  std::uint64_t number_ = 0;
  std::int64_t askedAt_ = 0;            // monotonic; 0: it has not been
  std::int64_t askedMicroseconds_ = 0;  // wall clock
  std::optional<Verdict> verdict_;
};

}  // namespace mediasync::server
