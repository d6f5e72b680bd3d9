#include "core/persistence/state_record.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <unordered_set>

#include "core/base/bytes.h"
#include "core/base/utf8.h"
#include "core/session/command.h"
#include "core/store/event_codec.h"
#include "core/store/session_log.h"

namespace mediasync::persistence {
namespace {

// Changes whenever a record does.
constexpr std::uint32_t kStateLayout = 4;
constexpr std::string_view kStateMagic = "mediasync state\n";
constexpr std::size_t kFrameHead = 2 * sizeof(std::uint32_t);
constexpr std::size_t kWholeLog = std::numeric_limits<std::size_t>::max();

std::uint32_t checksumOf(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, asBytes(bytes).data(), bytes.size()));
}

// The frame's size and checksum are known when its record is there.
std::size_t beginFrame(std::string& out, FrameKind kind) {
  const std::size_t start = out.size();
  out.append(kFrameHead, '\0');
  out.push_back(static_cast<char>(kind));
  return start;
}

void endFrame(std::string& out, std::size_t start) {
  const std::string_view content = std::string_view(out).substr(start + kFrameHead);
  const std::uint32_t head[2] = {static_cast<std::uint32_t>(content.size()), checksumOf(content)};
  std::memcpy(out.data() + start, head, sizeof head);
}

// A time of the monotonic clock, as the wall clock would have had it.
std::int64_t wallOf(std::int64_t mono, Instant now) {
  return now.wall - (now.mono - mono);
}

void putId(store::ByteWriter& out, const store::RandomId& id) {
  out.put(asText(id));
}

bool getId(store::ByteReader& in, store::RandomId& id) {
  std::string_view bytes;
  in.get(bytes);
  if (bytes.size() != id.size()) return false;
  std::memcpy(id.data(), bytes.data(), id.size());
  return true;
}

void putUser(store::ByteWriter& out, const store::SessionAccess& session, const store::UserRecord& user, Instant now) {
  out.put(user.serial);
  out.put(session.text(user.id));
  out.put(session.text(user.username));
  out.put(session.optionalText(user.avatar));
  out.put(user.joinedAt);
  out.put(user.lastSeen);
  out.put(static_cast<std::uint8_t>(user.presence));
  out.put(wallOf(user.absentSince, now));
  out.put(user.bound ? std::optional(asText(user.secret)) : std::nullopt);
}

bool fits(std::string_view text, std::size_t most) {
  return text.size() <= most && isValidUtf8(text);
}

bool fits(const std::optional<std::string>& text, std::size_t most) {
  return !text || fits(std::string_view(*text), most);
}

bool isId(std::string_view id) {
  return !id.empty() && fits(id, session::kMaxIdBytes);
}

bool isTime(std::int64_t time) {
  return time >= -kMostTime && time <= kMostTime;
}

// No log becomes so long; what is counted on from it does not overflow.
bool isOffset(std::uint64_t offset) {
  return offset <= std::uint64_t{1} << 53;
}

// The tables rely on these bounds, and clients on texts and numbers that are some.
bool isSound(const store::SavedUser& user) {
  return user.serial != 0 && isId(user.id) && fits(std::string_view(user.username), session::kMaxUsernameBytes) &&
         fits(user.avatar, session::kMaxAvatarBytes) && user.presence <= session::Presence::kAway &&
         isTime(user.joinedAt) && isTime(user.lastSeen) && isTime(user.absentSince);
}

// Each is there once, under a serial of its own.
bool areSound(const std::vector<store::SavedUser>& users) {
  std::unordered_set<std::string_view> ids;
  std::unordered_set<std::uint64_t> serials;
  return std::all_of(users.begin(), users.end(), [&](const store::SavedUser& user) {
    return isSound(user) && ids.insert(user.id).second && serials.insert(user.serial).second;
  });
}

bool isSound(const store::SavedSession& session) {
  const session::PlaybackClock& clock = session.clock;
  return session.serial != 0 && isId(session.id) && isId(session.creatorId) &&
         fits(std::string_view(session.leaderId), session::kMaxIdBytes) &&
         fits(session.mediaUrl, session::kMaxMediaUrlBytes) && fits(session.mediaId, session::kMaxMediaIdBytes) &&
         fits(session.mediaTitle, session::kMaxMediaTitleBytes) && std::isfinite(clock.position) &&
         clock.position >= 0 && std::isfinite(clock.duration) && clock.rate >= session::kMinPlaybackRate &&
         clock.rate <= session::kMaxPlaybackRate && isTime(clock.setAt.wall) && isTime(session.createdAt) &&
         isTime(session.lastActivity) && isTime(session.idleSince.value_or(0)) && isOffset(session.endSeq) &&
         isOffset(session.formerEnd) && session.lostSeq < session.endSeq && areSound(session.users);
}

