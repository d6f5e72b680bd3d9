// What a connection has with it beside its record: what waits to be sent, the pieces of a packet that is coming in,
// what its client said of itself, its namespaces, and its account.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/store/connection_access.h"

namespace mediasync::store {

// Something that waits to be sent, or a piece of a packet that is coming in.
struct WaitingItem {
  ItemKind kind;
  std::string text;
};

class ConnectionContents : public ConnectionAccess {
 public:
  // Bytes that may wait to be sent to one connection between two polls.
  static constexpr std::uint32_t kMaxItemBytes = 64 * 1024;
  // What a snapshot counts for among them, as it becomes large when it is sent.
  static constexpr std::uint32_t kSnapshotBytes = 8 * 1024;
  // And so many items; and pieces of a binary packet that is coming in. Each may lie on a page of its own, and dropping
  // them must fit one transaction.
  static constexpr std::uint32_t kMaxItems = 128;
  static constexpr std::uint32_t kMaxParts = 48;
  // Bytes of what a client may say about itself with CONNECT.
  static constexpr std::uint32_t kMaxAuthBytes = 8 * 1024;
  static constexpr std::uint32_t kMaxNamespaces = 8;

  using ConnectionAccess::ConnectionAccess;

  // Adds something to send, of which the owner is told. Beyond kMaxItemBytes, or when memory is out, the connection is
  // marked `overrun` instead, and its owner closes it.
  void push(ItemKind, std::string_view text);
  // The same for what need not be sent: it leaves some room, and false is returned instead of that mark. The
  // transaction must not be committed then.
  bool tryPush(ItemKind, std::string_view text);
  // What is left of the zone is for newcomers, for what members say of themselves, and for replies.
  bool isMemoryScarce() const;
  // So much waits already that the client should first collect it.
  bool isBacklogged() const { return record_->items.bytes > kMaxItemBytes / 2 || record_->items.count > kMaxItems / 2; }
  // Takes everything that waited.
  std::vector<WaitingItem> takeItems();

  // A binary packet that comes in pieces: so many are to come; one has come, which was the last one
  // when true is returned.
  void expectParts(std::uint8_t count);
  bool partCame();
  // With each heartbeat: whether none of the pieces that are to come has come since the last one.
  bool checkStalled();
  // Keeps what has come of it. False, with the piece not kept, when it would be too much.
  bool keepPart(ItemKind, std::string_view bytes);
  std::vector<WaitingItem> takeParts();

  // The account of the current one, for the log of `location`. Throws OutOfSpace. Null: it has none.
  void openAccount(std::uint64_t location, const Address&, Instant now);
  const AccountRecord* account() const;
  void addToAccount(const Traffic&);

  // What came with CONNECT, at most kMaxAuthBytes. Throws OutOfSpace.
  void keepAuth(std::string_view json);
  std::string auth() const;

  // Namespaces other than "/". Adding throws OutOfSpace; false when there are too many.
  bool addNamespace(std::string_view name, const RandomId& socketId);
  bool hasNamespace(std::string_view name) const;
  bool removeNamespace(std::string_view name);
  // Acknowledgements asked of the client in a namespace that it is connected to: the id of a new one; whether that one
  // is awaited, which it then is no longer.
  std::uint32_t askAck(std::string_view nsp);
  bool takeAck(std::string_view nsp, std::uint64_t id);

 protected:
  // The location of the account is another one, when a newer configuration serves the connection.
  void moveAccount(std::uint64_t location);
  // All of it goes.
  void dropContents();

 private:
  struct Limit {
    std::size_t bytes;  // items' headers included
    std::size_t items;
  };
  const AcksAsked* acksOf(std::string_view nsp) const;
  bool append(const ItemChain&, const Limit&, ItemKind, std::string_view text);
  bool appendOne(const ItemChain&, ItemKind, std::string_view text, bool continues);
  std::vector<WaitingItem> contents(const ItemChain&) const;
  void drop(const ItemChain&);
};

}  // namespace mediasync::store
