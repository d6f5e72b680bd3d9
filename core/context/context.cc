#include "core/context/context.h"

#include <exception>
#include <string>

namespace mediasync::server {

Context::Context(const store::Zone& tables, std::uint16_t slot, Environment& environment, std::uint32_t configuration)
    : zone(tables), id{slot, 0}, env(environment), counters(zone.counters(slot)), cycle(configuration) {}

store::RandomId Context::randomId() {
  store::RandomId random;
  env.random().fill(random);
  return random;
}

void Context::logFailure() {
  std::string what = "has a command that failed";
  try {
    throw;
  } catch (const std::exception& failure) {
    what += std::string(": ") + failure.what();
  } catch (...) {
  }
  env.log(Environment::Severity::kAlert, what);
}

}  // namespace mediasync::server