bool areEvents(std::string_view copied, std::uint64_t count) {
  if (store::countEvents(copied) != count) return false;
  while (!copied.empty()) {
    const std::string_view event = store::takeEvent(copied).bytes;
    const auto decoded = store::decodeEvent(std::as_bytes(std::span(event)));
    if (!decoded || event.size() > store::kMaxEncodedEvent || !store::isSound(*decoded)) return false;
  }
  return true;
}

void getUser(store::ByteReader& in, store::SavedUser& user) {
  std::uint8_t presence = 0;
  std::optional<std::string_view> secret;
  in.get(user.serial);
  in.get(user.id);
  in.get(user.username);
  in.get(user.avatar);
  in.get(user.joinedAt);
  in.get(user.lastSeen);
  in.get(presence);
  in.get(user.absentSince);
  in.get(secret);
  user.presence = static_cast<session::Presence>(presence);
  if (!secret) return;
  user.secret.emplace();  // of another length it is none that anybody has: better nobody than anybody
  std::copy_n(secret->begin(), std::min(secret->size(), user.secret->size()), user.secret->begin());
}

void putHead(store::ByteWriter& out, const store::SessionAccess& access, Instant now) {
  const store::SessionRecord& session = access.record();
  out.put(session.serial);
  out.put(access.text(session.id));
  out.put(access.text(session.creatorId));
  out.put(access.text(session.leaderId));
  out.put(access.optionalText(session.mediaUrl));
  out.put(access.optionalText(session.mediaId));
  out.put(access.optionalText(session.mediaTitle));
  out.put(session.clock.position);
  out.put(session.clock.rate);
  out.put(session.clock.duration);
  out.put(session.clock.isPlaying);
  out.put(wallOf(session.clock.setAt.mono, now));
  out.put(session.createdAt);
  out.put(session.lastActivity);
  out.put(session.idle ? std::optional(wallOf(session.idleSince, now)) : std::nullopt);
  out.put(session.log.lostSeq);
  out.put(session.formerSerial);
  out.put(session.formerEnd);
}

void getHead(store::ByteReader& in, store::SavedSession& session) {
  in.get(session.serial);
  in.get(session.id);
  in.get(session.creatorId);
  in.get(session.leaderId);
  in.get(session.mediaUrl);
  in.get(session.mediaId);
  in.get(session.mediaTitle);
  in.get(session.clock.position);
  in.get(session.clock.rate);
  in.get(session.clock.duration);
  in.get(session.clock.isPlaying);
  in.get(session.clock.setAt.wall);
  in.get(session.createdAt);
  in.get(session.lastActivity);
  in.get(session.idleSince);
  in.get(session.lostSeq);
  in.get(session.formerSerial);
  in.get(session.formerEnd);
}

void putEvents(store::ByteWriter& out, std::string& bytes, const store::SessionAccess& session, std::uint64_t from) {
  std::string events;
  const store::LogSlice slice = session.readLog(from, kWholeLog, events);
  out.put(slice.first);
  out.put(slice.end);
  out.put(static_cast<std::uint32_t>(events.size()));
  bytes.append(events);
}

bool getEvents(store::ByteReader& in, store::SavedSession& session) {
  std::uint32_t size = 0;
  in.get(session.firstSeq);
  in.get(session.endSeq);
  in.get(size);
  session.events = in.take(size);
  if (!in.ok() || session.firstSeq == 0 || session.endSeq < session.firstSeq) return false;
  return areEvents(session.events, session.endSeq - session.firstSeq);
}

}  // namespace

void appendStateHeader(std::string& out, const StateHeader& header) {
  const std::size_t start = out.size();
  store::ByteWriter writer(out);
  out.append(kStateMagic);
  writer.put(kStateLayout);
  writer.put(header.generation);
  writer.put(header.key.k0);
  writer.put(header.key.k1);
  out.append(asText(header.secretKey));
  writer.put(checksumOf(std::string_view(out).substr(start)));
}

std::optional<StateHeader> parseStateHeader(std::string_view file) {
  if (file.size() < kStateHeaderBytes) return std::nullopt;
  store::ByteReader reader(file.substr(0, kStateHeaderBytes));
  StateHeader header;
  std::uint32_t layout = 0;
  std::uint32_t checksum = 0;
  const bool isMagic = reader.take(kStateMagic.size()) == kStateMagic;
  reader.get(layout);
  reader.get(header.generation);
  reader.get(header.key.k0);
  reader.get(header.key.k1);
  const std::string_view secretKey = reader.take(header.secretKey.size());
  std::copy(secretKey.begin(), secretKey.end(), header.secretKey.begin());
  reader.get(checksum);
  const bool isWhole = checksum == checksumOf(file.substr(0, kStateHeaderBytes - sizeof checksum));
  if (!isMagic || !isWhole || layout != kStateLayout) return std::nullopt;
  return header;
}

