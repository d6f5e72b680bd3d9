#include "tests/unit/worker/world.h"

#include "core/engineio/base64.h"
#include "core/websocket/deflate.h"

namespace mediasync::server::test {

void World::start(std::uint16_t slot) {
  workers_[slot] = std::make_unique<Worker>(zone, slot, processOf(slot), env, zone.header().cycle.load());
  workers_[slot]->reload().takeHandovers();
  workers_[slot]->flush();
}

bool World::retire(std::uint16_t slot) {
  const bool more = workers_.at(slot)->reload().retire();
  workers_.at(slot)->flush();
  return more;
}

void World::turn() {
  for (const auto& [slot, worker] : workers_) {
    if (held.contains(slot)) continue;
    if (worker->nextDeadline() <= env.time.mono) worker->runDeadlines();
    worker->flush();
    worker->tick();
  }
  settle();
}

void Inbox::take(std::string packet) {
  all.push_back(packet);
  if (packet == "2") ++pings;
  if (isSocketIo && packet.rfind("40{", 0) == 0) {
    const json answer = json::parse(packet.substr(2));
    socketId = answer["sid"];
    pid = answer.value("pid", "");
  }
  if (isSocketIo && packet.rfind("42[", 0) == 0) noteOffset(packet);
  fresh_.push_back(std::move(packet));
}

// The last argument when there is another one. Of the long list of a large session only the end is parsed.
void Inbox::noteOffset(const std::string& packet) {
  constexpr std::size_t kLong = 4096;
  const std::size_t from = packet.size() > kLong ? packet.rfind(',') : std::string::npos;
  const bool isWhole = from == std::string::npos;
  const json args = json::parse(isWhole ? packet.substr(2) : "[0,0" + packet.substr(from), nullptr, isWhole);
  if (args.size() > 2 && args.back().is_string()) offset = args.back();
}

Strings Inbox::news() {
  Strings lines;
  for (const std::string& packet : std::exchange(fresh_, {})) {
    if (const std::string line = describe(packet); !line.empty()) lines.push_back(line);
  }
  return lines;
}

std::vector<json> Inbox::events(std::string_view name) const {
  std::vector<json> found;
  for (const std::string& packet : all) {
    if (packet.rfind("42", 0) != 0) continue;
    const json args = json::parse(packet.substr(2));
    if (args[0] == name) found.push_back(args[1]);
  }
  return found;
}

Strings Inbox::seen() const {
  Strings lines;
  for (const std::string& packet : all) {
    if (const std::string line = describe(packet); !line.empty()) lines.push_back(line);
  }
  return lines;
}

std::string Inbox::describe(const std::string& packet) {
  if (packet.rfind("43", 0) == 0) {
    const std::size_t at = packet.find('[');
    const json answer = json::parse(packet.substr(at))[0];
    return "ack " + packet.substr(2, at - 2) +
           (answer["success"].get<bool>() ? " ok" : " " + answer["code"].get<std::string>());
  }
  if (packet.rfind("42", 0) != 0) return {};
  const json args = json::parse(packet.substr(2));
  const std::string name = args[0];
  const json& data = args[1];
  if (name == "user_joined" || name == "user_left") return name + " " + data["userId"].get<std::string>();
  if (name == "session_joined") return name + " " + data["userId"].get<std::string>();
  if (name == "playback_sync") return "sync " + data["position"].dump();
  if (name == "media_loaded") return "media " + data["mediaUrl"].get<std::string>();
  if (name == "leadership_changed") return "leader " + data["newLeaderId"].get<std::string>();
  if (name == "error") return "error " + data["code"].get<std::string>();
  return name;
}

void Client::event(std::string_view name, const json& data, int ack) {
  json args = json::array({name});
  if (!data.is_null()) args.push_back(data);
  packet("42" + (ack < 0 ? "" : std::to_string(ack)) + args.dump());
}

void Client::join(std::string_view session, std::string_view user, int ack) {
  event("join_session", {{"sessionId", session}, {"userId", user}, {"username", "name of " + std::string(user)}}, ack);
}

void Client::sync(double position, int ack) {
  event("sync_playback", {{"position", position}, {"isPlaying", true}}, ack);
}

json Client::credentials() const {
  json auth{{"pid", inbox.pid}};
  if (inbox.offset) auth["offset"] = *inbox.offset;
  return auth;
}

void Client::comeBack(const json& auth) {
  if (auth.contains("offset") && auth["offset"].is_string()) inbox.offset = auth["offset"];
  packet("40" + auth.dump());
}

WsClient::WsClient(World& world, std::uint16_t slot, const Options& options, const Agreement& agreement,
                   const Newcomer& newcomer)
    : Client(world), slot_(slot), revision_(agreement.protocol.revision) {
  auto opened = world.worker(slot).sockets().openChannel(socket, options, agreement, newcomer);
  if (auto* channel = std::get_if<std::unique_ptr<Channel>>(&opened)) channel_ = std::move(*channel);
  read();
}

WsClient::WsClient(World& world, std::uint16_t slot, const store::RandomId& sid, Probe, const Options& options,
                   const Agreement& agreement)
    : Client(world), slot_(slot), revision_(agreement.protocol.revision) {
  auto probed = world.worker(slot).sockets().probeChannel(sid, socket, options, agreement);
  if (auto* channel = std::get_if<std::unique_ptr<Channel>>(&probed)) channel_ = std::move(*channel);
}

WsClient::~WsClient() {
  drop();
}

void WsClient::packet(std::string_view text) {
  send(clientFrame(text));
}

void WsClient::binary(std::string_view bytes) {
  const bool typed = revision_ == engineio::Revision::kV3;
  send(clientFrame((typed ? std::string(1, 4) : std::string()) + std::string(bytes), 2));
}

void WsClient::workerDied(std::uint16_t slot) {
  if (slot != slot_) return;
  isOrphan_ = true;
  if (socket.gift) return;  // what is on its way does not break
  read();
  socket.finished = true;
}

void WsClient::drop() {
  if (channel_ != nullptr && !isOrphan_ && !socket.finished) {
    world_.worker(slot_).sockets().gone(*channel_);
    world_.worker(slot_).flush();
  }
  channel_.reset();
}

void WsClient::fail() {
  world_.worker(slot_).sockets().gone(*channel_, store::EndReason::kInternalError);
  world_.worker(slot_).flush();
  channel_.reset();
}

bool WsClient::work() {
  if (channel_ == nullptr) return false;
  if (socket.gift) return arrive();
  if (isOrphan_) return false;
  bool did = false;
  if (socket.stalled && socket.room > 0 && !socket.finished) {
    socket.stalled = false;
    world_.worker(slot_).sockets().writable(*channel_);
    world_.worker(slot_).flush();
    did = true;
  }
  if (!input_.empty() && !socket.paused && !socket.finished) {
    std::string input = std::exchange(input_, {});
    world_.worker(slot_).sockets().received(*channel_, {reinterpret_cast<std::uint8_t*>(input.data()), input.size()});
    world_.worker(slot_).flush();
    did = true;
  }
  return read() || did;
}

bool WsClient::arrive() {
  if (!world_.runs(socket.gift->slot) || world_.held.contains(socket.gift->slot)) return false;
  const FakeSocket::Gift gift = *std::exchange(socket.gift, std::nullopt);
  Worker& worker = world_.worker(gift.slot);
  if (isDeclined) {
    worker.reload().decline(gift.parcel);
    worker.flush();
    if (isOrphan_) {
      socket.finished = true;
    } else {
      socket.gift = gift;  // until it is taken back
      world_.worker(slot_).wake();
    }
    return true;
  }
  auto adopted = worker.reload().adopt(gift.parcel, socket, nextOptions);
  worker.flush();
  if (adopted != nullptr) {
    slot_ = gift.slot;
    isOrphan_ = false;
    left_.push_back(std::exchange(channel_, std::move(adopted)));
  } else if (isOrphan_) {
    read();
    socket.finished = true;
  }
  return true;
}

bool WsClient::read() {
  bool did = false;
  for (;;) {
    const std::string& b = socket.bytes;
    if (b.size() < 2) return did;
    std::size_t size = static_cast<std::uint8_t>(b[1]), header = 2;
    const int extra = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (b.size() < header + static_cast<std::size_t>(extra)) return did;
    if (extra > 0) {
      size = 0;
      for (int i = 0; i < extra; ++i)
        size = size << 8 | static_cast<std::uint8_t>(b[header++]);
    }
    if (b.size() < header + size) return did;
    const int opcode = b[0] & 0x0f;
    const bool isCompressed = (static_cast<std::uint8_t>(b[0]) & websocket::kRsv1Bit) != 0;
    std::string payload = b.substr(header, size);
    socket.bytes.erase(0, header + size);
    received += header + size;
    did = true;
    if (isCompressed) {
      ++compressed;
      std::string inflated;
      const auto result = inflater_.inflate(payload, 10'000'000, inflated);
      payload = result == websocket::Inflater::Result::kDone ? inflated : "bad compression";
    }
    if (opcode == 1) got(payload);
    if (opcode == 2) gotBinary(payload);
    if (opcode == 10) pongs.push_back(payload);
    if (opcode == 8) {
      closeCode = payload.size() < 2 ? 1005
                                     : static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 |
                                                                  static_cast<std::uint8_t>(payload[1]));
    }
  }
}

