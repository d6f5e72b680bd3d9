// UTF-8 and what the API takes for text, against a decoder of code points as RFC 3629 has it.
//
// Input: a byte for the pieces that the text comes in, then the text.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/api/events.h"
#include "core/api/text_rules.h"
#include "core/base/utf8.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"

using namespace mediasync;

namespace {

struct Character {
  std::uint32_t codePoint;
  std::size_t size;
};

// The character at the front, nullopt when there is none.
std::optional<Character> firstOf(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (text.empty()) return std::nullopt;
  if (at(0) < 0x80) return Character{at(0), 1};
  const std::size_t size = at(0) >> 5 == 6 ? 2 : at(0) >> 4 == 14 ? 3 : at(0) >> 3 == 30 ? 4 : 0;
  if (size == 0 || text.size() < size) return std::nullopt;
  std::uint32_t codePoint = at(0) & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (at(i) >> 6 != 2) return std::nullopt;
    codePoint = codePoint << 6 | (at(i) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  if (codePoint < kLeast[size] || codePoint > 0x10ffff || isSurrogate) return std::nullopt;
  return Character{codePoint, size};
}

std::optional<std::vector<Character>> charactersOf(std::string_view text) {
  std::vector<Character> characters;
  while (!text.empty()) {
    const auto character = firstOf(text);
    if (!character) return std::nullopt;
    characters.push_back(*character);
    text.remove_prefix(character->size);
  }
  return characters;
}

bool isValidInPieces(std::string_view text, std::size_t piece) {
  Utf8Validator validator;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    const std::string_view part = text.substr(0, piece);
    if (!validator.feed({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()})) return false;
  }
  return validator.complete();
}

void checkUnits(std::string_view text, const std::vector<Character>& characters) {
  std::size_t units = 0;
  std::size_t bytes = 0;
  for (const Character& character : characters) {
    FUZZ_REQUIRE(utf16Prefix(text, units) == bytes);
    if (character.codePoint > 0xffff) FUZZ_REQUIRE(!utf16Prefix(text, units + 1));
    units += character.codePoint > 0xffff ? 2 : 1;
    bytes += character.size;
  }
  FUZZ_REQUIRE(utf16Length(text) == units);
  FUZZ_REQUIRE(utf16Prefix(text, units) == text.size() && !utf16Prefix(text, units + 1));
}

void checkRules(std::string_view text, const std::optional<std::vector<Character>>& characters) {
  bool isPlain = characters.has_value();
  for (const Character& character : characters.value_or(std::vector<Character>()))
    isPlain = isPlain && character.codePoint >= 0x20 && (character.codePoint < 0x7f || character.codePoint > 0x9f);
  FUZZ_REQUIRE(api::isText(text, text.size()) == isPlain);
  FUZZ_REQUIRE(text.empty() || !api::isText(text, text.size() - 1));
  FUZZ_REQUIRE(api::isId(text) == (isPlain && !text.empty() && text.size() <= 128));
  FUZZ_REQUIRE(api::isUsername(text) == (isPlain && !text.empty() && text.size() <= 256));
}

// An error repeats what a client sent as an event's name, which may be any text.
void checkEcho(std::string_view text) {
  std::string out;
  api::appendError(out, session::kUnknownEvent, text);
  const std::string echoed = nlohmann::json::parse(out).at(1).at("event");
  FUZZ_REQUIRE(text.starts_with(echoed) && echoed.size() <= api::kMaxEchoedEventBytes);
  FUZZ_REQUIRE(echoed == text || echoed.size() > api::kMaxEchoedEventBytes - 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t piece = 1 + input.below(16);
  const std::string_view text = input.rest();
  const auto characters = charactersOf(text);
  FUZZ_REQUIRE(isValidUtf8(text) == characters.has_value());
  FUZZ_REQUIRE(isValidInPieces(text, piece) == characters.has_value());
  if (characters) checkUnits(text, *characters);
  utf16Prefix(text, piece);
  checkRules(text, characters);
  if (characters) checkEcho(text);
  return 0;
}
