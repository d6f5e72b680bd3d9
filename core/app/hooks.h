// The operator's own rules: they are asked about packets, and told what happens.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/connection/caller.h"
#include "core/connection/disconnect_listener.h"
#include "core/context/part.h"
#include "core/context/scripts.h"
#include "core/session/command.h"
#include "core/socketio/packet.h"
#include "core/store/connection_table.h"
#include "core/store/notice.h"

namespace mediasync::server {

// Names and values as Options::variables has them. Bytes that are not UTF-8 are replaced by U+FFFD.
std::string variablesText(const std::vector<std::pair<std::string_view, std::string_view>>& variables);

class Hooks : Part, public DisconnectListener {
 public:
  explicit Hooks(Context&);
  bool hasNotices() const { return !notices_.list.empty(); }
  // Scripts listen to something else now.
  void listenToNotices();
  // The operator's scripts. What they fail to answer, in time or at all, is answered here. nullopt: there is no answer
  // yet, and the packet has to wait.
  std::optional<Verdict> consultConnect(Caller&, std::string_view nsp, const nlohmann::json& auth);
  bool scriptsHave(const Caller&, std::string_view nsp);
  bool isForScripts(const Caller&, const socketio::Packet&);
  bool scriptsTakeBinary(const Caller&, const socketio::Packet&);
  void tellAnswer(const Caller&, const socketio::Packet&, const std::vector<std::string>& attachments);
  nlohmann::json socketOf(const store::ConnectionRef&, std::string_view nsp, const Options&);
  Scripts* scriptsFor(const Caller&);
  template <class Text>
  std::optional<Verdict> consult(Caller&, Hook, Text text);
  // `scripts`: whether they have a say in the command.
  std::optional<Verdict> consultCommand(Caller&, const socketio::Packet&, session::Scripts scripts);
  static bool decodeAttachments(const nlohmann::json& object, const char* member, std::vector<std::string>&);
  void tellScripts();
  void disconnected(const store::ConnectionTransaction&) override;

 private:
  static Verdict failed(Hook, const Options&);
  static std::string handleOf(const store::ConnectionRef&);

  store::Notices notices_;  // that scripts have yet to be told
};

template <class Text>
std::optional<Verdict> Hooks::consult(Caller& caller, Hook hook, Text text) {
  if (!caller.options.hooks) return Verdict{};
  Scripts* scripts = env_.scripts();
  if (scripts == nullptr) return failed(hook, caller.options);  // they have not come, although they should have
  if (!scripts->listens(hook)) return Verdict{};
  Question* question = caller.question;
  if (question == nullptr) return failed(hook, caller.options);
  const std::int64_t now = env_.now().mono;
  if (!question->isAsked()) question->ask(*scripts, hook, text(), now, env_.wallMicroseconds());
  const bool wasOpen = question->isOpen();
  question->look();
  if (question->isOpen()) {
    if (now - question->askedAt() < caller.options.hookTimeout) return std::nullopt;
    question->giveUp();
    ++counters().hooksUnanswered;
  }
  if (wasOpen) counters().hookTime.observe(env_.wallMicroseconds() - question->askedMicroseconds());
  const Verdict& verdict = *question->verdict();
  return verdict.kind == Verdict::Kind::kFailed ? failed(hook, caller.options) : verdict;
}

}  // namespace mediasync::server
