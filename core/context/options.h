// The settings of the location that a client came by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/api/media_path.h"
#include "core/api/timestamps.h"
#include "core/context/allowance.h"
#include "core/engineio/handshake.h"
#include "core/store/records.h"

namespace mediasync::server {

// The application that a connection talks to.
enum class Application : std::uint8_t {
  kSessions,    // the API of watch sessions, over Socket.IO
  kEngineEcho,  // diagnostics: every Engine.IO message comes back
  kSocketEcho,  // diagnostics: events of Socket.IO come back
};

// True if a client has to connect to a namespace before anything else.
inline bool speaksSocketIo(Application application) {
  return application != Application::kEngineEcho;
}

// permessage-deflate of what is sent.
struct Compression {
  std::uint8_t windowBits = 0;  // 9 to 15; 0: nothing is compressed
  std::uint8_t level = 1;       // of zlib
  std::uint32_t minLength = 0;  // shorter messages go as they are
  friend bool operator==(const Compression&, const Compression&) = default;
};

struct Options {
  engineio::Settings engine;
  api::TimestampUnit timestamps = api::TimestampUnit::kSeconds;
  Application application = Application::kSessions;
  std::optional<std::string> user;            // whom NGINX says the client is; nullopt: it may say so itself
  bool asksSecret = false;                    // users are bound to secrets that their clients show
  bool recovery = true;                       // of lost connections
  std::int64_t connectTimeout = 45'000;       // milliseconds to connect to a namespace
  bool creates = true;                        // its clients may create sessions
  const api::MediaPrefixes* media = nullptr;  // what they may load; null: anything. Outlives the options
  std::uint32_t maxSessions = 0;              // of the zone; 0: as many as fit
  std::uint32_t maxUsers = 0;                 // of one session; 0: no bound
  std::uint32_t maxConnections = 0;           // of the zone; 0: as many as fit
  Rates rates;
  bool hooks = false;                // the operator's scripts are asked
  std::int64_t hookTimeout = 2'000;  // milliseconds that they have for an answer
  bool hooksMayFail = false;         // what they fail to answer goes on, but for connections and joins
  std::string variables;             // for them, a JSON object; "": none
  std::uint64_t log = 0;             // where the ends of connections are logged, see Ended::location; 0: nowhere
  friend bool operator==(const Options&, const Options&) = default;
};

// A client, as far as the request that it comes by tells.
struct Newcomer {
  std::string_view secret = {};   // where the location asks for one
  std::string_view network = {};  // see clientNetwork(); "": none is known
  store::Address address = {};    // for the operator's log
};

// The options of a connection that stays, which others are likely to share.
using SharedOptions = std::shared_ptr<const Options>;

// Makes one of those that are alike, as far as they come close together: locations are few, but each user may be one.
class OptionsPool {
 public:
  SharedOptions share(const Options& options) {
    for (const SharedOptions& one : recent_) {
      if (one && *one == options) return one;
    }
    next_ = (next_ + 1) % recent_.size();
    return recent_[next_] = std::make_shared<const Options>(options);
  }

 private:
  std::array<SharedOptions, 8> recent_;
  std::size_t next_ = 0;
};

// Times that need no directive.
inline constexpr std::int64_t kUpgradeTimeout = 10'000;  // from the WebSocket handshake to the upgrade packet
// A reader that has been behind for so long is not waited for any more.
inline constexpr std::int64_t kReaderPatience = 2'000;
// A worker that has done nothing for so long has no readers that others wait for.
inline constexpr std::int64_t kWorkerPatience = 2'000;
// A confirmation waits at most so long for the state file.
inline constexpr std::int64_t kWriteWait = 2'000;
// A POST that cannot go on, because its client does not poll or readers do not catch up, is given up after so long.
inline constexpr std::int64_t kPostPatience = 4'000;
// The delay before a command is tried again, if readers have to catch up.
inline constexpr std::int64_t kRetryDelay = 5;
inline constexpr std::int64_t kMaxRetryDelay = 20;

}  // namespace mediasync::server
