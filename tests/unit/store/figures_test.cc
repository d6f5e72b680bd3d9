#include "core/store/figures.h"

#include <catch2/catch.hpp>
#include <memory>

#include "tests/unit/store/test_zone.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

TEST_CASE("a histogram has each value in the place whose bound it does not exceed", "[figures]") {
  auto histogram = std::make_unique<Histogram>();
  for (const std::int64_t value : {0, 1, 16})
    histogram->observe(value);
  CHECK(histogram->count(0) == 3);
  for (std::size_t place = 1; place < Histogram::kBounds; ++place) {
    const auto bound = static_cast<std::int64_t>(Histogram::bound(place));
    histogram->observe(bound / 2 + 1);
    histogram->observe(bound);
    CAPTURE(place);
    CHECK(histogram->count(place) == 2);
  }
  histogram->observe(static_cast<std::int64_t>(Histogram::bound(Histogram::kBounds - 1)) + 1);
  histogram->observe(std::int64_t{1} << 60);
  CHECK(histogram->count(Histogram::kBounds) == 2);
}

TEST_CASE("a histogram sums what it counts, and leaves out what is negative", "[figures]") {
  auto histogram = std::make_unique<Histogram>();
  histogram->observe(-5);
  histogram->observe(100);
  histogram->observe(23);
  CHECK(histogram->sum() == 123);
  CHECK(histogram->count(0) == 0);
}

TEST_CASE("workers of a large zone count each for itself, those of a small one together", "[figures]") {
  TestZone small(1 << 20, 1);
  CHECK(small.zone.counterBlocks() == 4);
  CHECK(&small.zone.counters(0) == &small.zone.counters(4));
  CHECK(&small.zone.counters(0) != &small.zone.counters(3));
  TestZone large(64 << 20, 1);
  CHECK(large.zone.counterBlocks() == 64);
  CHECK(&large.zone.counters(511) == &large.zone.counters(63));
  CHECK(reinterpret_cast<std::uintptr_t>(&large.zone.counters(1)) % 64 == 0);
}

TEST_CASE("the code of each refusal has a place of its own", "[figures]") {
  for (std::size_t place = 0; place < session::kRefusals.size(); ++place)
    CHECK(session::placeOf(session::kRefusals[place].code) == place);
  CHECK(session::placeOf("NO_SUCH_CODE") == session::kRefusals.size());
}
