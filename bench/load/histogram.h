// Latencies in buckets of 1/32 of their size: fixed memory, a few instructions to add one, percentiles 3 % exact.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mediasync::bench {

class Histogram {
 public:
  void add(std::int64_t ns) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
    ++counts_[bucketOf(value)];
    ++total_;
    max_ = std::max(max_, value);
  }
  void clear() { *this = {}; }
  std::uint64_t total() const { return total_; }
  double maxUs() const { return static_cast<double>(max_) / 1e3; }

  // The value that `share` of all are not above, in microseconds. 0 when there are none.
  double percentileUs(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen > 0 && seen >= wanted) return std::min(static_cast<double>(upperBound(bucket)) / 1e3, maxUs());
    }
    return 0;
  }

 private:
  static constexpr int kSubBits = 5;
  static constexpr std::uint64_t kSub = 1U << kSubBits;

  // Values below 2 * kSub have a bucket each; above, each power of two is cut into kSub buckets.
  static std::size_t bucketOf(std::uint64_t value) {
    if (value < 2 * kSub) return value;
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - kSubBits;
    return static_cast<std::size_t>(shift) * kSub + (value >> shift);
  }
  static std::uint64_t upperBound(std::size_t bucket) {
    if (bucket < 2 * kSub) return bucket;
    const std::size_t shift = bucket / kSub - 1;
    return ((bucket - shift * kSub + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kSubBits + 1) * kSub> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace mediasync::bench
