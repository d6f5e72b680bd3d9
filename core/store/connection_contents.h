// A connection's contents beside its record: output that waits, the pieces of an incomplete packet, the data of
// CONNECT, its namespaces, and its account.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/store/connection_access.h"

namespace mediasync::store {

// Output that waits, or a piece of an incomplete packet.
struct WaitingItem {
  ItemKind kind;
  std::string text;
};

class ConnectionContents : public ConnectionAccess {
 public:
  // Maximum bytes of output that wait for a connection between two polls.
  static constexpr std::uint32_t kMaxItemBytes = 64 * 1024;
  // Bytes that a snapshot counts as, since it grows when it is sent.
  static constexpr std::uint32_t kSnapshotBytes = 8 * 1024;
  // Maximum number of waiting items, and of pieces of an incomplete binary packet. Each may be on a page of its own,
  // and one transaction must be able to drop them all.
  static constexpr std::uint32_t kMaxItems = 128;
  static constexpr std::uint32_t kMaxParts = 48;
  // Maximum bytes of CONNECT's data.
  static constexpr std::uint32_t kMaxAuthBytes = 8 * 1024;
  static constexpr std::uint32_t kMaxNamespaces = 8;

  using ConnectionAccess::ConnectionAccess;

  // Adds output and notifies the owner. Beyond kMaxItemBytes, or if memory is out, marks the connection `overrun`
  // instead, and its owner closes it.
  void push(ItemKind, std::string_view text);
  // The same for optional output: leaves some room, and returns false instead of setting the mark. Then the transaction
  // must not be committed.
  bool tryPush(ItemKind, std::string_view text);
  // True if the rest of the zone is reserved for newcomers, members' commands and replies.
  bool isMemoryScarce() const;
  // True if so much waits that the client should collect it first.
  bool isBacklogged() const { return record_->items.bytes > kMaxItemBytes / 2 || record_->items.count > kMaxItems / 2; }
  // Takes all waiting output.
  std::vector<WaitingItem> takeItems();

  // A binary packet in pieces: `count` attachments are to come. partCame() counts one, and returns true for the last.
  void expectParts(std::uint8_t count);
  bool partCame();
  // Call it with each heartbeat: true if no due piece has come since the last call.
  bool checkStalled();
  // Stores a piece. Returns false, without storing it, if that would be too much.
  bool keepPart(ItemKind, std::string_view bytes);
  std::vector<WaitingItem> takeParts();

  // The account of the current connection, for the log of `location`. Throws OutOfSpace. Null: it has none.
  void openAccount(std::uint64_t location, const Address&, Instant now);
  const AccountRecord* account() const;
  void addToAccount(const Traffic&);

  // Stores the data of CONNECT, at most kMaxAuthBytes. Throws OutOfSpace.
  void keepAuth(std::string_view json);
  std::string auth() const;

  // Namespaces other than "/". Adding throws OutOfSpace, and returns false if there are too many.
  bool addNamespace(std::string_view name, const RandomId& socketId);
  bool hasNamespace(std::string_view name) const;
  bool removeNamespace(std::string_view name);
  // Acknowledgements requested from the client in a namespace that it is connected to: askAck() returns the id of a new
  // one; takeAck() returns whether that one is awaited, and ends the wait.
  std::uint32_t askAck(std::string_view nsp);
  bool takeAck(std::string_view nsp, std::uint64_t id);

 protected:
  // Sets the account's location when a newer configuration serves the connection.
  void moveAccount(std::uint64_t location);
  // Frees all contents.
  void dropContents();

 private:
  struct Limit {
    std::size_t bytes;  // including the items' headers
    std::size_t items;
  };
  const AcksAsked* acksOf(std::string_view nsp) const;
  bool append(const ItemChain&, const Limit&, ItemKind, std::string_view text);
  bool appendOne(const ItemChain&, ItemKind, std::string_view text, bool continues);
  std::vector<WaitingItem> contents(const ItemChain&) const;
  void drop(const ItemChain&);
};

}  // namespace mediasync::store
