// Structs with something in every field that they describe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/stall.h"

namespace mediasync::session {

// Gives each field a value that differs from those of others: texts are the field's name, times lie before `now`.
class Filler {
 public:
  explicit Filler(Instant now) : now_(now) {}

  template <class T, class Entry>
  void operator()(T& value, const Entry& entry) {
    ++count_;
    fill(value, entry);
  }

 private:
  void fill(bool& flag, const auto&) { flag = true; }
  void fill(double& number, const auto&) { number = 1.25 + count_ / 4.0; }
  void fill(std::int64_t& time, const auto&) { time = now_.wall - 1000 * count_; }
  void fill(Instant& instant, const auto&) { instant.wall = now_.wall - 1000 * count_; }
  void fill(std::uint64_t& number, const auto&) { number = static_cast<std::uint64_t>(count_); }
  void fill(std::string& text, const auto& entry) { text = entry.name; }
  void fill(std::string_view& text, const auto& entry) { text = entry.name; }
  void fill(Problem& problem, const auto&) { problem = Problem::kMissing; }
  void fill(Presence& presence, const auto&) { presence = Presence::kAway; }
  void fill(SecretHash& hash, const auto&) { hash.fill(7); }
  template <class T>
  void fill(std::optional<T>& value, const auto& entry) {
    fill(value.emplace(), entry);
  }

  Instant now_;
  int count_ = 0;
};

}  // namespace mediasync::session
