// The parts of a worker, each made of those before it. A part calls the parts that it was given, and none that come
// after.
#pragma once

#include "core/app/admin.h"
#include "core/app/admission.h"
#include "core/app/commands.h"
#include "core/app/confirmations.h"
#include "core/app/hooks.h"
#include "core/app/rest.h"
#include "core/app/script_calls.h"
#include "core/app/script_events.h"
#include "core/app/services.h"
#include "core/connection/account.h"
#include "core/connection/alarms.h"
#include "core/connection/attachments.h"
#include "core/connection/departures.h"
#include "core/connection/eviction.h"
#include "core/connection/handshakes.h"
#include "core/connection/heartbeat.h"
#include "core/connection/links.h"
#include "core/connection/mailboxes.h"
#include "core/connection/namespaces.h"
#include "core/connection/outbox.h"
#include "core/connection/polls.h"
#include "core/connection/recovery.h"
#include "core/connection/reload.h"
#include "core/connection/replies.h"
#include "core/connection/retries.h"
#include "core/connection/sockets.h"
#include "core/connection/waiting_line.h"
#include "core/context/context.h"
#include "core/delivery/poll_answers.h"
#include "core/delivery/rooms.h"
#include "core/delivery/snapshots.h"
#include "core/delivery/socket_writer.h"
#include "core/worker/reaper.h"
#include "core/worker/recheck.h"
#include "core/worker/sweep.h"

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
  explicit Delivery(Context& context)
      : writer(context),
        rooms(context, writer),
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
              delivery.writer, waiting),
        replies(context, links, ground.outbox, delivery.writer),
        confirmations(context, replies),
        attachments(context),
        namespaces(context, ground.departures, ground.hooks, links, replies),
        handshakes(context, namespaces),
        recovery(context, ground.departures, handshakes, replies, delivery.rooms, delivery.snapshots) {}

  WaitingLine waiting;
  Alarms alarms;
  Links links;
  Replies replies;
  Confirmations confirmations;
  Attachments attachments;
  Namespaces namespaces;
  Handshakes handshakes;
  Recovery recovery;
};

// What clients, REST, scripts and admins ask for.
struct Requests {
  Requests(Context& context, Ground& ground, Delivery& delivery, Connections& connections)
      : scriptEvents(context, ground.hooks, ground.outbox, connections.replies),
        commands(context, ground.admission, connections.confirmations, ground.eviction, ground.hooks, ground.outbox,
                 connections.replies, delivery.rooms, delivery.snapshots, connections.waiting),
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
               delivery.rooms, delivery.writer, connections.waiting),
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
        recheck(context, connections.links, reaper, delivery.rooms, transports.sockets, connections.waiting) {}

  Reaper reaper;
  Sweep sweep;
  Recheck recheck;
};

}  // namespace mediasync::server
