#include "core/app/confirmations.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/app/confirmation.h"
#include "core/connection/caller.h"
#include "core/connection/replies.h"
#include "core/persistence/state_keeper.h"

namespace mediasync::server {

namespace {

// Confirmations of one worker that may wait; commands of more wait themselves.
constexpr std::size_t kMostUnconfirmed = 16'384;

}  // namespace

Confirmations::Confirmations(Context& context, Replies& replies) : Part(context), replies_(replies) {}

// To be asked after the change: a write that begins later has it. A process that has stopped writes what is left as it
// ends.
WriteTicket Confirmations::writeTicket() const {
  const store::StateKeeping& state = zone_.header().state;
  if (context_.stopped || state.enabled.load() != static_cast<std::uint32_t>(persistence::StateSync::kAlways)) return 0;
  return state.taken.load() + 1;
}

bool Confirmations::isWritten(WriteTicket ticket) const {
  return zone_.header().state.durable.load() >= ticket;
}

// Counts it when that is because writing fails.
bool Confirmations::maySay(WriteTicket ticket) {
  if (!isWritten(ticket)) return false;
  store::StateKeeping& state = zone_.header().state;
  if (ticket != 0 && ticket <= state.released.load()) state.unwritten.fetch_add(1);
  return true;
}

// Has the write done soon, and this worker woken after it.
void Confirmations::await(WriteTicket ticket) {
  std::atomic<std::uint64_t>& awaited = zone_.header().state.awaited;
  std::uint64_t before = awaited.load();
  while (before < ticket && !awaited.compare_exchange_weak(before, ticket)) {
  }
  zone_.worker(id_.slot).awaitsWrite.store(1);
  if (isWritten(ticket)) wake_.set(id_.slot);  // whoever wrote it may have looked before
}

void Confirmations::await(WriteTicket ticket, Confirmation& confirmation) {
  confirmations_.push_back({ticket, env_.now().mono, &confirmation});
  await(ticket);
}

void Confirmations::cancel(Confirmation& confirmation) {
  std::erase_if(confirmations_, [&](const auto& waiting) { return waiting.confirmation == &confirmation; });
}

// Sends the acknowledgement of a change.
void Confirmations::confirm(Caller& caller, std::string packet) {
  const WriteTicket ticket = writeTicket();
  if (maySay(ticket)) return caller.reply(packet);
  unconfirmed_.push_back({ticket, env_.now().mono, caller.connection, std::move(packet)});
  await(ticket);
}

bool Confirmations::isUnconfirmedFull() const {
  return unconfirmed_.size() >= kMostUnconfirmed;
}

// Sends what need not wait any longer.
void Confirmations::confirmWritten() {
  if (unconfirmed_.empty() && confirmations_.empty()) return;
  zone_.worker(id_.slot).awaitsWrite.store(0);
  const WriteTicket written = zone_.header().state.durable.load();
  countReleased(written);
  confirmUntil(written);
  for (const WaitingConfirmation& waiting : confirmations_)
    await(waiting.ticket);
  if (!unconfirmed_.empty()) await(unconfirmed_.back().ticket);
}

// Those up to `written` that go without their write, as it has failed.
void Confirmations::countReleased(WriteTicket written) {
  store::StateKeeping& state = zone_.header().state;
  const WriteTicket released = std::min(written, state.released.load());
  if (released == 0) return;
  const auto isReleased = [released](const auto& waiting) { return waiting.ticket <= released; };
  state.unwritten.fetch_add(static_cast<std::uint64_t>(std::ranges::count_if(unconfirmed_, isReleased) +
                                                       std::ranges::count_if(confirmations_, isReleased)));
}

void Confirmations::confirmUntil(WriteTicket written) {
  while (!unconfirmed_.empty() && unconfirmed_.front().ticket <= written) {
    const Unconfirmed next = std::move(unconfirmed_.front());
    unconfirmed_.pop_front();
    replies_.replyTo(next.connection, next.packet);
  }
  const auto due = std::stable_partition(confirmations_.begin(), confirmations_.end(),
                                         [&](const auto& waiting) { return waiting.ticket > written; });
  const std::vector<WaitingConfirmation> done(due, confirmations_.end());
  confirmations_.erase(due, confirmations_.end());
  for (const WaitingConfirmation& waiting : done)
    waiting.confirmation->written();
}

// The worker that writes, or the disk, takes longer than a client is to wait for another process.
void Confirmations::confirmLate() {
  const std::int64_t oldest = env_.now().mono - kWriteWait;
  WriteTicket late = 0;
  std::size_t count = 0;
  for (const Unconfirmed& waiting : unconfirmed_) {
    if (waiting.since > oldest) break;
    late = waiting.ticket;
    ++count;
  }
  for (const WaitingConfirmation& waiting : confirmations_) {
    if (waiting.since > oldest) continue;
    late = std::max(late, waiting.ticket);
    ++count;
  }
  if (count == 0) return;
  zone_.header().state.unwritten.fetch_add(count);
  confirmUntil(late);
}

void Confirmations::confirmAll() {
  confirmUntil(std::numeric_limits<WriteTicket>::max());
}

}  // namespace mediasync::server
