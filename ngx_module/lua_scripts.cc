#include "ngx_module/lua_scripts.h"

#include <dlfcn.h>

#include <map>
#include <memory>

#include "core/api/text_rules.h"
#include "core/base/json_box.h"
#include "ngx_module/guard.h"
#include "ngx_module/process.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {
namespace {

// Questions that Lua has not taken, and things that it has not been told.
constexpr std::size_t kMaxQueued = 16 * 1024;
constexpr std::size_t kMaxQueuedBytes = 16 * 1024 * 1024;
constexpr std::size_t kMaxQuestion = 72 * 1024;  // 48 KB in Base64, and who sent it
constexpr std::size_t kJsonDepth = 64;
constexpr std::size_t kMaxWords = 1024;  // of a code, and of a message
constexpr int kVersion = 3;
// More than there can be light threads that wait.
constexpr int kAllThreads = 65536;

// Found by name: linking to it would make the module need lua-nginx-module. Looked for anew each time: a reload may
// have brought that module, or loaded it elsewhere.
LuaScripts::PostSemaphore findPostSemaphore() {
  return reinterpret_cast<LuaScripts::PostSemaphore>(dlsym(RTLD_DEFAULT, "ngx_http_lua_ffi_sema_post"));
}

using Registry = std::map<std::string, std::unique_ptr<LuaScripts>, std::less<>>;

// Only of a worker process, and never freed by a static destructor: those run in other processes, too.
Registry& registry() {
  static auto* scripts = new Registry();
  return *scripts;
}

}  // namespace

bool LuaScripts::isPossible() {
  return findPostSemaphore() != nullptr;
}

void LuaScripts::useSemaphore(void* semaphore) {
  postSemaphore_ = findPostSemaphore();
  semaphore_ = postSemaphore_ == nullptr ? nullptr : semaphore;
}

LuaScripts* LuaScripts::find(std::string_view zone) {
  const auto found = registry().find(zone);
  return found == registry().end() ? nullptr : found->second.get();
}

LuaScripts& LuaScripts::of(std::string_view zone) {
  if (LuaScripts* known = find(zone)) return *known;
  return *registry().emplace(std::string(zone), std::make_unique<LuaScripts>()).first->second;
}

bool LuaScripts::listen(unsigned hook) {
  if (hook >= server::kHooks) return false;
  hooks_[hook] = true;
  if (runtime_ != nullptr) runtime_->useScripts(*this);
  return true;
}

bool LuaScripts::listenTo(std::string_view nsp, std::string_view event) {
  if (nsp.empty() || nsp.front() != '/' || event.empty()) return false;
  if (nsp != "/") namespaces_.emplace(nsp);
  events_.insert(std::string(nsp).append("\n").append(event));
  return listen(static_cast<unsigned>(server::Hook::kEvent));
}

bool LuaScripts::listensTo(std::string_view nsp, std::string_view event) const {
  return !events_.empty() && events_.contains(std::string(nsp).append("\n").append(event));
}

std::uint64_t LuaScripts::ask(server::Hook hook, std::string question) {
  if (released_ || semaphore_ == nullptr || question.size() > kMaxQuestion) return 0;
  if (queue_.size() >= kMaxQueued || queuedBytes_ + question.size() > kMaxQueuedBytes) return 0;
  open_.emplace(++last_, std::nullopt);
  push({last_, hook, std::move(question)});
  return last_;
}

void LuaScripts::tell(server::Hook hook, std::string notice) {
  if (released_) return;
  if (queue_.size() < kMaxQueued && queuedBytes_ + notice.size() <= kMaxQueuedBytes) {
    return push({0, hook, std::move(notice)});
  }
  if (std::exchange(overflown_, true)) return;
  ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "mediasync: Lua does not keep up, it is not told of what happens");
}

void LuaScripts::push(Task task) {
  queuedBytes_ += task.text.size();
  queue_.push_back(std::move(task));
  post(1);
}

void LuaScripts::post(int count) {
  if (semaphore_ != nullptr) postSemaphore_(semaphore_, count);
}

void LuaScripts::release() {
  released_ = true;
  post(kAllThreads);
}

std::optional<LuaScripts::Task> LuaScripts::next() {
  while (!queue_.empty()) {
    Task task = std::move(queue_.front());
    queue_.pop_front();
    queuedBytes_ -= task.text.size();
    if (task.number == 0 || open_.contains(task.number)) return task;  // else nobody waits for it any more
  }
  overflown_ = false;
  return std::nullopt;
}

void LuaScripts::answer(std::uint64_t question, server::Verdict verdict) {
  const auto found = open_.find(question);
  if (found == open_.end() || found->second) return;  // too late, or once too often
  found->second = std::move(verdict);
  if (runtime_ != nullptr) runtime_->scriptsAnswered();
}

