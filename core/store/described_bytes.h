// Structs that describe their fields (core/session/field.h), as bytes: their fields one behind the other. What is not
// kept is left out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/session/event.h"
#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/stall.h"
#include "core/store/byte_codec.h"

namespace mediasync::store {

namespace detail {

// ---- values

template <class T>
void put(ByteWriter& out, const T& value) {
  out.put(value);
}
inline void put(ByteWriter& out, session::Problem problem) {
  out.put(static_cast<std::uint8_t>(problem));
}
inline void put(ByteWriter& out, session::Presence presence) {
  out.put(static_cast<std::uint8_t>(presence));
}
// By the wall clock: the monotonic one begins anew with the machine.
inline void put(ByteWriter& out, Instant instant) {
  out.put(instant.wall);
}
inline void put(ByteWriter& out, const std::optional<SecretHash>& secret) {
  out.put(secret ? std::optional(asText(*secret)) : std::nullopt);
}

template <class T>
void get(ByteReader& in, T& value) {
  in.get(value);
}
inline void get(ByteReader& in, session::Problem& problem) {
  std::uint8_t number = 0;
  in.get(number);
  if (number >= std::size(session::kProblemNames)) return in.fail();
  problem = static_cast<session::Problem>(number);
}
inline void get(ByteReader& in, session::Presence& presence) {
  std::uint8_t number = 0;
  in.get(number);
  if (number > static_cast<std::uint8_t>(session::Presence::kAway)) return in.fail();
  presence = static_cast<session::Presence>(number);
}
inline void get(ByteReader& in, Instant& instant) {
  in.get(instant.wall);
}
inline void get(ByteReader& in, std::optional<SecretHash>& secret) {
  std::optional<std::string_view> bytes;
  in.get(bytes);
  if (!bytes) return;
  secret.emplace();  // of another length it is none that anybody has: better nobody than anybody
  std::copy_n(bytes->begin(), std::min(bytes->size(), secret->size()), secret->begin());
}

// ---- kinds of values

template <class T>
inline constexpr std::uint32_t kKind = std::is_integral_v<T> || std::is_enum_v<T>          ? sizeof(T)
                                       : std::is_floating_point_v<T>                       ? 0x10
                                       : std::is_convertible_v<const T&, std::string_view> ? 0x20
                                                                                           : 0x40 + sizeof(T);
template <class T>
inline constexpr std::uint32_t kKind<std::optional<T>> = 0x100 + kKind<T>;

constexpr std::uint32_t mix(std::uint32_t hash, std::uint32_t value) {
  return (hash ^ value) * 16'777'619U;  // FNV-1a
}

}  // namespace detail

template <class T>
void putFields(ByteWriter& out, const T& object) {
  session::eachKept(object, [&out](const auto& value, const auto&) { detail::put(out, value); });
}

// Reads the fields. False: they are incomplete. Views in `object` then point into the bytes.
template <class T>
bool getFields(ByteReader& in, T& object) {
  session::eachKept(object, [&in](auto& value, const auto&) { detail::get(in, value); });
  return in.ok();
}

// A number that is another one when the fields that are kept are others, or of other types, or in another order. Goes
// on from `hash`, that of another struct, or 0.
template <class T>
constexpr std::uint32_t layoutOf(std::uint32_t hash) {
  const T object{};
  session::eachKept(object, [&hash](const auto& value, const auto& entry) {
    for (const char c : entry.name)
      hash = detail::mix(hash, static_cast<unsigned char>(c));
    hash = detail::mix(hash, detail::kKind<std::remove_cvref_t<decltype(value)>>);
  });
  return hash;
}

// The same number for all events.
constexpr std::uint32_t layoutOfEvents() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    std::uint32_t hash = 0;
    ((hash = layoutOf<std::variant_alternative_t<I, session::EventBody>>(hash)), ...);
    return hash;
  }
  (std::make_index_sequence<std::variant_size_v<session::EventBody>>());
}

}  // namespace mediasync::store
