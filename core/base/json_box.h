// A JSON value for headers. It spares them the header of nlohmann/json, which takes longer to compile than most of our
// files.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace mediasync {

// Holds one value, initially null; a null value takes no memory. A moved-from box may only be assigned to or destroyed.
class JsonBox {
 public:
  JsonBox();
  explicit JsonBox(nlohmann::json value);
  ~JsonBox();
  JsonBox(JsonBox&&) noexcept;
  JsonBox& operator=(JsonBox&&) noexcept;
  JsonBox& operator=(nlohmann::json value);

  // Holds the result of parseJson() for `text`; null if parseJson() refuses it.
  static JsonBox parsed(std::string_view text, std::size_t maxDepth);

  const nlohmann::json& operator*() const;
  const nlohmann::json* operator->() const { return &**this; }
  operator const nlohmann::json&() const { return **this; }  // it stands for its value

 private:
  std::unique_ptr<nlohmann::json> value_;  // never a null value
};

}  // namespace mediasync
