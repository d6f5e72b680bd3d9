#include "core/api/status_page.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "core/api/status_assets.h"
#include "core/base/bytes.h"
#include "core/base/version.h"
#include "core/engineio/base64.h"

namespace mediasync::api {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::string_view kWorkerLag = "worker_lag_seconds";
constexpr std::string_view kWorkerPrefix = "in slot ";

enum class Unit { kNumber, kBytes, kSeconds, kRate };

struct Tile {
  std::string_view title;
  std::string_view figure;
  Unit unit;
};
// The figures that are asked for first. A rate is known after two looks: until then, the count stands there.
constexpr std::array kTiles{
    Tile{"Sessions", "sessions", Unit::kNumber},
    Tile{"Users", "users", Unit::kNumber},
    Tile{"Connections", "connections", Unit::kNumber},
    Tile{"Memory free", "zone_free_bytes", Unit::kBytes},
    Tile{"Events received", "commands_total", Unit::kRate},
    Tile{"Events delivered", "deliveries_total", Unit::kRate},
    Tile{"Handshakes", "handshakes_total", Unit::kRate},
    Tile{"Turned away", "handshakes_refused_total", Unit::kRate},
    Tile{"Events refused", "refusals_total", Unit::kRate},
    Tile{"Fell behind", "overruns_total", Unit::kRate},
};

std::string_view nameOf(Unit unit) {
  switch (unit) {
    case Unit::kBytes:
      return "bytes";
    case Unit::kSeconds:
      return "seconds";
    case Unit::kRate:
      return "rate";
    default:
      return "number";
  }
}

void appendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '"':
        out.append("&quot;");
        break;
      default:
        out.push_back(c);
    }
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  appendEscaped(out, text);
  return out;
}

// With one place behind the point where it is small.
std::string rounded(double value, std::string_view unit) {
  const bool isSmall = value < 10 && value != std::floor(value);
  std::string out;
  appendDecimal(out, static_cast<std::uint64_t>(std::llround(value * (isSmall ? 10 : 1))), isSmall ? 10 : 1);
  return out.append(" ").append(unit);
}

