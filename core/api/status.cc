#include "core/api/status.h"

#include "core/api/json_writer.h"

namespace mediasync::api {

void appendStatusJson(std::string& out, std::string_view zone, const std::vector<Metric>& metrics) {
  JsonWriter json(out);
  json.beginObject();
  json.key("zone").string(zone);
  for (const Metric& metric : metrics)
    json.key(metric.name).integer(static_cast<std::int64_t>(metric.value));
  json.endObject();
}

void appendStatusPrometheus(std::string& out, std::string_view zone, const std::vector<Metric>& metrics) {
  for (const Metric& metric : metrics) {
    const std::string name = "mediasync_" + std::string(metric.name);
    out.append("# HELP ").append(name).append(" ").append(metric.help).append("\n");
    out.append("# TYPE ").append(name).append(metric.kind == Metric::Kind::kGauge ? " gauge\n" : " counter\n");
    out.append(name).append("{zone=\"").append(zone).append("\"} ");
    out.append(std::to_string(metric.value)).append("\n");
  }
}

}  // namespace mediasync::api
