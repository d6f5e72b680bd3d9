// The parts of a worker, each made of those before it. A part calls the parts that it was given, and none that come
// after.
#pragma once

#include "core/app/admin.h"
#include "core/app/commands.h"
#include "core/app/confirmations.h"
#include "core/app/echo.h"
#include "core/app/hooks.h"
#include "core/app/rest.h"
#include "core/app/script_calls.h"
#include "core/app/script_events.h"
#include "core/app/services.h"
#include "core/app/socket_io.h"
#include "core/app/watch_sessions.h"
#include "core/connection/account.h"
#include "core/connection/alarms.h"
#include "core/connection/applications.h"
#include "core/connection/caller_parts.h"
#include "core/connection/departures.h"
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
#include "core/sessions/admission.h"
#include "core/sessions/eviction.h"
#include "core/sessions/local_sessions.h"
#include "core/worker/reaper.h"
#include "core/worker/recheck.h"
#include "core/worker/sweep.h"

namespace mediasync::server {

// The sessions, and what makes room for more of them.
struct SessionParts {
  explicit SessionParts(Context& context)
      : admission(context), eviction(context), sessions(context, admission, eviction) {}

  Admission admission;
  Eviction eviction;
  LocalSessions sessions;
};

// The delivery of events to members of sessions.
struct Delivery {
  Delivery(Context& context, Sessions& sessions)
      : writer(context),
        rooms(context, sessions, writer),
        snapshots(context, rooms, writer),
        pollAnswers(context, rooms, snapshots) {
    rooms.answerPollsBy(pollAnswers);
  }

  SocketWriter writer;
  Rooms rooms;
  Snapshots snapshots;
  PollAnswers pollAnswers;
};

// The connections that the worker owns, and answers to any. `listener` is told of those that leave.
struct Connections {
  Connections(Context& context, DisconnectListener& listener, Sessions& sessions, Delivery& delivery)
      : outbox(context),
        accounts(context),
        departures(context, accounts, listener, sessions),
        alarms(context),
        links(context, accounts, alarms, departures, delivery.pollAnswers, delivery.rooms, delivery.writer, waiting),
        replies(context, links, outbox, delivery.writer),
        namespaces(context, departures, listener, replies, sessions),
        handshakes(context, namespaces),
        recovery(context, departures, handshakes, sessions),
        callerParts{context.zone, links, outbox, delivery.rooms, delivery.snapshots, delivery.writer} {}

  Outbox outbox;
  Accounts accounts;
  Departures departures;
  WaitingLine waiting;
  Alarms alarms;
  Links links;
  Replies replies;
  Namespaces namespaces;
  Handshakes handshakes;
  Recovery recovery;
  CallerParts callerParts;
};

// The requests of clients, REST, scripts and admins.
struct Requests {
  Requests(Context& context, Hooks& hooks, Sessions& sessions, Connections& connections)
      : confirmations(context, connections.replies),
        scriptEvents(context, hooks, connections.replies),
        commands(context, confirmations, hooks, connections.replies, sessions, connections.waiting),
        rest(context, confirmations, sessions),
        scriptCalls(context, hooks, connections.namespaces, connections.outbox, rest, sessions),
        admin(context, confirmations, scriptCalls) {}

  Confirmations confirmations;
  ScriptEvents scriptEvents;
  Commands commands;
  Rest rest;
  ScriptCalls scriptCalls;
  Admin admin;
};

// The applications that connections talk to.
struct Apps {
  Apps(Context& context, Hooks& hooks, Connections& connections, Requests& requests)
      : services{context,
                 connections.namespaces,
                 hooks,
                 requests.scriptEvents,
                 requests.commands,
                 connections.recovery,
                 connections.departures},
        applications(connections.callerParts, sessionsOverSocketIo, engineEcho, echoOverSocketIo) {}

  Services services;
  WatchSessions watchSessions{services};
  SocketEcho socketEcho{services};
  SocketIo sessionsOverSocketIo{services, watchSessions};
  SocketIo echoOverSocketIo{services, socketEcho};
  EngineEcho engineEcho{services};
  Applications applications;
};

// The ways in.
struct Transports {
  Transports(Context& context, Eviction& eviction, Delivery& delivery, Connections& connections,
             Applications& applications)
      : reload(context, connections.alarms, connections.handshakes, connections.links, delivery.pollAnswers,
               delivery.rooms, delivery.writer, connections.waiting, applications),
        heartbeat(context, connections.alarms, connections.links, delivery.pollAnswers, reload, delivery.writer),
        mailboxes(context, connections.links, delivery.pollAnswers, reload, delivery.rooms, delivery.snapshots,
                  delivery.writer),
        sockets(context, connections.accounts, connections.alarms, eviction, connections.handshakes, heartbeat,
                connections.links, mailboxes, delivery.pollAnswers, delivery.rooms, delivery.writer,
                connections.waiting, applications),
        polls(context, connections.accounts, connections.alarms, eviction, connections.handshakes, connections.links,
              connections.outbox, delivery.pollAnswers, connections.waiting, applications),
        retries(context, connections.outbox, polls, sockets, connections.waiting, applications) {}

  Reload reload;
  Heartbeat heartbeat;
  Mailboxes mailboxes;
  Sockets sockets;
  Polls polls;
  Retries retries;
};

// The parts that keep the tables in order.
struct Care {
  Care(Context& context, Delivery& delivery, Connections& connections, Transports& transports)
      : reaper(context, connections.departures, connections.links, delivery.rooms),
        sweep(context, connections.departures, reaper),
        recheck(context, connections.links, reaper, delivery.rooms, transports.sockets, connections.waiting) {}

  Reaper reaper;
  Sweep sweep;
  Recheck recheck;
};

}  // namespace mediasync::server
