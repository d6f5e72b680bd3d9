// The operator's rules in Lua: questions wait here until light threads of lua-nginx-module take them, see
// lua/resty/mediasync.lua, which calls the functions at the end.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/context/scripts.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

class Runtime;

// The scripts of one zone in one worker process. Lua may come before the zone's Runtime is there, and never goes.
class LuaScripts final : public server::Scripts {
 public:
  using PostSemaphore = int (*)(void* semaphore, int count);

  // Null when Lua has not asked for it.
  static LuaScripts* find(std::string_view zone);
  static LuaScripts& of(std::string_view zone);
  // lua-nginx-module is loaded.
  static bool isPossible();

  void serve(Runtime& runtime) { runtime_ = &runtime; }
  Runtime* runtime() const { return runtime_; }

  // ---- what Lua says
  bool listen(unsigned hook);
  bool listenTo(std::string_view nsp, std::string_view event);
  void useSemaphore(void* semaphore);
  struct Task {
    std::uint64_t number = 0;  // 0: nothing is answered
    server::Hook hook{};
    std::string text;
  };
  std::optional<Task> next();
  std::size_t queued() const { return queue_.size(); }
  void answer(std::uint64_t question, server::Verdict verdict);
  // The process is about to end: nothing is asked any more.
  void release();
  bool isReleased() const { return released_; }

  // ---- server::Scripts
  bool listens(server::Hook hook) const override { return hooks_[static_cast<std::size_t>(hook)]; }
  bool listensTo(std::string_view nsp, std::string_view event) const override;
  bool hasNamespace(std::string_view nsp) const override { return namespaces_.contains(nsp); }
  std::uint64_t ask(server::Hook, std::string question) override;
  std::optional<server::Verdict> takeAnswer(std::uint64_t question) override;
  bool isAnswered(std::uint64_t question) const override;
  void forget(std::uint64_t question) override { open_.erase(question); }
  void tell(server::Hook, std::string notice) override;

 private:
  void push(Task task);
  void post(int count);

  Runtime* runtime_ = nullptr;
  void* semaphore_ = nullptr;
  PostSemaphore postSemaphore_ = nullptr;
  std::array<bool, server::kHooks> hooks_{};
  std::set<std::string, std::less<>> namespaces_;
  std::set<std::string, std::less<>> events_;  // NAMESPACE '\n' NAME
  std::deque<Task> queue_;
  std::unordered_map<std::uint64_t, std::optional<server::Verdict>> open_;
  std::uint64_t last_ = 0;
  std::size_t queuedBytes_ = 0;
  bool overflown_ = false;
  bool released_ = false;
};

}  // namespace mediasync::ngx