void WsClient::got(const std::string& payload) {
  inbox.take(payload);
  if (payload == "2" && answersPings) {
    input_ += clientFrame("3");
    sent += clientFrame("3").size();
  }
}

void WsClient::gotBinary(const std::string& payload) {
  const bool typed = revision_ == engineio::Revision::kV3;
  if (typed && (payload.empty() || payload[0] != 4)) return inbox.take("a binary message without its type");
  inbox.take("b" + payload.substr(typed ? 1 : 0));
}

PollClient::PollClient(World& world, std::uint16_t at, const Options& options, engineio::Protocol protocol,
                       const Newcomer& newcomer)
    : Client(world), slot(at), options_(options), protocol_(protocol) {
  const auto opened = world.worker(at).polls().open(options, protocol, newcomer);
  if (const auto* handshake = std::get_if<Polls::Opened>(&opened)) {
    received += handshake->payload.bytes.size();
    split(handshake->payload);
    sid = store::parseId(handshake->sid).value();
  }
}

PollClient::~PollClient() {
  for (auto& [at, job] : posts_) {
    if (!job->isFinished && world_.runs(at)) world_.worker(at).polls().cancel(*job);
  }
  if (poll_ && world_.runs(pollSlot_)) world_.worker(pollSlot_).polls().abandon(sid, *poll_);
}