std::string bytesText(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kUnits{"B", "KB", "MB", "GB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit)
    value /= 1024;
  return rounded(value, kUnits[unit]);
}

std::string secondsText(std::uint64_t millionths) {
  if (millionths == 0) return "0";
  const auto value = static_cast<double>(millionths);
  if (value < 1e3) return rounded(value, "µs");
  return value < 1e6 ? rounded(value / 1e3, "ms") : rounded(value / 1e6, "s");
}

std::string ageText(std::int64_t ms) {
  constexpr std::int64_t kHour = 3600, kDay = 24 * kHour;
  const std::int64_t seconds = std::max<std::int64_t>(ms / 1000, 0);
  if (seconds >= 2 * kDay) return std::to_string(seconds / kDay) + " days";
  if (seconds >= 2 * kHour) return std::to_string(seconds / kHour) + " hours";
  return std::to_string(seconds / 60) + " minutes";
}

// Over all labels.
std::uint64_t sumOf(const ZoneStatus& zone, std::string_view name) {
  std::uint64_t sum = 0;
  for (const Metric& metric : zone.metrics)
    sum += metric.name == name ? metric.value : 0;
  return sum;
}

std::string valueText(const Metric& metric) {
  if (metric.name.ends_with("_bytes")) return bytesText(metric.value);
  if (metric.name.ends_with("_seconds")) return secondsText(metric.value * (kMillion / metric.perUnit));
  return std::to_string(metric.value);
}

void appendTile(std::string& out, const ZoneStatus& zone, const Tile& tile) {
  const std::uint64_t value = sumOf(zone, tile.figure);
  out.append("<div class=tile data-figure=").append(tile.figure).append(" data-kind=").append(nameOf(tile.unit));
  out.append(">").append(tile.title).append("<b>");
  out.append(tile.unit == Unit::kBytes ? bytesText(value) : std::to_string(value));
  out.append("</b><svg viewBox=\"0 0 100 24\" preserveAspectRatio=none aria-hidden=true><path /></svg></div>\n");
}

void appendMemory(std::string& out, const ZoneStatus& zone) {
  const std::uint64_t size = sumOf(zone, "zone_size_bytes");
  const std::uint64_t used = size - std::min(size, sumOf(zone, "zone_free_bytes"));
  const std::string max = std::to_string(std::max<std::uint64_t>(size, 1));
  out.append("<h3>Memory</h3>\n<meter min=0 max=").append(max).append(" high=");
  out.append(std::to_string(size / 10 * 9)).append(" value=").append(std::to_string(used));
  out.append(" title=\"what newcomers cannot have\"></meter>\n<p class=quiet>").append(bytesText(size));
  out.append(", of which newcomers can have <span data-figure=zone_free_bytes data-kind=bytes>");
  out.append(bytesText(size - used)).append("</span></p>\n");
}

void appendRow(std::string& out, std::string_view name, std::string_view figure, std::string_view kind,
               const std::string& value, bool isHidden) {
  out.append(isHidden ? "<tr hidden><td>" : "<tr><td>").append(escaped(name));
  out.append("<td data-figure=\"").append(escaped(figure));
  out.append("\" data-kind=").append(kind).append(">").append(value).append("\n");
}

std::string rowName(const Metric& metric) {
  return metric.name == kWorkerLag ? std::string(kWorkerPrefix) + metric.label.value : metric.label.value;
}

// The values of a family that has labels, by the first. Counters that are zero are hidden, and shown when they are not.
// The script makes the rows of labels that come later.
void appendByLabel(std::string& out, const ZoneStatus& zone, std::string_view title, std::string_view name,
                   std::string_view key) {
  const bool isTime = name.ends_with("_seconds");
  out.append("<div><h3>").append(title).append("</h3>\n<table><tbody data-rows=").append(key);
  out.append(isTime ? " data-kind=seconds" : " data-kind=number data-hides");
  if (name == kWorkerLag) out.append(" data-before=\"").append(kWorkerPrefix).append("\"");
  out.append(">\n");
  bool isEmpty = true;
  for (const Metric& metric : zone.metrics) {
    if (metric.name != name) continue;
    const bool isHidden = metric.value == 0 && metric.kind == Metric::Kind::kCounter;
    isEmpty = isEmpty && isHidden;
    appendRow(out, rowName(metric), std::string(key) + "/" + metric.label.value, isTime ? "seconds" : "number",
              valueText(metric), isHidden);
  }
  out.append(isEmpty ? "<tr class=none>" : "<tr class=none hidden>").append("<td class=quiet>none<td>\n");
  out.append("</tbody></table></div>\n");
}

// By their transport, and by their revision of the protocol.
void appendConnections(std::string& out, const ZoneStatus& zone) {
  constexpr std::string_view kName = "transport_connections";
  out.append("<div><h3>Connections</h3>\n<table><tbody>\n");
  for (Label Metric::*label : {&Metric::label, &Metric::second}) {
    std::vector<std::pair<std::string, std::uint64_t>> sums;
    std::string name;
    for (const Metric& metric : zone.metrics) {
      if (metric.name != kName) continue;
      const std::string& value = (metric.*label).value;
      name = (metric.*label).name;
      const auto found = std::find_if(sums.begin(), sums.end(), [&](const auto& sum) { return sum.first == value; });
      (found != sums.end() ? *found : sums.emplace_back(value, 0)).second += metric.value;
    }
    for (const auto& [value, sum] : sums) {
      appendRow(out, name == "transport" ? value : name + " " + value, std::string(kName) + "_by_" + name + "/" + value,
                "number", std::to_string(sum), false);
    }
  }
  out.append("</tbody></table></div>\n");
}

std::string_view titleOf(const Distribution& one) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kTitles{
      {{"command_seconds", "handling events"},
       {"broadcast_seconds", "sending to a session"},
       {"hook_seconds", "answers of Lua"},
       {"heartbeat_seconds", "round trip of heartbeats"},
       {"desync_seconds", "distance from the timeline"}}};
  for (const auto& [name, title] : kTitles) {
    if (name == one.name) return title;
  }
  return one.name;
}

