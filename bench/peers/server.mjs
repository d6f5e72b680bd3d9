// The API of mediasync on Socket.IO for Node.js, written as one would: the sessions are objects in memory, a room each.
//   node bench/peers/server.mjs PORT ws|eiows
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { Refusal, Sessions, kGraceMs } from './sessions.mjs';

const [port, engine] = [Number(process.argv[2]), process.argv[3] ?? 'ws'];
const sessions = new Sessions();
const http = createServer(answerRest);
const io = new Server(http, {
  perMessageDeflate: false,
  ...(engine === 'eiows' ? { wsEngine: (await import('eiows')).default.Server } : {}),
});

function leave(socket, { isLoss }) {
  const { session, user } = socket.data;
  if (!session) return;
  socket.data = {};
  socket.leave(session.sessionId);
  if (!session.disconnect(user)) return;
  const goodbye = () => {
    const heir = session.giveUp(user, { isLoss });
    io.to(session.sessionId).emit('user_left', { userId: user.id, username: user.username, timestamp: Date.now() / 1000 });
    if (heir) announceLeader(session, heir);
  };
  if (isLoss) user.grace = setTimeout(goodbye, kGraceMs);
  else goodbye();
}

function announceLeader(session, { id, username }) {
  io.to(session.sessionId).emit('leadership_changed',
    { newLeaderId: id, newLeaderName: username, timestamp: Date.now() / 1000 });
}

const handlers = {
  join_session(socket, data) {
    const { session, user, isNew } = sessions.join(data, socket.data.session);
    if (socket.data.session !== session) user.connections++;
    socket.data = { session, user };
    socket.join(session.sessionId);
    socket.emit('session_joined', { sessionId: session.sessionId, userId: user.id,
      isLeader: session.leaderId === user.id, session: session.snapshot() });
    if (isNew) {
      socket.to(session.sessionId).emit('user_joined',
        { userId: user.id, username: user.username, avatar: user.avatar, timestamp: Date.now() / 1000 });
    }
  },
  leave_session(socket) {
    leave(socket, { isLoss: false });
  },
  sync_playback({ data: { session, user } }, data) {
    io.to(session.sessionId).emit('playback_sync', session.sync(user, data));
  },
  load_media({ data: { session, user } }, data) {
    io.to(session.sessionId).emit('media_loaded', session.load(user, data));
  },
  request_leadership({ data: { session, user } }) {
    session.takeLead(user);
    announceLeader(session, user);
  },
  report_desync(socket, { reportedPosition, reportedTime }) {
    socket.emit('desync_recovery',
      { authoritativeState: socket.data.session.freshState(), reportedPosition, reportedTime });
  },
  heartbeat(socket) {
    socket.data.session?.touch(socket.data.user);
    socket.emit('heartbeat_ack', { timestamp: Date.now() / 1000 });
  },
  request_session_state(socket) {
    socket.emit('session_state', socket.data.session.snapshot());
  },
};

const kNeedNoSession = new Set(['join_session', 'leave_session', 'heartbeat']);

io.on('connection', (socket) => {
  socket.data = {};
  for (const [event, handle] of Object.entries(handlers)) {
    socket.on(event, (data) => {
      try {
        if (!socket.data.session && !kNeedNoSession.has(event)) throw new Refusal('NOT_IN_SESSION', 'Not in a session');
        handle(socket, data);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        socket.emit('error', { message: error.message, code: error.code, event });
      }
    });
  }
  socket.on('disconnect', () => leave(socket, { isLoss: true }));
});

function answerRest(request, response) {
  const reply = (status, body) => {
    const text = JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
  };
  const [, id] = /^\/api\/sessions\/(.+)$/.exec(request.url) ?? [];
  if (request.method === 'GET' && id) {
    const session = sessions.find(decodeURIComponent(id));
    if (session) reply(200, { success: true, session: session.snapshot() });
    else reply(404, { success: false, message: 'Session not found' });
  } else {
    reply(404, { success: false, message: 'Not found' });
  }
}

http.listen({ port, host: '127.0.0.1', backlog: 4096 });
