#include "core/api/timestamps.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace mediasync::api;

namespace {

constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
constexpr auto kMax = std::numeric_limits<std::int64_t>::max();

std::string timestampText(std::int64_t ms, TimestampUnit unit) {
  std::string out;
  JsonWriter writer(out);
  writeTimestamp(writer, ms, unit);
  return out;
}

std::string isoText(std::int64_t ms) {
  std::string out;
  JsonWriter writer(out);
  writeIsoTime(writer, ms);
  return out;
}

}  // namespace

TEST_CASE("timestamps in seconds are exact to the millisecond", "[api]") {
  struct Row {
    std::int64_t ms;
    const char* text;
  };
  for (const Row row :
       {Row{1640995200123, "1640995200.123"}, Row{1640995200000, "1640995200"}, Row{1640995200120, "1640995200.12"},
        Row{1640995200100, "1640995200.1"}, Row{1640995200001, "1640995200.001"}, Row{0, "0"}, Row{7, "0.007"},
        Row{-1, "-0.001"}, Row{-1500, "-1.5"}, Row{kMax, "9223372036854775.807"}, Row{kMin, "-9223372036854775.808"}}) {
    CHECK(timestampText(row.ms, TimestampUnit::kSeconds) == row.text);
  }
}

TEST_CASE("timestamps in milliseconds are integers", "[api]") {
  CHECK(timestampText(1640995200123, TimestampUnit::kMilliseconds) == "1640995200123");
  CHECK(timestampText(0, TimestampUnit::kMilliseconds) == "0");
}

TEST_CASE("ISO times are UTC with milliseconds", "[api]") {
  struct Row {
    std::int64_t ms;
    const char* text;
  };
  for (const Row row :
       {Row{1672531200000, R"("2023-01-01T00:00:00.000Z")"}, Row{0, R"("1970-01-01T00:00:00.000Z")"},
        Row{951782399999, R"("2000-02-28T23:59:59.999Z")"}, Row{951782400000, R"("2000-02-29T00:00:00.000Z")"},
        Row{1709210096007, R"("2024-02-29T12:34:56.007Z")"}, Row{1677628800000, R"("2023-03-01T00:00:00.000Z")"},
        Row{4107542400000, R"("2100-03-01T00:00:00.000Z")"}, Row{4107542399999, R"("2100-02-28T23:59:59.999Z")"},
        Row{253402300799999, R"("9999-12-31T23:59:59.999Z")"}}) {
    CHECK(isoText(row.ms) == row.text);
  }
}

TEST_CASE("ISO times are clamped to 1970 to 9999", "[api]") {
  CHECK(isoText(-1) == R"("1970-01-01T00:00:00.000Z")");
  CHECK(isoText(kMin) == R"("1970-01-01T00:00:00.000Z")");
  CHECK(isoText(253402300800000) == R"("9999-12-31T23:59:59.999Z")");
  CHECK(isoText(kMax) == R"("9999-12-31T23:59:59.999Z")");
}
