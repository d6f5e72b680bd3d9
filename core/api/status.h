// The state of zones for operators, as JSON and as Prometheus text (exposition format 0.0.4).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mediasync::api {

struct Label {
  Label() = default;
  Label(std::string_view labelName, std::string_view labelValue) : name(labelName), value(labelValue) {}
  std::string_view name;  // "": no label
  std::string value;
};

// One figure. Figures of one name, which differ in their labels, must be adjacent.
struct Metric {
  using Label = api::Label;
  enum class Kind { kGauge, kCounter };
  std::string_view name;  // as in Prometheus, without the prefix "mediasync_"; counters end in _total
  std::string_view help;
  Kind kind;
  std::uint64_t value;
  Label label = {};
  Label second = {};          // only beside a first label
  std::uint32_t perUnit = 1;  // the displayed value is value / perUnit; a power of ten
};

// A histogram, with values in millionths of the displayed unit.
struct Distribution {
  struct Bucket {
    std::uint64_t bound;
    std::uint64_t count;  // of values up to the bound and above the previous one
  };
  std::string_view name;
  std::string_view help;
  std::vector<Bucket> buckets;  // by their bounds
  std::uint64_t above = 0;      // of values above all bounds
  std::uint64_t sum = 0;

  std::uint64_t count() const;
  // The value below which that share of all values lies, as exactly as the buckets tell. 0 if there are none.
  std::uint64_t quantile(double share) const;
};

struct ZoneStatus {
  std::string_view zone;  // the zone's name
  std::vector<Metric> metrics;
  std::vector<Distribution> distributions;
};

// An object with the figures of one zone. A figure with labels appears as the sum (for a time, the maximum) and, by
// label, as an object "NAME_by_LABEL", without the "_total" of its name.
void appendStatusJson(std::string& out, const ZoneStatus&);
// An object with all zones, as "zones".
void appendStatusJson(std::string& out, std::span<const ZoneStatus>);
void appendStatusPrometheus(std::string& out, std::span<const ZoneStatus>);

// Appends value / perUnit without trailing zeros.
void appendDecimal(std::string& out, std::uint64_t value, std::uint64_t perUnit);

}  // namespace mediasync::api
