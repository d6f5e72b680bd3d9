// Values as consecutive bytes in the machine's own form, to be read again on the same machine. Texts carry their
// length, and optional values their presence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace mediasync::store {

// Appends to `out`, which must outlive the writer.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  template <class T>
  void put(T value) requires std::is_arithmetic_v<T> {
    if constexpr (std::is_same_v<T, bool>) {
      put(static_cast<std::uint8_t>(value));
    } else {
      out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
  }
  // `text` may have up to 65,535 bytes.
  void put(std::string_view text) {
    put(static_cast<std::uint16_t>(text.size()));
    out_.append(text);
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }

 private:
  std::string& out_;
};

// Failure is sticky: after it every read returns a default value. Views point into the bytes.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  explicit ByteReader(std::string_view bytes)
      : bytes_(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()) {}

  bool ok() const { return ok_; }
  // Marks the input as invalid.
  void fail() { ok_ = false; }
  // True if everything has been read without failure.
  bool atEnd() const { return ok_ && bytes_.empty(); }

  template <class T>
  void get(T& value) requires std::is_arithmetic_v<T> {
    if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t byte = 0;
      get(byte);
      value = byte != 0;
    } else {
      const std::string_view taken = take(sizeof value);
      if (!taken.empty()) std::memcpy(&value, taken.data(), sizeof value);
    }
  }
  void get(std::string_view& text) {
    std::uint16_t size = 0;
    get(size);
    text = take(size);
  }
  void get(std::string& text) {
    std::string_view view;
    get(view);
    text = view;
  }
  template <class T>
  void get(std::optional<T>& value) {
    bool present = false;
    get(present);
    if (present) {
      get(value.emplace());
    } else {
      value.reset();
    }
  }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) ok_ = false;
    if (!ok_) return {};
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

}  // namespace mediasync::store
