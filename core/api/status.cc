#include "core/api/status.h"

#include <algorithm>

#include "core/api/json_writer.h"
#include "core/base/version.h"

namespace mediasync::api {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::string_view kTotal = "_total";

// The metrics of one name, from there on.
std::span<const Metric> familyAt(std::span<const Metric> metrics, std::size_t begin) {
  std::size_t end = begin;
  while (end < metrics.size() && metrics[end].name == metrics[begin].name)
    ++end;
  return metrics.subspan(begin, end - begin);
}

std::string decimal(std::uint64_t value, std::uint64_t perUnit) {
  std::string text;
  appendDecimal(text, value, perUnit);
  return text;
}

// The values by one label of theirs.
void writeByLabel(JsonWriter& json, std::span<const Metric> family, Label Metric::*label) {
  std::string_view base = family.front().name;
  if (base.ends_with(kTotal)) base.remove_suffix(kTotal.size());
  json.key(std::string(base) + "_by_" + std::string((family.front().*label).name)).beginObject();
  for (std::size_t i = 0; i < family.size(); ++i) {
    const std::string& value = (family[i].*label).value;
    const auto isSame = [&](const Metric& other) { return (other.*label).value == value; };
    if (std::any_of(family.begin(), family.begin() + static_cast<std::ptrdiff_t>(i), isSame)) continue;
    std::uint64_t sum = 0;
    for (const Metric& other : family)
      sum += isSame(other) ? other.value : 0;
    json.key(value).raw(decimal(sum, family.front().perUnit));
  }
  json.endObject();
}

// The longest time of all labels, or the sum.
std::uint64_t wholeOf(std::span<const Metric> family) {
  std::uint64_t whole = 0;
  for (const Metric& one : family)
    whole = one.name.ends_with("_seconds") ? std::max(whole, one.value) : whole + one.value;
  return whole;
}

void writeFamily(JsonWriter& json, std::span<const Metric> family) {
  const Metric& first = family.front();
  json.key(first.name).raw(decimal(wholeOf(family), first.perUnit));
  if (!first.label.name.empty()) writeByLabel(json, family, &Metric::label);
  if (!first.second.name.empty()) writeByLabel(json, family, &Metric::second);
}

void writeDistribution(JsonWriter& json, const Distribution& one) {
  json.key(one.name).beginObject();
  json.key("count").raw(std::to_string(one.count()));
  json.key("sum").raw(decimal(one.sum, kMillion));
  json.key("p50").raw(decimal(one.quantile(0.5), kMillion));
  json.key("p99").raw(decimal(one.quantile(0.99), kMillion));
  json.endObject();
}

void writeZone(JsonWriter& json, const ZoneStatus& status) {
  json.beginObject();
  json.key("zone").string(status.zone);
  json.key("version").string(kVersion);
  for (std::size_t i = 0; i < status.metrics.size();) {
    const auto family = familyAt(status.metrics, i);
    writeFamily(json, family);
    i += family.size();
  }
  for (const Distribution& one : status.distributions)
    writeDistribution(json, one);
  json.endObject();
}

void appendLabel(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append("=\"");
  for (const char c : value) {
    if (c == '\\' || c == '"') out.push_back('\\');
    out.append(c == '\n' ? "\\n" : std::string_view(&c, 1));
  }
  out.push_back('"');
}

void appendHeader(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  out.append("# HELP mediasync_").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE mediasync_").append(name).append(" ").append(type).append("\n");
}

void appendSample(std::string& out, std::string_view zone, const Metric& metric) {
  out.append("mediasync_").append(metric.name).append("{");
  appendLabel(out, "zone", zone);
  for (const Label* label : {&metric.label, &metric.second}) {
    if (label->name.empty()) continue;
    out.push_back(',');
    appendLabel(out, label->name, label->value);
  }
  out.append("} ");
  appendDecimal(out, metric.value, metric.perUnit);
  out.push_back('\n');
}

void appendBucket(std::string& out, std::string_view zone, std::string_view name, std::string_view bound,
                  std::uint64_t count) {
  out.append("mediasync_").append(name).append("_bucket{");
  appendLabel(out, "zone", zone);
  out.push_back(',');
  appendLabel(out, "le", bound);
  out.append("} ").append(std::to_string(count)).push_back('\n');
}

void appendDistribution(std::string& out, std::string_view zone, const Distribution& one) {
  std::uint64_t count = 0;
  for (const Distribution::Bucket& bucket : one.buckets)
    appendBucket(out, zone, one.name, decimal(bucket.bound, kMillion), count += bucket.count);
  appendBucket(out, zone, one.name, "+Inf", count += one.above);
  const auto end = [&](std::string_view suffix, const std::string& value) {
    out.append("mediasync_").append(one.name).append(suffix).append("{");
    appendLabel(out, "zone", zone);
    out.append("} ").append(value).push_back('\n');
  };
  end("_sum", decimal(one.sum, kMillion));
  end("_count", std::to_string(count));
}

}  // namespace