void appendTimes(std::string& out, const ZoneStatus& zone) {
  out.append(
      "<div><h3>Times since the start</h3>\n<table><thead><tr><th><th>half below<th>99 % below</thead><tbody>\n");
  for (const Distribution& one : zone.distributions) {
    out.append("<tr><td title=\"").append(escaped(one.help)).append("\">").append(titleOf(one));
    for (const auto& [part, share] : {std::pair("p50", 0.5), std::pair("p99", 0.99)}) {
      out.append("<td data-figure=").append(one.name).append("/").append(part).append(" data-kind=seconds>");
      out.append(secondsText(one.quantile(share)));
    }
    out.append("\n");
  }
  out.append("</tbody></table></div>\n");
}

void appendAll(std::string& out, const ZoneStatus& zone) {
  out.append("<details><summary>All figures</summary>\n<table><tbody>\n");
  for (const Metric& metric : zone.metrics) {
    std::string name(metric.name);
    for (const Label* label : {&metric.label, &metric.second}) {
      if (!label->name.empty()) name.append(" ").append(label->name).append("=").append(label->value);
    }
    out.append("<tr title=\"").append(escaped(metric.help)).append("\"><td>").append(escaped(name));
    out.append("<td>").append(valueText(metric)).append("\n");
  }
  out.append("</tbody></table></details>\n");
}

void appendZone(std::string& out, const ZoneStatus& zone, std::int64_t now) {
  const std::uint64_t start = sumOf(zone, "start_time_seconds");
  out.append("<section data-zone=\"").append(escaped(zone.zone)).append("\">\n<h2>").append(escaped(zone.zone));
  out.append("<span class=quiet><span data-figure=workers>").append(std::to_string(sumOf(zone, "workers")));
  out.append("</span> worker processes");
  if (start > 0) out.append(", counting for ").append(ageText(now - static_cast<std::int64_t>(start)));
  out.append("</span></h2>\n<div class=tiles>\n");
  for (const Tile& tile : kTiles)
    appendTile(out, zone, tile);
  out.append("</div>\n<div class=columns>\n<div>");
  appendMemory(out, zone);
  out.append("</div>\n");
  appendByLabel(out, zone, "Lag of worker processes", kWorkerLag, "worker_lag_seconds_by_worker");
  appendTimes(out, zone);
  appendConnections(out, zone);
  appendByLabel(out, zone, "Events refused", "refusals_total", "refusals_by_code");
  appendByLabel(out, zone, "Handshakes turned away", "handshakes_refused_total", "handshakes_refused_by_reason");
  appendByLabel(out, zone, "Answers of REST", "rest_responses_total", "rest_responses_by_status");
  appendByLabel(out, zone, "Answered with 403", "forbidden_total", "forbidden_by_reason");
  out.append("</div>\n");
  appendAll(out, zone);
  out.append("</section>\n");
}

std::string hashSource(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(asBytes(text).data(), text.size(), digest.data());
  std::string source = "'sha256-";
  engineio::appendBase64(source, asText(digest));
  return source.append("'");
}

}  // namespace

void appendStatusPage(std::string& out, std::span<const ZoneStatus> zones, std::int64_t now) {
  out.append("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<title>mediasync</title>\n");
  out.append("<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<style>");
  out.append(kStatusStyle).append("</style>\n<header><h1>mediasync</h1><span class=quiet>");
  out.append(escaped(kVersion)).append("</span><span id=state class=quiet>");
  out.append("<noscript>reload for newer figures; plots need JavaScript</noscript></span></header>\n");
  for (const ZoneStatus& zone : zones)
    appendZone(out, zone, now);
  out.append("<script>").append(kStatusScript).append("</script>\n");
}

std::string_view statusPagePolicy() {
  static const std::string policy = "default-src 'none'; connect-src 'self'; style-src " + hashSource(kStatusStyle) +
                                    "; script-src " + hashSource(kStatusScript) +
                                    "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return policy;
}

}  // namespace mediasync::api