void PollClient::poll() {
  if (!rota.empty()) {
    const auto next = rota.upper_bound(slot);
    slot = next == rota.end() ? *rota.begin() : *next;
  }
  pollSlot_ = slot;
  poll_ = std::make_unique<FakePoll>([this](engineio::Payload payload) { got(std::move(payload)); });
  const Polls::PollResult result = world_.worker(slot).polls().poll(sid, *poll_, options_);
  if (result.outcome == Polls::PollOutcome::kWaits) {
    world_.worker(slot).flush();
    return;
  }
  poll_.reset();
  if (result.outcome == Polls::PollOutcome::kRefused) {
    refused = result.error;
    polls = false;
  } else {
    got(result.payload);
  }
  world_.worker(slot).flush();
}

FakePost& PollClient::post(std::string body, bool binary) {
  sent += body.size();
  auto made = std::make_unique<FakePost>(sid, std::move(body), options_, binary);
  FakePost& job = *made;
  posts_.emplace_back(slot, std::move(made));
  if (const auto result = world_.worker(slot).polls().post(job)) job.finished(result->error);
  world_.worker(slot).flush();
  return job;
}

std::string PollClient::framed(std::string_view text) const {
  std::string body;
  if (protocol_.revision == engineio::Revision::kV3) {
    engineio::appendTextV3(body, text);
  } else {
    body = text;
  }
  return body;
}

std::string PollClient::framedBinary(std::string_view bytes) const {
  std::string body;
  if (protocol_.revision == engineio::Revision::kV3) {
    engineio::appendBase64V3(body, bytes);
  } else {
    body = "b";
    engineio::appendBase64(body, bytes);
  }
  return body;
}

void PollClient::workerDied(std::uint16_t at) {
  if (poll_ && pollSlot_ == at) poll_.reset();
  std::erase_if(posts_, [at](const auto& post) { return post.first == at; });
}

void PollClient::abandon() {
  world_.worker(pollSlot_).polls().abandon(sid, *std::exchange(poll_, nullptr));
  world_.worker(pollSlot_).flush();
}

void PollClient::cancelPosts() {
  for (auto& [at, job] : posts_) {
    if (!job->isFinished) world_.worker(at).polls().cancel(*job);
  }
  posts_.clear();
}

bool PollClient::work() {
  answered_.clear();
  if (!world_.runs(slot)) return false;
  bool did = false;
  if (answersPings && owesPong_) {
    owesPong_ = false;
    post("3");
    did = true;
  }
  if (!polls || poll_ != nullptr) return did;
  const std::size_t before = inbox.all.size();
  poll();
  return did || inbox.all.size() != before || refused;
}

void PollClient::got(const engineio::Payload& payload) {
  if (poll_) answered_.push_back(std::move(poll_));  // its answer() is on the stack
  received += payload.bytes.size();
  payloads.push_back(payload.bytes);
  binaryPayloads.push_back(payload.binary);
  split(payload);
}