std::uint64_t Distribution::count() const {
  std::uint64_t all = above;
  for (const Bucket& bucket : buckets)
    all += bucket.count;
  return all;
}

std::uint64_t Distribution::quantile(double share) const {
  const double wanted = share * static_cast<double>(count());
  std::uint64_t below = 0;
  std::uint64_t from = 0;
  for (const Bucket& bucket : buckets) {
    const auto reached = static_cast<double>(below + bucket.count);
    if (bucket.count > 0 && reached >= wanted) {
      const double part = (wanted - static_cast<double>(below)) / static_cast<double>(bucket.count);
      return from + static_cast<std::uint64_t>(part * static_cast<double>(bucket.bound - from));
    }
    below += bucket.count;
    from = bucket.bound;
  }
  return above == 0 ? 0 : from;
}

void appendDecimal(std::string& out, std::uint64_t value, std::uint64_t perUnit) {
  out.append(std::to_string(value / perUnit));
  std::uint64_t rest = value % perUnit;
  if (rest == 0) return;
  out.push_back('.');
  for (std::uint64_t digit = perUnit / 10; rest != 0; digit /= 10) {
    out.push_back(static_cast<char>('0' + rest / digit));
    rest %= digit;
  }
}

void appendStatusJson(std::string& out, const ZoneStatus& status) {
  JsonWriter json(out);
  writeZone(json, status);
}

void appendStatusJson(std::string& out, std::span<const ZoneStatus> zones) {
  JsonWriter json(out);
  json.beginObject().key("version").string(kVersion);
  json.key("zones").beginArray();
  for (const ZoneStatus& status : zones)
    writeZone(json, status);
  json.endArray().endObject();
}

// The samples of a name stand together, whatever their zone. All zones have figures of the same names in the same
// order.
void appendStatusPrometheus(std::string& out, std::span<const ZoneStatus> zones) {
  appendHeader(out, "build_info", "The version of mediasync", "gauge");
  out.append("mediasync_build_info{");
  appendLabel(out, "version", kVersion);
  out.append("} 1\n");
  if (zones.empty()) return;
  for (std::size_t i = 0; i < zones.front().metrics.size();) {
    const auto family = familyAt(zones.front().metrics, i);
    const Metric& first = family.front();
    appendHeader(out, first.name, first.help, first.kind == Metric::Kind::kGauge ? "gauge" : "counter");
    for (const ZoneStatus& status : zones) {
      for (const Metric& metric : status.metrics) {
        if (metric.name == first.name) appendSample(out, status.zone, metric);
      }
    }
    i += family.size();
  }
  for (const Distribution& shown : zones.front().distributions) {
    appendHeader(out, shown.name, shown.help, "histogram");
    for (const ZoneStatus& status : zones) {
      for (const Distribution& one : status.distributions) {
        if (one.name == shown.name) appendDistribution(out, status.zone, one);
      }
    }
  }
}

}  // namespace mediasync::api
