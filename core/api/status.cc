#include "core/api/status.h"

#include "core/api/json_writer.h"

namespace mediasync::api {

void appendStatusJson(std::string& out, std::string_view zone, const std::vector<Metric>& metrics) {
  JsonWriter json(out);
  json.beginObject();
  json.key("zone").string(zone);
  std::string_view open;  // the object of metrics that have a label
  for (const Metric& metric : metrics) {
    const bool goesOn = metric.label && metric.name == open;
    if (!open.empty() && !goesOn) json.endObject();
    if (!goesOn) json.key(metric.name);
    if (metric.label && !goesOn) json.beginObject();
    open = metric.label ? metric.name : std::string_view();
    if (metric.label) json.key(metric.label->value);
    json.integer(static_cast<std::int64_t>(metric.value));
  }
  if (!open.empty()) json.endObject();
  json.endObject();
}

void appendStatusPrometheus(std::string& out, std::string_view zone, const std::vector<Metric>& metrics) {
  std::string_view last;
  for (const Metric& metric : metrics) {
    const std::string name = "mediasync_" + std::string(metric.name);
    if (metric.name != last) {
      out.append("# HELP ").append(name).append(" ").append(metric.help).append("\n");
      out.append("# TYPE ").append(name).append(metric.kind == Metric::Kind::kGauge ? " gauge\n" : " counter\n");
    }
    last = metric.name;
    out.append(name).append("{zone=\"").append(zone).append("\"");
    if (metric.label) out.append(",").append(metric.label->name).append("=\"").append(metric.label->value).append("\"");
    out.append("} ").append(std::to_string(metric.value)).append("\n");
  }
}

}  // namespace mediasync::api
