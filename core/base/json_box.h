// A JSON value for headers that hold one: they do without the header of nlohmann/json, which takes longer to compile
// than most of our files.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace mediasync {

// Holds one value, null at first. A null one takes no memory. After a move it may only be assigned to or destroyed.
class JsonBox {
 public:
  JsonBox();
  explicit JsonBox(nlohmann::json value);
  ~JsonBox();
  JsonBox(JsonBox&&) noexcept;
  JsonBox& operator=(JsonBox&&) noexcept;
  JsonBox& operator=(nlohmann::json value);

  // Holds the value that parseJson() makes of `text`; null when it refuses it.
  static JsonBox parsed(std::string_view text, std::size_t maxDepth);

  const nlohmann::json& operator*() const;
  const nlohmann::json* operator->() const { return &**this; }
  operator const nlohmann::json&() const { return **this; }  // it stands for its value

 private:
  std::unique_ptr<nlohmann::json> value_;  // never a null value
};

}  // namespace mediasync