StateFileKind kindOfStateFile(std::string_view beginning) {
  const std::string_view magic = beginning.substr(0, kStateMagic.size());
  if (beginning.find_first_not_of('\0') == std::string_view::npos) return StateFileKind::kOurs;
  if (magic != kStateMagic.substr(0, magic.size())) return StateFileKind::kForeign;
  store::ByteReader reader(beginning.substr(magic.size()));
  std::uint32_t layout = 0;
  reader.get(layout);
  return reader.ok() && layout != kStateLayout ? StateFileKind::kOtherVersion : StateFileKind::kOurs;
}

void appendFrame(std::string& out, FrameKind kind, std::string_view record) {
  const std::size_t start = beginFrame(out, kind);
  out.append(record);
  endFrame(out, start);
}

std::optional<Frame> takeFrame(std::string_view& bytes) {
  std::uint32_t head[2];
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(head, bytes.data(), sizeof head);
  if (head[0] == 0 || head[0] > bytes.size() - sizeof head) return std::nullopt;
  const std::string_view content = bytes.substr(sizeof head, head[0]);
  if (checksumOf(content) != head[1]) return std::nullopt;
  bytes.remove_prefix(sizeof head + content.size());
  return Frame{static_cast<FrameKind>(content.front()), content.substr(1)};
}

void appendSession(std::string& out, FrameKind kind, const store::SessionAccess& session, std::uint64_t from,
                   bool withUsers, Instant now) {
  const std::size_t start = beginFrame(out, kind);
  store::ByteWriter writer(out);
  putHead(writer, session, now);
  putEvents(writer, out, session, from);
  writer.put(withUsers);
  if (withUsers) {
    writer.put(session.record().userCount);
    session.forEachUser([&](const store::UserRecord& user) { putUser(writer, session, user, now); });
  }
  endFrame(out, start);
}

bool parseSession(std::string_view record, store::SavedSession& session) {
  session = {};
  store::ByteReader reader(record);
  getHead(reader, session);
  if (!getEvents(reader, session)) return false;
  reader.get(session.hasUsers);
  std::uint32_t count = 0;
  if (session.hasUsers) reader.get(count);
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i)
    getUser(reader, session.users.emplace_back());
  return reader.atEnd() && isSound(session);
}

void appendRecovery(std::string& out, const store::SavedRecovery& recovery) {
  const std::size_t start = beginFrame(out, FrameKind::kRecovery);
  store::ByteWriter writer(out);
  putId(writer, recovery.pid);
  putId(writer, recovery.socketId);
  writer.put(recovery.realm.application);
  writer.put(recovery.realm.identity);
  writer.put(recovery.seat.sessionSerial);
  writer.put(recovery.seat.userSerial);
  writer.put(recovery.seat.awaitingSnapshot);
  writer.put(recovery.seat.joinedAt);
  endFrame(out, start);
}

bool parseRecovery(std::string_view record, store::SavedRecovery& recovery) {
  recovery = {};
  store::ByteReader reader(record);
  if (!getId(reader, recovery.pid) || !getId(reader, recovery.socketId)) return false;
  reader.get(recovery.realm.application);
  reader.get(recovery.realm.identity);
  reader.get(recovery.seat.sessionSerial);
  reader.get(recovery.seat.userSerial);
  reader.get(recovery.seat.awaitingSnapshot);
  reader.get(recovery.seat.joinedAt);
  return reader.atEnd();
}

void appendGone(std::string& out, std::uint64_t serial) {
  const std::size_t start = beginFrame(out, FrameKind::kGone);
  store::ByteWriter(out).put(serial);
  endFrame(out, start);
}

bool parseGone(std::string_view record, std::uint64_t& serial) {
  store::ByteReader reader(record);
  reader.get(serial);
  return reader.atEnd();
}

void appendClock(std::string& out, std::int64_t shift) {
  const std::size_t start = beginFrame(out, FrameKind::kClock);
  store::ByteWriter(out).put(shift);
  endFrame(out, start);
}

bool parseClock(std::string_view record, std::int64_t& shift) {
  store::ByteReader reader(record);
  reader.get(shift);
  return reader.atEnd() && isTime(shift);
}

}  // namespace mediasync::persistence
