// The parts of a worker, each made of those before it. A part calls the parts that it was given, and none that come
// after.
#pragma once

#include "core/server/account.h"
#include "core/server/admin.h"
#include "core/server/admission.h"
#include "core/server/alarms.h"
#include "core/server/attachments.h"
#include "core/server/commands.h"
#include "core/server/confirmations.h"
#include "core/server/context.h"
#include "core/server/departures.h"
#include "core/server/eviction.h"
#include "core/server/handshakes.h"
#include "core/server/heartbeat.h"
#include "core/server/hooks.h"
#include "core/server/links.h"
#include "core/server/mailboxes.h"
#include "core/server/namespaces.h"
#include "core/server/outbox.h"
#include "core/server/poll_answers.h"
#include "core/server/polls.h"
#include "core/server/reaper.h"
#include "core/server/recheck.h"
#include "core/server/recovery.h"
#include "core/server/reload.h"
#include "core/server/replies.h"
#include "core/server/rest.h"
#include "core/server/retries.h"
#include "core/server/rooms.h"
#include "core/server/script_calls.h"
#include "core/server/script_events.h"
#include "core/server/services.h"
#include "core/server/snapshots.h"
#include "core/server/socket_writer.h"
#include "core/server/sockets.h"
#include "core/server/sweep.h"
#include "core/server/waiting_line.h"

namespace mediasync::server {

// These know only the tables, and the scripts and logs of the operator.
struct Ground {
  explicit Ground(Context& context)
      : outbox(context),
        accounts(context),
        hooks(context),
        departures(context, accounts, hooks),
        eviction(context),
        admission(context) {}

  Outbox outbox;
  Accounts accounts;
  Hooks hooks;
  Departures departures;
  Eviction eviction;
  Admission admission;
};

// What members of sessions are sent.
struct Delivery {
  Delivery(Context& context, Ground& ground)
      : writer(context),
        rooms(context, ground.departures, writer),
        snapshots(context, rooms, writer),
        pollAnswers(context, rooms, snapshots) {
    rooms.answerPollsBy(pollAnswers);
  }

  SocketWriter writer;
  Rooms rooms;
  Snapshots snapshots;
  PollAnswers pollAnswers;
};

// The connections that the worker owns, and answers to any.
struct Connections {
  Connections(Context& context, Ground& ground, Delivery& delivery)
      : alarms(context),
        links(context, ground.accounts, alarms, ground.departures, delivery.pollAnswers, delivery.rooms,
              delivery.writer),
        replies(context, links, ground.outbox, delivery.writer),
        confirmations(context, replies),
        attachments(context),
        namespaces(context, ground.departures, ground.hooks, links, replies),
        handshakes(context, namespaces),
        recovery(context, ground.departures, handshakes, replies, delivery.rooms, delivery.snapshots),
        waiting(context) {}

  Alarms alarms;
  Links links;
  Replies replies;
  Confirmations confirmations;
  Attachments attachments;
  Namespaces namespaces;
  Handshakes handshakes;
  Recovery recovery;
  WaitingLine waiting;
};

// What clients, REST, scripts and admins ask for.
struct Requests {
  Requests(Context& context, Ground& ground, Delivery& delivery, Connections& connections)
      : scriptEvents(context, ground.hooks, ground.outbox, connections.replies),
        commands(context, ground.admission, connections.confirmations, ground.departures, ground.eviction, ground.hooks,
                 ground.outbox, connections.replies, delivery.rooms, delivery.snapshots, connections.waiting),
        rest(context, ground.admission, connections.confirmations, ground.eviction),
        scriptCalls(context, ground.hooks, connections.namespaces, ground.outbox, rest),
        admin(context, connections.confirmations, scriptCalls),
        services{
            context,  connections.replies,  connections.namespaces, connections.attachments, ground.hooks, scriptEvents,
            commands, connections.recovery, ground.departures} {}

  ScriptEvents scriptEvents;
  Commands commands;
  Rest rest;
  ScriptCalls scriptCalls;
  Admin admin;
  Services services;
};

// The ways in.
struct Transports {
  Transports(Context& context, Ground& ground, Delivery& delivery, Connections& connections, Services& services)
      : reload(context, connections.alarms, connections.handshakes, connections.links, delivery.pollAnswers,
               delivery.rooms, delivery.writer),
        heartbeat(context, connections.alarms, connections.attachments, connections.links, delivery.pollAnswers, reload,
                  delivery.writer),
        mailboxes(context, connections.links, delivery.pollAnswers, reload, delivery.rooms, delivery.snapshots,
                  delivery.writer),
        sockets(context, ground.accounts, connections.alarms, ground.eviction, connections.handshakes, heartbeat,
                connections.links, mailboxes, delivery.pollAnswers, delivery.rooms, delivery.writer,
                connections.waiting, services),
        polls(context, ground.accounts, connections.alarms, connections.attachments, ground.eviction,
              connections.handshakes, connections.links, ground.outbox, delivery.pollAnswers, connections.replies,
              connections.waiting, services),
        retries(context, ground.outbox, polls, sockets, connections.waiting, services) {}

  Reload reload;
  Heartbeat heartbeat;
  Mailboxes mailboxes;
  Sockets sockets;
  Polls polls;
  Retries retries;
};

// What keeps the tables in order.
struct Care {
  Care(Context& context, Ground& ground, Delivery& delivery, Connections& connections, Transports& transports)
      : reaper(context, ground.departures, connections.links, delivery.rooms),
        sweep(context, ground.departures, reaper),
        recheck(context, connections.links, reaper, delivery.rooms, transports.sockets) {}

  Reaper reaper;
  Sweep sweep;
  Recheck recheck;
};

}  // namespace mediasync::server
