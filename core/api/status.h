// The state of a zone, for operators: as JSON and as Prometheus text (exposition format 0.0.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mediasync::api {

struct Metric {
  enum class Kind { kGauge, kCounter };
  std::string_view name;  // as in Prometheus, without the prefix "mediasync_": counters end in _total
  std::string_view help;
  Kind kind;
  std::uint64_t value;
  // Metrics of one name, which stand together, differ in this. In JSON they are members of one object.
  struct Label {
    std::string_view name;
    std::string_view value;
  };
  std::optional<Label> label = std::nullopt;
};

void appendStatusJson(std::string& out, std::string_view zone, const std::vector<Metric>&);
void appendStatusPrometheus(std::string& out, std::string_view zone, const std::vector<Metric>&);

}  // namespace mediasync::api
