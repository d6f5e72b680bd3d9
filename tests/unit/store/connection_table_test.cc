// The connections of a zone: their ids, what waits to be sent to them, and how mailboxes pin them.
#include "core/store/connection_table.h"

#include <catch2/catch.hpp>

#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

constexpr WorkerId kW1{1, 1}, kW2{2, 1};

std::vector<Ref> takeMailOf(const Zone& zone, std::uint16_t slot) {
  std::vector<Ref> refs;
  takeMail<ConnectionRecord>(zone.arena(), zone.worker(slot).connectionMail, [&](Ref ref) { refs.push_back(ref); });
  return refs;
}

std::vector<WaitingItem> take(const Zone& zone, const RandomId& sid) {
  ConnectionTransaction txn(zone, sid);
  REQUIRE(txn.find(sid));
  auto items = txn.takeItems();
  txn.commit();
  return items;
}

}  // namespace

TEST_CASE("an id is 22 characters that go into a URL, and comes back as it was", "[store][connections]") {
  FixedRandom random;
  RandomId id{};
  for (int i = 0; i < 1000; ++i) {
    const std::string text = idText(id);
    CHECK(text.size() == 22);
    CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
    REQUIRE(parseId(text));
    CHECK(*parseId(text) == id);
    id = random.id();
  }
  CHECK(idText(RandomId{}) == std::string(22, 'A'));
}

TEST_CASE("text that is no id is refused", "[store][connections]") {
  const std::string good = idText(FixedRandom(3).id());
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(parseId(good.substr(0, size)));
  CHECK_FALSE(parseId(good + "A"));
  for (const char c : {'=', '+', '/', ' ', '\0', '%', '\x80'}) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] = c;
      CHECK_FALSE(parseId(bad));
    }
  }
}

TEST_CASE("connections are found by their sid, and only while they are there", "[store][connections]") {
  TestZone z(8 << 20, 3);
  std::vector<Client> clients;
  for (int i = 0; i < 500; ++i)
    clients.push_back(connect(z.zone, z.random, kW1));
  CHECK(z.zone.connectionCount() == 500);
  REQUIRE_INVARIANTS(z.zone);
  for (std::size_t i = 0; i < clients.size(); i += 2)
    loseConnection(z.zone, clients[i], z.wake);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    ConnectionTransaction txn(z.zone, clients[i].sid);
    CHECK(txn.find(clients[i].sid) == (i % 2 == 1));
    ConnectionTransaction* open = &txn;
    CHECK(open->open(clients[i].connection) == (i % 2 == 1));
  }
  {
    const RandomId stranger = z.random.id();
    ConnectionTransaction txn(z.zone, stranger);
    CHECK_FALSE(txn.find(stranger));
    CHECK_FALSE(txn.open(ConnectionRef{}));
  }
  CHECK(z.zone.connectionCount() == 250);
  REQUIRE_INVARIANTS(z.zone);
  for (std::size_t i = 1; i < clients.size(); i += 2)
    loseConnection(z.zone, clients[i], z.wake);
  CHECK(z.zone.header().heap.freePages() == z.zone.header().heap.total());
}

TEST_CASE("items come out as they went in: order, kinds, empty and long texts", "[store][connections]") {
  TestZone z;
  const Client client = connect(z.zone, z.random, kW1);
  std::vector<std::string> texts{"2",  "", std::string(4000, 'x'), std::string(4096, 'y'), std::string(9000, 'z'),
                                 "end"};
  {
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    for (const auto& text : texts)
      txn.push(ItemKind::kPacket, text);
    txn.push(ItemKind::kSessionJoined, {});
    txn.push(ItemKind::kSessionState, {});
    CHECK_FALSE(txn.record().overrun);
    txn.commit();
  }
  REQUIRE_INVARIANTS(z.zone);
  const auto items = take(z.zone, client.sid);
  REQUIRE(items.size() == texts.size() + 2);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CHECK(items[i].text == texts[i]);
    CHECK(items[i].kind == ItemKind::kPacket);
  }
  CHECK(items[texts.size()].kind == ItemKind::kSessionJoined);
  CHECK(items[texts.size() + 1].kind == ItemKind::kSessionState);
  CHECK(take(z.zone, client.sid).empty());
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("items that nobody collects are bounded: the connection is marked as overrun", "[store][connections]") {
  TestZone z;
  const Client client = connect(z.zone, z.random, kW1);
  bool wasBacklogged = false;
  int pushed = 0;
  for (bool overrun = false; !overrun; ++pushed) {
    REQUIRE(pushed < 1000);
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    txn.push(ItemKind::kPacket, std::string(500, 'x'));
    overrun = txn.record().overrun;
    if (!overrun) wasBacklogged = txn.isBacklogged();
    txn.commit();
  }
  CHECK(wasBacklogged);  // said before it is too late
  CHECK(pushed > 100);
  ConnectionTransaction txn(z.zone, client.sid);
  REQUIRE(txn.find(client.sid));
  CHECK(txn.record().items.bytes <= ConnectionTransaction::kMaxItemBytes);
}

