// Structs describe their fields once, for the code that reads them from JSON, writes them as JSON, keeps them as
// bytes or documents them. A struct has
//
//   static constexpr auto fields() { return std::tuple{field("position", &SyncPlayback::position, kPosition), …}; }
//
// with one entry for each of its members and bases, in the order in which clients see them. A struct that leaves one
// out does not compile where its fields are used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/base/member_count.h"
#include "core/session/refusal.h"

namespace mediasync::session {

// ---- forms: which values a field may have, and how they look

// Well-formed UTF-8 without control characters, so many bytes of it.
struct Text {
  std::size_t least;
  std::size_t most;
};
// Finite.
struct Number {
  double least = std::numeric_limits<double>::lowest();
  double most = std::numeric_limits<double>::max();
};
struct Flag {};
struct Count {};
struct Time {};     // epoch milliseconds, which clients see in the unit of their location
struct IsoTime {};  // epoch milliseconds, which clients see as a date
struct Choice {};   // of words that an enum has names for; the one without a name is not shown
struct Object {};   // a described struct
struct Objects {};  // a list of them

// ---- entries of fields()

// The uses of a field.
enum class Use : std::uint8_t {
  kAll,
  kKept,   // where bytes are kept, and not shown here
  kShown,  // shown here, and kept at another place of the order
};

template <class Member, class Form>
struct Field {
  std::string_view name;
  Member member;
  Form form;
  Use use;
  bool isRequired;  // of a command
  Refusal refusal;  // of a command: the answer to a value that is none of the form. None: it counts as absent
};

// The fields of a base, and of a member that is a struct, in the place of the entry.
template <class Base>
struct Inherited {};
template <class Member>
struct Part {
  Member member;
};

// Shown without being a member: the value follows from the others, or from the event that they belong to.
struct Computed {};
struct EventTime : Computed {  // when the event happened
  static constexpr std::string_view kName = "timestamp";
};

template <class Member, class Form>
constexpr Field<Member, Form> field(std::string_view name, Member member, Form form) {
  return {name, member, form, Use::kAll, false, {}};
}
template <class Member, class Form>
constexpr Field<Member, Form> kept(std::string_view name, Member member, Form form) {
  return {name, member, form, Use::kKept, false, {}};
}
template <class Member, class Form>
constexpr Field<Member, Form> shown(std::string_view name, Member member, Form form) {
  return {name, member, form, Use::kShown, false, {}};
}
// A field that a command must have.
template <class Member, class Form>
constexpr Field<Member, Form> required(std::string_view name, Member member, Form form, const Refusal& refusal) {
  return {name, member, form, Use::kAll, true, refusal};
}
template <class Member, class Form>
constexpr Field<Member, Form> optional(std::string_view name, Member member, Form form, const Refusal& refusal) {
  return {name, member, form, Use::kAll, false, refusal};
}
template <class Member>
constexpr Part<Member> part(Member member) {
  return {member};
}

// ---- that nothing is left out

namespace detail {

// The number of members that an entry stands for.
template <class Entry>
constexpr std::size_t membersOf(const Entry& entry) {
  if constexpr (std::is_base_of_v<Computed, Entry>) {
    return 0;
  } else if constexpr (requires { entry.use; }) {
    return entry.use == Use::kShown ? 0 : 1;
  } else {
    return 1;
  }
}

template <class T>
constexpr auto checkedFields() {
  constexpr auto fields = T::fields();
  constexpr std::size_t count =
      std::apply([](const auto&... entries) { return (std::size_t{0} + ... + membersOf(entries)); }, fields);
  static_assert(count == memberCount<T>(), "fields() describes each member and each base once");
  return fields;
}

}  // namespace detail

// The entries of a struct.
template <class T>
inline constexpr auto kFields = detail::checkedFields<std::remove_const_t<T>>();

// ---- going through them

template <class T, class Fn>
constexpr bool allFields(T& object, Fn&& fn);

namespace detail {

template <class T, class Fn, class Entry>
constexpr bool visit(const Entry& entry, T& object, Fn& fn) {
  return fn(entry, object);
}
template <class T, class Fn, class Member>
constexpr bool visit(const Part<Member>& entry, T& object, Fn& fn) {
  return allFields(object.*entry.member, fn);
}
template <class T, class Fn, class Base>
constexpr bool visit(const Inherited<Base>&, T& object, Fn& fn) {
  return allFields(static_cast<std::conditional_t<std::is_const_v<T>, const Base, Base>&>(object), fn);
}

}  // namespace detail

// Calls fn(entry, owner) for each entry, with the struct that has the member, until one is false. Whether none was.
template <class T, class Fn>
constexpr bool allFields(T& object, Fn&& fn) {
  return std::apply([&](const auto&... entries) { return (detail::visit(entries, object, fn) && ...); }, kFields<T>);
}

// The same for all.
template <class T, class Fn>
constexpr void eachField(T& object, Fn&& fn) {
  allFields(object, [&fn](const auto& entry, auto& owner) {
    fn(entry, owner);
    return true;
  });
}

// Calls fn(member, entry) for each member that is kept, in the order of the bytes.
template <class T, class Fn>
constexpr void eachKept(T& object, Fn&& fn) {
  eachField(object, [&fn](const auto& entry, auto& owner) {
    if constexpr (requires { entry.member; }) {
      if (entry.use != Use::kShown) fn(owner.*entry.member, entry);
    }
  });
}

// Calls fn(a's, b's) for each member of two structs that are described alike.
template <class A, class B, class Fn>
constexpr void eachPair(A& a, B& b, Fn&& fn) {
  static_assert(std::tuple_size_v<decltype(kFields<A>)> == std::tuple_size_v<decltype(kFields<B>)>);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (fn(a.*std::get<I>(kFields<A>).member, b.*std::get<I>(kFields<B>).member), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(kFields<A>)>>());
}

template <class T>
inline constexpr bool isOptional = false;
template <class T>
inline constexpr bool isOptional<std::optional<T>> = true;

}  // namespace mediasync::session
