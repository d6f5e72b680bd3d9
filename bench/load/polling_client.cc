#include "bench/load/polling_client.h"

namespace mediasync::bench {
namespace {

constexpr char kSeparator = '\x1e';  // between the packets of a payload, Engine.IO revision 4
constexpr int kOk = 200;

}  // namespace

void PollingClient::connect(bool join) {
  begin(join);
  sid_.clear();
  unsent_.clear();
  poll();
}

void PollingClient::drop() {
  polls_.drop();
  posts_.drop();
}

void PollingClient::broken() {
  drop();
  fail();
}

std::string PollingClient::target() const {
  return context_.options.path + "?EIO=4&transport=polling" + (sid_.empty() ? "" : "&sid=" + sid_);
}

void PollingClient::poll() {
  polls_.request(getRequest(target()), [this](const Response& response) {
    if (response.status != kOk) return broken();
    takePayload(response.body);
    if (!hasFailed()) poll();
  });
}

void PollingClient::takePayload(std::string_view payload) {
  const std::int64_t now = nowNs();
  while (!payload.empty()) {
    const std::size_t end = payload.find(kSeparator);
    const std::string_view packet = payload.substr(0, end);
    if (sid_.empty()) readSid(packet);
    if (packet == "1") return broken();
    onPacket(packet, now);
    payload.remove_prefix(end == std::string_view::npos ? payload.size() : end + 1);
  }
}

void PollingClient::readSid(std::string_view packet) {
  constexpr std::string_view kSid = "\"sid\":\"";
  const std::size_t at = packet.find(kSid);
  if (at == std::string_view::npos) return;
  const std::string_view rest = packet.substr(at + kSid.size());
  sid_ = rest.substr(0, rest.find('"'));
}

void PollingClient::send(std::string_view packet) {
  if (!unsent_.empty()) unsent_.push_back(kSeparator);
  unsent_.append(packet);
  if (!posts_.isBusy()) post();
}

void PollingClient::post() {
  posts_.request(postRequest(target(), "text/plain;charset=UTF-8", std::exchange(unsent_, {})),
                 [this](const Response& response) {
                   if (response.status != kOk) return broken();
                   if (!unsent_.empty()) post();
                 });
}

}  // namespace mediasync::bench
