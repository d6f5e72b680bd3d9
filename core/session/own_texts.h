// Copies of the texts that a struct refers to, for as long as they are needed after the lock they were read under.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/session/field.h"

namespace mediasync::session {

// Calls fn with a reference to each text of a described struct, and of those within it.
template <class Fn>
void eachTextOf(std::string_view& text, Fn& fn) {
  fn(text);
}
template <class Fn>
void eachTextOf(std::optional<std::string_view>& text, Fn& fn) {
  if (text) fn(*text);
}
template <class T, class Fn>
void eachTextOf(T& value, Fn& fn) {
  if constexpr (requires { T::fields(); }) {
    eachField(value, [&fn](const auto& entry, auto& owner) {
      if constexpr (requires { entry.member; }) eachTextOf(owner.*entry.member, fn);
    });
  }
}
template <class T, class Fn>
void eachTextOf(std::vector<T>& list, Fn& fn) {
  for (T& one : list)
    eachTextOf(one, fn);
}

class OwnTexts {
 public:
  OwnTexts() = default;
  OwnTexts(const OwnTexts&) = delete;
  OwnTexts& operator=(const OwnTexts&) = delete;

  // All texts of the struct, and of those within it, are views of these copies from now on. Of a struct that was given
  // before they are nothing any more.
  template <class T>
  void takeFrom(T& object) {
    std::size_t bytes = 0;
    const auto count = [&bytes](const std::string_view& text) { bytes += text.size(); };
    eachTextOf(object, count);
    texts_.clear();
    texts_.reserve(bytes);
    const auto copy = [this](std::string_view& text) {
      const std::size_t at = texts_.size();
      texts_.append(text);
      text = {texts_.data() + at, text.size()};
    };
    eachTextOf(object, copy);
  }

 private:
  std::string texts_;
};

}  // namespace mediasync::session
