#include "core/websocket/extensions.h"

#include <algorithm>

namespace mediasync::websocket {
namespace {

constexpr std::string_view kDeflate = "permessage-deflate";
constexpr std::string_view kServerNoTakeover = "server_no_context_takeover";
constexpr std::string_view kClientNoTakeover = "client_no_context_takeover";
constexpr std::string_view kServerMaxWindowBits = "server_max_window_bits";
constexpr std::string_view kClientMaxWindowBits = "client_max_window_bits";

bool isTokenCharacter(char c) {
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

// The header's lexical elements, in order.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool atEnd() {
    skipSpace();
    return rest_.empty();
  }

  bool take(char separator) {
    skipSpace();
    if (!rest_.starts_with(separator)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // False when there is none.
  bool readToken(std::string_view& token) {
    skipSpace();
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), isTokenCharacter);
    token = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(token.size());
    return !token.empty();
  }

  // A token, or a quoted string that is one without its quotes and escapes; false otherwise.
  bool readValue(std::string& value) {
    value.clear();
    if (take('"')) return readQuoted(value);
    std::string_view token;
    if (!readToken(token)) return false;
    value = token;
    return true;
  }

 private:
  void skipSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  bool readQuoted(std::string& value) {
    while (!rest_.empty()) {
      if (rest_[0] == '"') {
        rest_.remove_prefix(1);
        return !value.empty();
      }
      if (rest_[0] == '\\') rest_.remove_prefix(1);
      if (rest_.empty() || !isTokenCharacter(rest_[0])) return false;
      value.push_back(rest_[0]);
      rest_.remove_prefix(1);
    }
    return false;
  }

  std::string_view rest_;
};

struct Parameter {
  std::string_view name;
  bool hasValue = false;
  std::string value;
};

// 8 to 15 in decimal without a leading zero (RFC 7692 section 7.1.2); 0 for anything else.
std::uint8_t parseWindowBits(std::string_view text) {
  if (text == "8" || text == "9") return static_cast<std::uint8_t>(text[0] - '0');
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') {
    return static_cast<std::uint8_t>(10 + text[1] - '0');
  }
  return 0;
}

// One element of the header's list, judged while it is read.
class Offer {
 public:
  explicit Offer(std::string_view extension) : acceptable_(extension == kDeflate) {}

  void add(const Parameter& parameter) { acceptable_ = acceptable_ && isAcceptable(parameter); }

  std::optional<DeflateParams> accept(std::uint8_t maxWindowBits) const {
    const bool asked = serverWindowBits_ != 0;
    if (!acceptable_ || (asked && serverWindowBits_ < kMinWindowBits)) return std::nullopt;
    const std::uint8_t bits = asked ? std::min(serverWindowBits_, maxWindowBits) : maxWindowBits;
    return DeflateParams{bits, asked || bits < kMaxWindowBits};
  }

 private:
  bool isAcceptable(const Parameter& parameter) {
    if (parameter.name == kServerNoTakeover) return isFirst(1) && !parameter.hasValue;
    if (parameter.name == kClientNoTakeover) return isFirst(2) && !parameter.hasValue;
    const std::uint8_t bits = parseWindowBits(parameter.value);
    if (parameter.name == kClientMaxWindowBits) return isFirst(4) && (!parameter.hasValue || bits != 0);
    if (parameter.name != kServerMaxWindowBits) return false;
    serverWindowBits_ = bits;
    return isFirst(8) && bits != 0;
  }

  bool isFirst(std::uint8_t parameterBit) {
    const bool first = (seen_ & parameterBit) == 0;
    seen_ |= parameterBit;
    return first;
  }

  bool acceptable_;
  std::uint8_t seen_ = 0;              // a bit for each parameter
  std::uint8_t serverWindowBits_ = 0;  // 0: not asked for
};

bool readParameter(Reader& reader, Parameter& parameter) {
  if (!reader.readToken(parameter.name)) return false;
  parameter.value.clear();
  parameter.hasValue = reader.take('=');
  return !parameter.hasValue || reader.readValue(parameter.value);
}

// Nothing when the grammar is broken.
std::optional<Offer> readOffer(Reader& reader) {
  std::string_view extension;
  if (!reader.readToken(extension)) return std::nullopt;
  Offer offer(extension);
  Parameter parameter;
  while (reader.take(';')) {
    if (!readParameter(reader, parameter)) return std::nullopt;
    offer.add(parameter);
  }
  if (!reader.atEnd() && !reader.take(',')) return std::nullopt;
  return offer;
}

}  // namespace

std::optional<DeflateParams> acceptDeflate(std::string_view secWebSocketExtensions, std::uint8_t maxWindowBits) {
  Reader reader(secWebSocketExtensions);
  std::optional<DeflateParams> accepted;
  while (!reader.atEnd()) {
    if (reader.take(',')) continue;  // lists may have empty elements (RFC 7230 section 7)
    const auto offer = readOffer(reader);
    if (!offer) return std::nullopt;
    if (!accepted) accepted = offer->accept(maxWindowBits);
  }
  return accepted;
}

void appendDeflateAnswer(std::string& out, const DeflateParams& params) {
  out.append(kDeflate).append("; ").append(kServerNoTakeover).append("; ").append(kClientNoTakeover);
  if (!params.sendServerWindowBits) return;
  out.append("; ").append(kServerMaxWindowBits).append("=").append(std::to_string(params.serverWindowBits));
}

}  // namespace mediasync::websocket
