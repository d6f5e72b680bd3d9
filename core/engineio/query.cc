#include "core/engineio/query.h"

namespace mediasync::engineio {
namespace {

struct FirstValues {
  std::optional<std::string_view> eio;
  std::optional<std::string_view> transport;
  std::optional<std::string_view> sid;
  std::optional<std::string_view> j;
  std::optional<std::string_view> b64;

  void take(std::string_view name, std::string_view value) {
    if (name == "EIO" && !eio) eio = value;
    if (name == "transport" && !transport) transport = value;
    if (name == "sid" && !sid) sid = value;
    if (name == "j" && !j) j = value;
    if (name == "b64" && !b64) b64 = value;
  }
};

bool isOn(std::string_view flag) {
  return !flag.empty() && flag != "0" && flag != "false";
}

}  // namespace

Query parseQuery(std::string_view rawQuery) {
  FirstValues values;
  while (!rawQuery.empty()) {
    const std::string_view field = rawQuery.substr(0, rawQuery.find('&'));
    rawQuery.remove_prefix(field.size() < rawQuery.size() ? field.size() + 1 : field.size());

    const std::string_view name = field.substr(0, field.find('='));
    values.take(name, name.size() < field.size() ? field.substr(name.size() + 1) : std::string_view());
  }
  return {values.eio,           values.transport.value_or(""), values.sid.value_or(""), values.j.value_or(""),
          values.j.has_value(), isOn(values.b64.value_or(""))};
}

}  // namespace mediasync::engineio