TEST_CASE("items in a full zone mark the connection as overrun and break nothing", "[store][connections]") {
  TestZone z(Zone::minimumSize(1), 1);
  const Client client = connect(z.zone, z.random, kW1);
  std::vector<Ref> filler;
  for (const std::size_t size : {4096U, 96U}) {
    for (bool more = true; more;) {
      Transaction txn(z.zone.region(), z.zone.connectionShard(0).header);
      const Ref ref = txn.tryAllocate(size);
      more = ref != 0;
      if (more) filler.push_back(ref);
      txn.commit();
    }
  }
  {
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    CHECK_NOTHROW(txn.push(ItemKind::kPacket, std::string(80, 'x')));
    CHECK(txn.record().overrun);
    txn.commit();
  }
  for (const Ref ref : filler) {
    Transaction txn(z.zone.region(), z.zone.connectionShard(0).header);
    txn.release(ref);
    txn.commit();
  }
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("destroying a connection drops its items", "[store][connections]") {
  TestZone z;
  Client client = connect(z.zone, z.random, kW1);
  {
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    for (int i = 0; i < 20; ++i)
      txn.push(ItemKind::kPacket, std::string(1000, 'x'));
    txn.commit();
  }
  loseConnection(z.zone, client, z.wake);
  CHECK(z.zone.header().heap.freePages() == z.zone.header().heap.total());
}

TEST_CASE("a change that is not committed did not happen", "[store][connections]") {
  TestZone z;
  const Client client = connect(z.zone, z.random, kW1);
  const auto before = meaningfulBytes(z.zone, z.memory.span());
  const auto attempt = [&](auto change) {
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    change(txn);
  };
  attempt([](auto& txn) { txn.push(ItemKind::kPacket, "text"); });
  attempt([](auto& txn) { txn.destroy(); });
  attempt([](auto& txn) { txn.inherit(kW2); });
  attempt([&](auto& txn) { txn.create(z.random.id(), kW2, Transport::kPolling, kNow); });
  CHECK(differenceOf(meaningfulBytes(z.zone, z.memory.span()), before) == "none");
}

TEST_CASE("a connection is in one mailbox once, and its owner is woken each time", "[store][connections][mailbox]") {
  TestZone z;
  const Client client = connect(z.zone, z.random, kW1);
  for (int i = 0; i < 3; ++i) {
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    z.wake.reset();
    txn.notifyOwner(z.wake);
    CHECK(z.wake.test(kW1.slot));
    CHECK(z.wake.count() == 1);
  }
  CHECK(takeMailOf(z.zone, 1) == std::vector<Ref>{client.connection.ref});
  {
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    txn.notifyOwner(z.wake);  // nobody said that the first mail was dealt with
    CHECK(takeMailOf(z.zone, 1).empty());
    txn.clearQueued();
    txn.notifyOwner(z.wake);
  }
  CHECK(takeMailOf(z.zone, 1).size() == 1);
}

TEST_CASE("a commit tells whom its transitions name, and a change that is given up tells nobody",
          "[store][connections][mailbox]") {
  TestZone z;
  const Client client = connect(z.zone, z.random, kW1);
  using Told = std::vector<bool>;
  const auto told = [&](auto change, bool isCommitted = true) {
    z.wake.reset();
    {
      ConnectionTransaction txn(z.zone, client.sid);
      REQUIRE(txn.find(client.sid));
      change(txn);
      if (isCommitted) txn.commit(z.wake);
    }
    for (const std::uint16_t slot : {kW1.slot, kW2.slot})
      CHECK(takeMailOf(z.zone, slot).size() == (z.wake.test(slot) ? 1U : 0U));
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    txn.clearQueued();
    return Told{z.wake.test(kW1.slot), z.wake.test(kW2.slot)};
  };
  const Told nobody{false, false}, first{true, false}, second{false, true};
  CHECK(told([](auto& txn) { txn.push(ItemKind::kPacket, "4"); }, false) == nobody);
  CHECK(told([](auto& txn) { txn.push(ItemKind::kPacket, "4"); }) == first);
  CHECK(told([](auto& txn) { txn.heard(1); }) == nobody);
  CHECK(told([](auto& txn) { txn.beginPoll(kW1, 0); }) == nobody);
  CHECK(told([](auto& txn) { txn.beginPoll(kW2, 0); }) == first);
  CHECK(told([](auto& txn) { txn.answerProbe(1); }) == second);
  CHECK(told([](auto& txn) { txn.becomeWebSocket(kW1); }) == second);
  CHECK(told([](auto& txn) { txn.leave(Origin::kOwner); }) == nobody);
  CHECK(told([](auto& txn) { txn.leave(Origin::kPost); }) == first);
  CHECK(told([](auto& txn) { txn.offer(7); }) == nobody);
  CHECK(told([](auto& txn) { txn.acceptOffer(kW2, 0, 0, 0); }) == first);
  CHECK(told([](auto& txn) { txn.inherit(kW1); }) == first);
  CHECK(told([](auto& txn) { txn.markClosing(Closing::kByServer, EndReason::kKicked); }) == first);
  CHECK(told([](auto& txn) { txn.markClosing(Closing::kByClient, EndReason::kFlood); }) == first);
  ConnectionTransaction txn(z.zone, client.sid);
  REQUIRE(txn.find(client.sid));
  CHECK(txn.record().ending == EndReason::kKicked);  // the first reason counts
  CHECK(txn.record().owner == kW1);
}

TEST_CASE("mailboxes keep many connections, each once", "[store][connections][mailbox]") {
  TestZone z;
  std::set<Ref> sent;
  for (int i = 0; i < 100; ++i) {
    const Client client = connect(z.zone, z.random, i % 2 == 0 ? kW1 : kW2);
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    txn.notifyOwner(z.wake);
    if (i % 2 == 0) sent.insert(client.connection.ref);
  }
  const auto got = takeMailOf(z.zone, 1);
  CHECK(std::set<Ref>(got.begin(), got.end()) == sent);
  CHECK(got.size() == sent.size());
}

TEST_CASE("a connection in a mailbox outlives its end until the mail is opened", "[store][connections][mailbox]") {
  TestZone z;
  Client client = connect(z.zone, z.random, kW1);
  {
    ConnectionTransaction txn(z.zone, client.sid);
    REQUIRE(txn.find(client.sid));
    txn.notifyOwner(z.wake);
  }
  loseConnection(z.zone, client, z.wake);
  CHECK(z.zone.connectionCount() == 0);
  REQUIRE_INVARIANTS(z.zone);  // dead, but no leak: the mailbox refers to it
  {
    ConnectionTransaction txn(z.zone, client.sid);
    CHECK_FALSE(txn.find(client.sid));
    CHECK_FALSE(txn.open(client.connection));
  }
  const auto mail = takeMailOf(z.zone, 1);
  REQUIRE(mail == std::vector<Ref>{client.connection.ref});
  {
    ConnectionTransaction txn(z.zone, z.zone.arena().at<ConnectionRecord>(mail[0])->shard);
    txn.openQueued(mail[0]);
    REQUIRE(txn.record().dead);
    txn.clearQueued();
    txn.destroy();
    txn.commit();
  }
  CHECK(z.zone.connectionCount() == 0);
  CHECK(z.zone.header().heap.freePages() == z.zone.header().heap.total());
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("a connection goes in one change although all that it holds lies on pages of their own", "[store]") {
  TestZone z(32 << 20);
  constexpr int kOnPage = 64;  // items of the smallest class
  const std::string text(60 - sizeof(Item), 'x');
  Client client = connect(z.zone, z.random, kW1);
  std::vector<Client> stay, leave;
  const auto inShard = [&](std::vector<Client>& others) -> Client& {
    for (;;) {
      Client other = connect(z.zone, z.random, kW1);
      if (other.connection.shard == client.connection.shard) return others.emplace_back(other);
      loseConnection(z.zone, other, z.wake);
    }
  };
  const auto change = [&](Client& one, auto fn) {
    ConnectionTransaction txn(z.zone, one.sid);
    REQUIRE(txn.find(one.sid));
    fn(txn);
    txn.commit();
  };
  // What is added comes to a page of its own; the rest of the page is free later.
  const auto onItsPage = [&](Client& one, auto fn) {
    change(one, fn);
    change(inShard(leave), [&](auto& txn) {
      for (int i = 1; i < kOnPage; ++i)
        txn.push(ItemKind::kPacket, text);
    });
  };
  const auto push = [&](auto& txn) { txn.push(ItemKind::kPacket, text); };
  const auto keepPart = [&](auto& txn) { REQUIRE(txn.keepPart(ItemKind::kBinary, text)); };
  // Between any two of its pages are two of others, so that each page that becomes free has neighbours of its own.
  const auto spread = [&](std::uint32_t count, auto fn) {
    for (std::uint32_t i = 0; i < count; ++i) {
      onItsPage(client, fn);
      onItsPage(inShard(stay), push);
      onItsPage(inShard(stay), push);
    }
  };
  spread(ConnectionTransaction::kMaxItems, push);
  spread(ConnectionTransaction::kMaxParts, keepPart);
  for (Client& other : leave)
    loseConnection(z.zone, other, z.wake);
  const std::uint32_t before = z.zone.header().heap.freePages();
  loseConnection(z.zone, client, z.wake);
  CHECK(z.zone.header().heap.freePages() >= before + ConnectionTransaction::kMaxItems + ConnectionTransaction::kMaxParts);
  for (Client& other : stay)
    loseConnection(z.zone, other, z.wake);
  CHECK(z.zone.header().heap.freePages() == z.zone.header().heap.total());
  REQUIRE_INVARIANTS(z.zone);
}
