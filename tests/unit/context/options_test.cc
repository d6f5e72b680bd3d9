// Options that connections share.
#include "core/context/options.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

using namespace mediasync::server;

TEST_CASE("options that are alike are kept once", "[server][options]") {
  OptionsPool pool;
  Options options;
  const SharedOptions first = pool.share(options);
  CHECK(*first == options);
  CHECK(pool.share(Options{}) == first);
  options.rates.replies = {60, 1};
  const SharedOptions second = pool.share(options);
  CHECK(second != first);
  CHECK(*second == options);
  CHECK(pool.share(Options{}) == first);
}

TEST_CASE("options of many users are told apart, and do not pile up", "[server][options]") {
  OptionsPool pool;
  Options options;
  const std::weak_ptr<const Options> first = pool.share(options);
  for (int i = 0; i < 100; ++i) {
    options.user = std::to_string(i);
    CHECK(pool.share(options)->user == std::to_string(i));
  }
  CHECK(first.expired());
}
