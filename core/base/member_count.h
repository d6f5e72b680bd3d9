// The number of members and bases of an aggregate, so that a list of them can be checked for completeness.
#pragma once

#include <cstddef>

namespace mediasync {

namespace detail {

// Stands for a value of any type, where none is needed.
struct AnyValue {
  template <class T>
  operator T() const noexcept;
};

}  // namespace detail

template <class T, class... Values>
constexpr std::size_t memberCount() {
  if constexpr (requires { T{Values{}..., detail::AnyValue{}}; }) {
    return memberCount<T, Values..., detail::AnyValue>();
  } else {
    return sizeof...(Values);
  }
}

}  // namespace mediasync
