#include "core/persistence/state_record.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <span>
#include <unordered_set>

#include "core/base/bytes.h"
#include "core/base/utf8.h"
#include "core/session/event.h"
#include "core/session/field.h"
#include "core/store/described_bytes.h"
#include "core/store/event_codec.h"
#include "core/store/session_log.h"

namespace mediasync::persistence {
namespace {

constexpr std::uint32_t layoutOfFields() {
  const std::uint32_t head = store::layoutOf<store::SavedHead<session::Views>>(store::layoutOfEvents());
  return store::layoutOf<store::SavedProfile<session::Views>>(head);
}

// Changes whenever a record does. Where fields have changed, the compiler says the number of theirs that it has found.
template <std::uint32_t kFields>
struct StateLayout {
  static_assert(kFields == 1713719434, "what is kept has changed: files need another kNumber");
  static constexpr std::uint32_t kNumber = 4;
};
constexpr std::uint32_t kStateLayout = StateLayout<layoutOfFields()>::kNumber;

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

store::SavedProfile<session::Views> profileOf(const store::SessionAccess& access, const store::UserRecord& user,
                                              Instant now) {
  return {access.views<session::UserProfile>(user), user.serial, user.presence, wallOf(user.absentSince, now),
          user.bound ? std::optional(user.secret) : std::nullopt};
}

store::SavedHead<session::Views> headOf(const store::SessionAccess& access, Instant now) {
  const store::SessionRecord& session = access.record();
  session::PlaybackClock clock = session.clock;
  clock.setAt.wall = wallOf(clock.setAt.mono, now);
  return {access.views<session::SessionIds>(session),
          access.views<session::MediaTexts>(session),
          session,
          session.serial,
          clock,
          session.idle ? std::optional(wallOf(session.idleSince, now)) : std::nullopt,
          session.log.lostSeq,
          session.formerSerial,
          session.formerEnd};
}

// ---- values by their forms: the tables rely on their bounds, and clients on texts and numbers that are some

bool isTime(std::int64_t time) {
  return time >= -kMostTime && time <= kMostTime;
}

// No log becomes so long; what is counted on from it does not overflow.
bool isOffset(std::uint64_t offset) {
  return offset <= std::uint64_t{1} << 53;
}

bool fits(std::string_view text, session::Text form) {
  return text.size() >= form.least && text.size() <= form.most && isValidUtf8(text);
}
bool fits(double number, session::Number form) {
  return number >= form.least && number <= form.most;
}
bool fits(bool, session::Flag) {
  return true;
}
bool fits(std::int64_t time, session::Time) {
  return isTime(time);
}
bool fits(std::int64_t time, session::IsoTime) {
  return isTime(time);
}
bool fits(Instant instant, session::Time) {
  return isTime(instant.wall);
}
bool fits(std::uint64_t serial, store::Serial) {
  return serial != 0;
}
bool fits(std::uint64_t, store::AnySerial) {
  return true;
}
bool fits(std::uint64_t offset, store::LogOffset) {
  return isOffset(offset);
}
bool fits(session::Presence, store::AnyPresence) {
  return true;  // or it would not have been read
}
bool fits(const SecretHash&, store::Hash) {
  return true;
}
template <class T, class Form>
bool fits(const std::optional<T>& value, const Form& form) {
  return !value || fits(*value, form);
}

template <class T>
bool areFieldsSound(const T& object) {
  bool areSound = true;
  session::eachKept(
      object, [&areSound](const auto& value, const auto& entry) { areSound = areSound && fits(value, entry.form); });
  return areSound;
}

// Each is there once, under a serial of its own.
bool areSound(const std::vector<store::SavedUser>& users) {
  std::unordered_set<std::string_view> ids;
  std::unordered_set<std::uint64_t> serials;
  return std::all_of(users.begin(), users.end(), [&](const store::SavedUser& user) {
    return areFieldsSound(user) && ids.insert(user.id).second && serials.insert(user.serial).second;
  });
}

bool isSound(const store::SavedSession& session) {
  const store::SavedHead<session::Owned>& head = session;
  return areFieldsSound(head) && isOffset(session.endSeq) && session.lostSeq < session.endSeq &&
         areSound(session.users);
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

// Visits the numbers of a recovery in the order of the bytes.
template <class Recovery, class Fn>
void eachNumber(Recovery& recovery, Fn fn) {
  fn(recovery.realm.application);
  fn(recovery.realm.identity);
  fn(recovery.seat.sessionSerial);
  fn(recovery.seat.userSerial);
  fn(recovery.seat.awaitingSnapshot);
  fn(recovery.seat.joinedAt);
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
  store::putFields(writer, headOf(session, now));
  putEvents(writer, out, session, from);
  writer.put(withUsers);
  if (withUsers) {
    writer.put(session.record().userCount);
    session.forEachUser(
        [&](const store::UserRecord& user) { store::putFields(writer, profileOf(session, user, now)); });
  }
  endFrame(out, start);
}

bool parseSession(std::string_view record, store::SavedSession& session) {
  session = {};
  store::ByteReader reader(record);
  store::SavedHead<session::Owned>& head = session;
  if (!store::getFields(reader, head) || !getEvents(reader, session)) return false;
  reader.get(session.hasUsers);
  std::uint32_t count = 0;
  if (session.hasUsers) reader.get(count);
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i)
    store::getFields(reader, session.users.emplace_back());
  return reader.atEnd() && isSound(session);
}

void appendRecovery(std::string& out, const store::SavedRecovery& recovery) {
  const std::size_t start = beginFrame(out, FrameKind::kRecovery);
  store::ByteWriter writer(out);
  putId(writer, recovery.pid);
  putId(writer, recovery.socketId);
  eachNumber(recovery, [&writer](const auto& number) { writer.put(number); });
  endFrame(out, start);
}

bool parseRecovery(std::string_view record, store::SavedRecovery& recovery) {
  recovery = {};
  store::ByteReader reader(record);
  if (!getId(reader, recovery.pid) || !getId(reader, recovery.socketId)) return false;
  eachNumber(recovery, [&reader](auto& number) { reader.get(number); });
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
