// Structs that describe their fields (core/session/field.h), as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/api/json_writer.h"
#include "core/api/media_path.h"
#include "core/api/timestamps.h"
#include "core/session/event.h"
#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/stall.h"

namespace mediasync::api {

// Settings that apply to a whole text.
struct Showing {
  TimestampUnit unit;
  std::int64_t at = 0;            // when the event happened
  std::string_view objects = {};  // the array of a list, when it is there already; the list is not looked at then
};

// Writes the fields into an object that the caller has begun.
template <class T>
void writeFields(JsonWriter& json, const T& object, const Showing& showing);

template <class T>
void writeObject(JsonWriter& json, const T& object, const Showing& showing) {
  json.beginObject();
  writeFields(json, object, showing);
  json.endObject();
}

namespace detail {

// ---- values, by their forms. `owner` is the struct that has the field.

template <class Owner>
void writeValue(JsonWriter& json, std::string_view text, session::Text, const Owner&, const Showing&) {
  json.string(text);
}
template <class Owner>
void writeValue(JsonWriter& json, const std::optional<std::string_view>& text, session::Text, const Owner&,
                const Showing&) {
  json.stringOrNull(text);
}
template <class Owner>
void writeValue(JsonWriter& json, const std::optional<std::string_view>& id, session::IdOfUrl, const Owner& owner,
                const Showing&) {
  json.stringOrNull(id ? id : owner.mediaUrl);
}
template <class Owner>
void writeValue(JsonWriter& json, const std::optional<std::string_view>& title, session::TitleOfUrl, const Owner& owner,
                const Showing&) {
  const std::optional<std::string_view> url = owner.mediaUrl;
  if (!title && url) {
    json.string(mediaFileName(*url));
  } else {
    json.stringOrNull(title);
  }
}
template <class Owner>
void writeValue(JsonWriter& json, const std::optional<double>& duration, session::LengthOfUrl, const Owner& owner,
                const Showing&) {
  const bool hasUrl = std::optional<std::string_view>(owner.mediaUrl).has_value();
  json.numberOrNull(!duration && hasUrl ? std::optional(0.0) : duration);
}
template <class Owner>
void writeValue(JsonWriter& json, double number, session::Number, const Owner&, const Showing&) {
  json.number(number);
}
template <class Owner>
void writeValue(JsonWriter& json, const std::optional<double>& number, session::Number, const Owner&, const Showing&) {
  json.numberOrNull(number);
}
template <class Owner>
void writeValue(JsonWriter& json, bool flag, session::Flag, const Owner&, const Showing&) {
  json.boolean(flag);
}
template <class Owner>
void writeValue(JsonWriter& json, std::uint32_t count, session::Count, const Owner&, const Showing&) {
  json.integer(count);
}
template <class Owner>
void writeValue(JsonWriter& json, std::int64_t time, session::Time, const Owner&, const Showing& showing) {
  writeTimestamp(json, time, showing.unit);
}
template <class Owner>
void writeValue(JsonWriter& json, std::int64_t time, session::IsoTime, const Owner&, const Showing&) {
  writeIsoTime(json, time);
}
template <class T, class Owner>
void writeValue(JsonWriter& json, const T& object, session::Object, const Owner&, const Showing& showing) {
  writeObject(json, object, showing);
}
template <class T, class Owner>
void writeValue(JsonWriter& json, const T* object, session::Object, const Owner&, const Showing& showing) {
  writeObject(json, *object, showing);
}
template <class T, class Owner>
void writeValue(JsonWriter& json, const std::vector<T>& list, session::Objects, const Owner&, const Showing& showing) {
  if (!showing.objects.empty()) {
    json.raw(showing.objects);
    return;
  }
  json.beginArray();
  for (const T& object : list)
    writeObject(json, object, showing);
  json.endArray();
}

// ---- entries

template <class Member, class Form, class Owner>
void writeEntry(JsonWriter& json, const session::Field<Member, Form>& entry, const Owner& owner,
                const Showing& showing) {
  if (entry.use == session::Use::kKept) return;
  json.key(entry.name);
  writeValue(json, owner.*entry.member, entry.form, owner, showing);
}
template <class Member, class Owner>
void writeEntry(JsonWriter& json, const session::Field<Member, session::Choice>& entry, const Owner& owner,
                const Showing&) {
  const std::string_view name = nameOf(owner.*entry.member);
  if (!name.empty()) json.key(entry.name).string(name);
}
template <class Owner>
void writeEntry(JsonWriter& json, const session::EventTime& entry, const Owner&, const Showing& showing) {
  json.key(entry.kName);
  writeTimestamp(json, showing.at, showing.unit);
}
template <class Owner>
void writeEntry(JsonWriter& json, const session::Beginning& entry, const Owner& owner, const Showing& showing) {
  if (owner.state.lastUpdateTime <= showing.at) return;
  json.key(entry.kName);
  writeTimestamp(json, owner.state.lastUpdateTime, showing.unit);
}

}  // namespace detail

template <class T>
void writeFields(JsonWriter& json, const T& object, const Showing& showing) {
  session::eachField(object,
                     [&](const auto& entry, const auto& owner) { detail::writeEntry(json, entry, owner, showing); });
}

}  // namespace mediasync::api
