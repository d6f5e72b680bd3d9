// Stands in for a header from inside Node.js, which eiows needs to take over connections with TLS and which comes with
// Node's sources only. The peers speak no TLS: there is no SSL to be had of a connection, and unwrapping gives up.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#define ASSIGN_OR_RETURN_UNWRAP(target, object) return static_cast<void>(object)

namespace node {

class BaseObject {};

namespace crypto {

class TLSWrap {
 public:
  const std::unique_ptr<SSL, decltype(&SSL_free)>* getSSL() const { return nullptr; }
};

}  // namespace crypto
}  // namespace node