bool LuaScripts::isAnswered(std::uint64_t question) const {
  const auto found = open_.find(question);
  return found != open_.end() && found->second;
}

std::optional<server::Verdict> LuaScripts::takeAnswer(std::uint64_t question) {
  const auto found = open_.find(question);
  if (found == open_.end() || !found->second) return std::nullopt;
  auto verdict = std::move(found->second);
  open_.erase(found);
  return verdict;
}

}  // namespace mediasync::ngx

// ---- the interface of lua/resty/mediasync.lua, version kVersion. Texts have a length. What is returned is good until
// the next call.

#define MEDIASYNC_FFI __attribute__((visibility("default")))

using namespace mediasync::ngx;

extern "C" {

MEDIASYNC_FFI int ngx_http_mediasync_ffi_version() {
  return kVersion;
}

// The zone of that name; "": the only one. Null: there is none, or this is no worker process.
MEDIASYNC_FFI void* ngx_http_mediasync_ffi_zone(const char* name, size_t size) {
  return guarded(ngx_cycle->log, static_cast<void*>(nullptr), [&]() -> void* {
    const auto zone = zoneName({name, size});
    return zone ? &LuaScripts::of(*zone) : nullptr;
  });
}

MEDIASYNC_FFI int ngx_http_mediasync_ffi_listen(void* zone, unsigned hook) {
  return guarded(ngx_cycle->log, 0, [&] { return static_cast<LuaScripts*>(zone)->listen(hook) ? 1 : 0; });
}

MEDIASYNC_FFI int ngx_http_mediasync_ffi_listen_to(void* zone, const char* nsp, size_t nspSize, const char* event,
                                                   size_t eventSize) {
  return guarded(ngx_cycle->log, 0, [&] {
    return static_cast<LuaScripts*>(zone)->listenTo({nsp, nspSize}, {event, eventSize}) ? 1 : 0;
  });
}

MEDIASYNC_FFI void ngx_http_mediasync_ffi_semaphore(void* zone, void* semaphore) {
  static_cast<LuaScripts*>(zone)->useSemaphore(semaphore);
}

MEDIASYNC_FFI unsigned ngx_http_mediasync_ffi_queued(void* zone) {
  return static_cast<unsigned>(static_cast<LuaScripts*>(zone)->queued());
}

// 1: the process has nothing more to ask, threads are to end.
MEDIASYNC_FFI int ngx_http_mediasync_ffi_released(void* zone) {
  return static_cast<LuaScripts*>(zone)->isReleased() ? 1 : 0;
}

// 1: there was something to do.
MEDIASYNC_FFI int ngx_http_mediasync_ffi_next(void* zone, double* number, int* hook, const char** text, size_t* size) {
  static std::string current;
  return guarded(ngx_cycle->log, 0, [&] {
    auto task = static_cast<LuaScripts*>(zone)->next();
    if (!task) return 0;
    current = std::move(task->text);
    *number = static_cast<double>(task->number);
    *hook = static_cast<int>(task->hook);
    *text = current.data();
    *size = current.size();
    return 1;
  });
}

// `kind` as in Verdict::Kind.
MEDIASYNC_FFI void ngx_http_mediasync_ffi_answer(void* zone, double number, int kind, const char* code, size_t codeSize,
                                                 const char* message, size_t messageSize, const char* data,
                                                 size_t dataSize) {
  guardedVoid(ngx_cycle->log, [&] {
    mediasync::server::Verdict verdict;
    verdict.kind = static_cast<mediasync::server::Verdict::Kind>(kind);
    verdict.code.assign(code, codeSize);
    verdict.message.assign(message, messageSize);
    verdict.data.assign(data, dataSize);
    using mediasync::api::isText;
    if (!isText(verdict.code, kMaxWords) || !isText(verdict.message, kMaxWords)) {
      verdict.kind = mediasync::server::Verdict::Kind::kFailed;
    }
    static_cast<LuaScripts*>(zone)->answer(static_cast<std::uint64_t>(number), std::move(verdict));
  });
}

// JSON in, JSON out, see server::Worker::call.
MEDIASYNC_FFI const char* ngx_http_mediasync_ffi_call(void* zone, const char* operation, size_t operationSize,
                                                      const char* arguments, size_t argumentsSize, size_t* size) {
  static std::string result;
  result = R"({"ok":false,"code":"NOT_READY","message":"The zone is not served yet, or not any more"})";
  guardedVoid(ngx_cycle->log, [&] {
    Runtime* runtime = static_cast<LuaScripts*>(zone)->runtime();
    if (runtime == nullptr || runtime->worker().stopped() || runtime->worker().awaitsState()) return;
    const auto parsed = mediasync::JsonBox::parsed({arguments, argumentsSize}, kJsonDepth);
    result = runtime->worker().scriptCalls().call({operation, operationSize}, parsed);
    runtime->settle();
  });
  *size = result.size();
  return result.data();
}
}
