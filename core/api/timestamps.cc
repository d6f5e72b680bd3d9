#include "core/api/timestamps.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>

namespace mediasync::api {
namespace {

constexpr std::int64_t kLastIsoMs = 253402300799999;  // 9999-12-31T23:59:59.999Z

// Writes `value` as exactly `width` digits; returns the position after them.
char* putDigits(char* at, unsigned value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + width;
}

void writeSeconds(JsonWriter& json, std::int64_t epochMs) {
  char buffer[32];
  char* at = buffer;
  if (epochMs < 0) *at++ = '-';
  const std::uint64_t magnitude =
      epochMs < 0 ? 0 - static_cast<std::uint64_t>(epochMs) : static_cast<std::uint64_t>(epochMs);
  at = std::to_chars(at, buffer + sizeof(buffer), magnitude / 1000).ptr;
  if (const auto fraction = static_cast<unsigned>(magnitude % 1000)) {
    *at++ = '.';
    at = putDigits(at, fraction, 3);
    while (at[-1] == '0')
      --at;
  }
  json.raw({buffer, static_cast<std::size_t>(at - buffer)});
}

}  // namespace

void writeTimestamp(JsonWriter& json, std::int64_t epochMs, TimestampUnit unit) {
  if (unit == TimestampUnit::kMilliseconds) {
    json.integer(epochMs);
  } else {
    writeSeconds(json, epochMs);
  }
}

void writePreciseTime(JsonWriter& json, std::int64_t epochUs, TimestampUnit unit) {
  const std::int64_t perUnit = unit == TimestampUnit::kMilliseconds ? 1000 : 1'000'000;
  const int decimals = unit == TimestampUnit::kMilliseconds ? 3 : 6;
  const std::int64_t time = std::max<std::int64_t>(epochUs, 0);
  char buffer[32];
  char* at = std::to_chars(buffer, buffer + sizeof(buffer), time / perUnit).ptr;
  *at++ = '.';
  at = putDigits(at, static_cast<unsigned>(time % perUnit), decimals);
  json.raw({buffer, static_cast<std::size_t>(at - buffer)});
}

void writeProbeTimes(JsonWriter& json, const ProbeTimes& times, TimestampUnit unit) {
  json.key("probe").number(times.probe);
  json.key("receivedAt");
  writePreciseTime(json, times.receivedAt, unit);
  json.key("sentAt");
  writePreciseTime(json, times.sentAt, unit);
  if (!times.roundTrip) return;
  json.key("roundTrip");
  writePreciseTime(json, *times.roundTrip, TimestampUnit::kSeconds);
}

void writeIsoTime(JsonWriter& json, std::int64_t epochMs) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds{std::clamp<std::int64_t>(epochMs, 0, kLastIsoMs)}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const auto ofDay = static_cast<unsigned>((time - day).count());

  char buffer[24];
  char* at = putDigits(buffer, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  *at++ = '-';
  at = putDigits(at, static_cast<unsigned>(date.month()), 2);
  *at++ = '-';
  at = putDigits(at, static_cast<unsigned>(date.day()), 2);
  *at++ = 'T';
  at = putDigits(at, ofDay / 3'600'000, 2);
  *at++ = ':';
  at = putDigits(at, ofDay / 60'000 % 60, 2);
  *at++ = ':';
  at = putDigits(at, ofDay / 1000 % 60, 2);
  *at++ = '.';
  at = putDigits(at, ofDay % 1000, 3);
  *at++ = 'Z';
  json.string({buffer, static_cast<std::size_t>(at - buffer)});
}

}  // namespace mediasync::api
