#include "core/api/status.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/api/status_page.h"

using namespace mediasync::api;
using Kind = Metric::Kind;

namespace {

ZoneStatus sample(std::string_view zone) {
  return {zone,
          {{"sessions", "Sessions", Kind::kGauge, 3},
           {"lag_seconds", "Lag", Kind::kGauge, 1250, {"worker", "0"}, {}, 1000},
           {"lag_seconds", "Lag", Kind::kGauge, 20, {"worker", "1"}, {}, 1000},
           {"refusals_total", "Refused", Kind::kCounter, 2, {"code", "A"}},
           {"refusals_total", "Refused", Kind::kCounter, 5, {"code", "B"}},
           {"links", "Links", Kind::kGauge, 1, {"transport", "polling"}, {"revision", "3"}},
           {"links", "Links", Kind::kGauge, 4, {"transport", "polling"}, {"revision", "4"}}},
          {{"turn_seconds", "Turns", {{1'000, 1}, {2'000, 2}}, 1, 4'500'000}}};
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string decimal(std::uint64_t value, std::uint64_t perUnit) {
  std::string out;
  appendDecimal(out, value, perUnit);
  return out;
}

}  // namespace

TEST_CASE("decimals have no more digits than they need", "[status]") {
  CHECK(decimal(0, 1000) == "0");
  CHECK(decimal(1250, 1000) == "1.25");
  CHECK(decimal(16, 1'000'000) == "0.000016");
  CHECK(decimal(33'554'432, 1'000'000) == "33.554432");
  CHECK(decimal(7, 1) == "7");
}

TEST_CASE("the figures of one zone as JSON", "[status]") {
  std::string out;
  appendStatusJson(out, sample("rooms"));
  const auto json = nlohmann::json::parse(out);
  CHECK(json["zone"] == "rooms");
  CHECK(json["version"].is_string());
  CHECK(json["sessions"] == 3);
  CHECK(json["lag_seconds"] == 1.25);
  CHECK(json["lag_seconds_by_worker"] == nlohmann::json{{"0", 1.25}, {"1", 0.02}});
  CHECK(json["refusals_total"] == 7);  // as before it had labels
  CHECK(json["refusals_by_code"] == nlohmann::json{{"A", 2}, {"B", 5}});
  CHECK(json["links"] == 5);
  CHECK(json["links_by_transport"] == nlohmann::json{{"polling", 5}});
  CHECK(json["links_by_revision"] == nlohmann::json{{"3", 1}, {"4", 4}});
  CHECK(json["turn_seconds"]["count"] == 4);
  CHECK(json["turn_seconds"]["sum"] == 4.5);
  CHECK(json["turn_seconds"]["p50"] == 0.0015);
  CHECK(json["turn_seconds"]["p99"] == 0.002);  // above it nothing is known
}

TEST_CASE("several zones as JSON", "[status]") {
  const std::array zones{sample("a"), sample("b")};
  std::string out;
  appendStatusJson(out, zones);
  const auto json = nlohmann::json::parse(out);
  REQUIRE(json["zones"].size() == 2);
  CHECK(json["zones"][1]["zone"] == "b");
}

TEST_CASE("Prometheus gets each name once, with the samples of all zones", "[status]") {
  const std::array zones{sample("a"), sample("q\"uo\\te")};
  std::string out;
  appendStatusPrometheus(out, zones);
  CHECK(has(out,
            "# HELP mediasync_refusals_total Refused\n# TYPE mediasync_refusals_total counter\n"
            "mediasync_refusals_total{zone=\"a\",code=\"A\"} 2\nmediasync_refusals_total{zone=\"a\",code=\"B\"} 5\n"
            "mediasync_refusals_total{zone=\"q\\\"uo\\\\te\",code=\"A\"} 2\n"));
  CHECK(has(out, "mediasync_links{zone=\"a\",transport=\"polling\",revision=\"3\"} 1\n"));
  CHECK(has(out, "mediasync_lag_seconds{zone=\"a\",worker=\"0\"} 1.25\n"));
  CHECK(has(out,
            "# TYPE mediasync_turn_seconds histogram\n"
            "mediasync_turn_seconds_bucket{zone=\"a\",le=\"0.001\"} 1\n"
            "mediasync_turn_seconds_bucket{zone=\"a\",le=\"0.002\"} 3\n"
            "mediasync_turn_seconds_bucket{zone=\"a\",le=\"+Inf\"} 4\n"
            "mediasync_turn_seconds_sum{zone=\"a\"} 4.5\nmediasync_turn_seconds_count{zone=\"a\"} 4\n"));
  CHECK(has(out, "mediasync_build_info{version=\""));
  const auto first = out.find("# TYPE mediasync_sessions ");
  CHECK(out.find("# TYPE mediasync_sessions ", first + 1) == std::string::npos);
}

TEST_CASE("a distribution without values has no quantiles", "[status]") {
  CHECK(Distribution{"x", "", {{1, 0}}}.quantile(0.5) == 0);
  CHECK(Distribution{"x", "", {{1, 0}}, 3}.quantile(0.5) == 1);
}

TEST_CASE("the page has the numbers without its script, and escapes what operators named", "[status]") {
  const std::array zones{sample("<b>&\"")};
  std::string out;
  appendStatusPage(out, zones, 0);
  CHECK(has(out, "&lt;b>&amp;&quot;"));
  CHECK_FALSE(has(out, "<b>&"));
  CHECK(has(out, "data-figure=sessions data-kind=number>Sessions<b>3</b>"));
  CHECK(has(out, "data-figure=\"refusals_by_code/B\" data-kind=number>5"));
  CHECK_FALSE(has(out, "src="));
  CHECK_FALSE(has(out, " style="));  // which the policy would not let through
  CHECK(statusPagePolicy().find("unsafe") == std::string_view::npos);
}