void PollClient::split(const engineio::Payload& payload) {
  if (protocol_.revision == engineio::Revision::kV3) {
    using Framing = engineio::PayloadV3Decoder::Framing;
    engineio::PayloadV3Decoder decoder(payload.bytes, payload.binary ? Framing::kBinary : Framing::kText);
    engineio::Packet packet;
    while (decoder.next(packet) == engineio::PayloadDecoder::Result::kPacket) {
      const std::string type = packet.binary ? "b" : std::to_string(static_cast<int>(packet.type));
      take(type + std::string(packet.data));
    }
    if (decoder.next(packet) == engineio::PayloadDecoder::Result::kError) take("bad payload: " + payload.bytes);
    return;
  }
  std::size_t at = 0;
  for (;;) {
    const std::size_t end = payload.bytes.find(engineio::kSeparator, at);
    const std::string packet = payload.bytes.substr(at, end == std::string::npos ? end : end - at);
    std::string bytes;
    if (packet.rfind("b", 0) != 0) {
      take(packet);
    } else {
      take(engineio::decodeBase64(packet.substr(1), bytes) ? "b" + bytes : "bad base64: " + packet);
    }
    if (end == std::string::npos) break;
    at = end + 1;
  }
}

void PollClient::take(const std::string& packet) {
  inbox.take(packet);
  if (packet == "2") owesPong_ = true;
  if (packet == "1") polls = false;
}

std::ptrdiff_t FakeSocket::write(std::string_view data) {
  ++writes;
  if (gift) ++strayWrites;
  if (broken) return -1;
  const std::size_t taken = std::min(room, data.size());
  if (room != kAll) room -= taken;
  bytes.append(data.substr(0, taken));
  stalled = taken < data.size();
  return static_cast<std::ptrdiff_t>(taken);
}

void World::kill(std::uint16_t slot) {
  env.dead.insert(processOf(slot));
  ++generations_[slot];
  for (Client* client : clients)
    client->workerDied(slot);
  workers_.erase(slot);
}

void World::settle() {
  for (bool more = true; more;) {
    more = false;
    for (const auto& [slot, worker] : workers_) {
      if (!held.contains(slot)) worker->flush();
    }
    for (const std::uint16_t slot : std::set<std::uint16_t>(env.woken)) {
      if (held.contains(slot)) continue;
      env.woken.erase(slot);
      if (!runs(slot)) continue;
      worker(slot).wake();
      worker(slot).flush();
      more = true;
    }
    for (Client* client : std::vector<Client*>(clients))
      more = client->work() || more;
  }
}

std::string clientFrame(std::string_view payload, std::uint8_t opcode, std::uint8_t flags) {
  std::string frame(1, static_cast<char>(0x80 | flags | opcode));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() < 65536) {
    frame.push_back(static_cast<char>(0x80 | 126));
    frame.push_back(static_cast<char>(payload.size() >> 8));
    frame.push_back(static_cast<char>(payload.size() & 0xff));
  } else {
    frame.push_back(static_cast<char>(0x80 | 127));
    for (int shift = 56; shift >= 0; shift -= 8)
      frame.push_back(static_cast<char>(payload.size() >> shift & 0xff));
  }
  constexpr char kMask[4] = {0x12, 0x34, 0x56, 0x78};
  frame.append(kMask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i)
    frame.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
  return frame;
}

std::string compressedFrame(std::string_view payload, std::uint8_t opcode) {
  std::string deflated;
  websocket::Deflater(15, 6, 8).deflate(payload, deflated);
  return clientFrame(deflated, opcode, websocket::kRsv1Bit);
}

void seat(World& world, Client& client, std::string_view session, std::string_view user) {
  client.packet("40");
  world.settle();
  client.join(session, user);
  world.settle();
}

bool isEmpty(const World& world) {
  return world.zone.connectionCount() == 0 && world.zone.sessionCount() == 0 && world.zone.recoveryCount() == 0 &&
         world.zone.header().heap.freePages() == world.zone.header().heap.total();
}

void forgetNews(World& world) {
  world.settle();
  for (Client* client : world.clients)
    client->inbox.news();
}

Strings numbered(const std::string& what, int from, int to) {
  Strings lines;
  for (int i = from; i <= to; ++i)
    lines.push_back(what + " " + std::to_string(i));
  return lines;
}

Strings only(const Strings& lines, std::string_view beginning) {
  Strings kept;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(kept),
               [&](const std::string& line) { return line.rfind(beginning, 0) == 0; });
  return kept;
}

}  // namespace mediasync::server::test
