#include "core/api/status.h"

#include <catch2/catch.hpp>

using namespace mediasync::api;

namespace {

using Kind = Metric::Kind;

const std::vector<Metric> kMetrics{{"workers", "Worker processes", Kind::kGauge, 2},
                                   {"ended_total", "Ends", Kind::kCounter, 3, Metric::Label{"reason", "a b"}},
                                   {"ended_total", "Ends", Kind::kCounter, 4, Metric::Label{"reason", "c"}},
                                   {"begun_total", "Beginnings", Kind::kCounter, 5, Metric::Label{"way", "d"}}};

}  // namespace

TEST_CASE("metrics of one name are an object in JSON, with a member for each label", "[status]") {
  std::string json;
  appendStatusJson(json, "watch", kMetrics);
  CHECK(json == R"({"zone":"watch","workers":2,"ended_total":{"a b":3,"c":4},"begun_total":{"d":5}})");
  json.clear();
  appendStatusJson(json, "watch", {kMetrics[1], kMetrics[0]});
  CHECK(json == R"({"zone":"watch","ended_total":{"a b":3},"workers":2})");
}

TEST_CASE("metrics of one name have one description in Prometheus' format, and a line for each label", "[status]") {
  std::string text;
  appendStatusPrometheus(text, "watch", kMetrics);
  CHECK(text == R"(# HELP mediasync_workers Worker processes
# TYPE mediasync_workers gauge
mediasync_workers{zone="watch"} 2
# HELP mediasync_ended_total Ends
# TYPE mediasync_ended_total counter
mediasync_ended_total{zone="watch",reason="a b"} 3
mediasync_ended_total{zone="watch",reason="c"} 4
# HELP mediasync_begun_total Beginnings
# TYPE mediasync_begun_total counter
mediasync_begun_total{zone="watch",way="d"} 5
)");
}
