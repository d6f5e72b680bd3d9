#include "bench/load/options.h"

#include <charconv>
#include <cstring>
#include <functional>
#include <map>
#include <string_view>

namespace mediasync::bench {
namespace {

using Setter = std::function<bool(std::string_view)>;

template <class Number>
Setter number(Number& target) {
  return [&target](std::string_view text) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target);
    return error == std::errc() && end == text.data() + text.size();
  };
}

Setter text(std::string& target) {
  return [&target](std::string_view value) {
    target = value;
    return true;
  };
}

// One of two words.
Setter choice(bool& target, std::string_view off, std::string_view on) {
  return [&target, off, on](std::string_view value) {
    target = value == on;
    return value == on || value == off;
  };
}

std::map<std::string_view, Setter> settersOf(Options& options) {
  return {
      {"--port", number(options.port)},
      {"--pid", number(options.pid)},
      {"--status", text(options.statusPath)},
      {"--path", text(options.path)},
      {"--publish-path", text(options.publishPath)},
      {"--protocol", choice(options.bare, "socketio", "bare")},
      {"--transport", choice(options.polling, "websocket", "polling")},
      {"--sessions", number(options.sessions)},
      {"--members", number(options.members)},
      {"--rate", number(options.rate)},
      {"--seconds", number(options.seconds)},
      {"--warmup", number(options.warmup)},
      {"--patience", number(options.patience)},
      {"--idle", number(options.idle)},
      {"--latency-ms", number(options.latencyMs)},
      {"--dialing", number(options.dialing)},
      {"--sources", number(options.sources)},
      {"--slow", number(options.slow)},
      {"--film", text(options.film)},
      {"--film-bytes", number(options.filmBytes)},
      {"--readers", number(options.readers)},
      {"--range", number(options.rangeBytes)},
  };
}

}  // namespace

std::optional<Options> parseOptions(int count, char** words, std::string& problem) {
  Options options;
  if (count < 2) {
    problem = "which scenario?";
    return std::nullopt;
  }
  options.scenario = words[1];
  const auto setters = settersOf(options);
  for (int i = 2; i < count; i += 2) {
    const auto setter = setters.find(words[i]);
    if (setter == setters.end() || i + 1 == count || !setter->second(words[i + 1])) {
      problem = std::string("invalid option ") + words[i];
      return std::nullopt;
    }
  }
  if (options.port == 0 || options.sessions < 1 || options.members < 1 || options.dialing < 1 || options.sources < 1) {
    problem = "--port is needed, and numbers of sessions, members, dialing and sources are at least 1";
    return std::nullopt;
  }
  return options;
}

}  // namespace mediasync::bench
