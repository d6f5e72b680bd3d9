// The bounds of texts and numbers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mediasync::session {

// Longest texts, in bytes of UTF-8.
inline constexpr std::size_t kMaxIdBytes = 128;
inline constexpr std::size_t kMaxUsernameBytes = 256;
inline constexpr std::size_t kMaxAvatarBytes = 2048;
inline constexpr std::size_t kMaxMediaUrlBytes = 2048;
inline constexpr std::size_t kMaxMediaIdBytes = 256;
inline constexpr std::size_t kMaxMediaTitleBytes = 512;
inline constexpr std::size_t kMinSecretBytes = 8;
inline constexpr std::size_t kMaxSecretBytes = 128;

inline constexpr double kMinPlaybackRate = 0.0625;
inline constexpr double kMaxPlaybackRate = 16.0;

// Connections (tabs, devices) that one user may hold at a time.
inline constexpr std::uint32_t kMaxConnectionsPerUser = 64;

}  // namespace mediasync::session
