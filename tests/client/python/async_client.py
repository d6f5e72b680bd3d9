"""The API through python-socketio's AsyncClient, whose events arrive in order."""
import asyncio

import socketio

from common import PATIENCE, TEXT, Inbox, check, check_session, main, refused, say


class Member:
    def __init__(self, **options):
        self.inbox = Inbox()
        self.changed = asyncio.Condition()
        self.sio = socketio.AsyncClient(**{'reconnection': False, **options})
        for event in ('connect', 'disconnect', '*'):
            self.sio.on(event, self.recorder(event))

    @classmethod
    async def open(cls, url, transport, **options):
        self = cls(**options)
        await self.sio.connect(url, transports=[transport] if transport else None, wait_timeout=PATIENCE)
        await self.wait('connect')
        wanted = transport or 'websocket'
        check(self.sio.transport() == wanted, 'wanted', wanted, 'got', self.sio.transport())
        return self

    def recorder(self, event):
        async def record(*args):
            self.inbox.put(*(args if event == '*' else (event, *args)))
            async with self.changed:
                self.changed.notify_all()
        return record

    async def wait(self, event, accept=lambda data: True):
        found = None

        def look():
            nonlocal found
            found = self.inbox.take(event, accept)
            return found is not None

        async with self.changed:
            try:
                await asyncio.wait_for(self.changed.wait_for(look), PATIENCE)
            except asyncio.TimeoutError:
                check(False, 'timed out waiting for', event, 'after', self.inbox.all[-5:])
        return found[0]

    def ask(self, event, data=None):
        return self.sio.call(event, data, timeout=PATIENCE)

    async def close(self):
        # disconnect() alone says nothing when the last POST is still under way: it waits for none of its tasks.
        await self.sio._send_packet(self.sio.packet_class(socketio.packet.DISCONNECT, namespace='/'))
        await self.sio.eio.queue.join()
        await self.sio.disconnect()

    async def join(self, session, user, name, **more):
        answer = await self.ask('join_session', {'sessionId': session, 'userId': user, 'username': name, **more})
        check(answer['success'] is True and answer['userId'] == user, answer)
        return await self.wait('session_joined')


async def scenario(url, transport, session):
    leader = await Member.open(url, transport)
    joined = await leader.join(session, 'leader', f'Lea {TEXT}')
    check(joined['isLeader'] is True, joined)
    check(joined['session']['users'][0]['username'] == f'Lea {TEXT}', joined)
    followers = []
    for name in ('f1', 'f2', 'f3'):
        followers.append(await Member.open(url, transport))
        await followers[-1].join(session, name, f'Fred {name}')
        check((await leader.wait('user_joined'))['userId'] == name)

    film = {'mediaUrl': f'/{TEXT}.mp4', 'mediaId': 'a', 'mediaTitle': TEXT, 'mediaDuration': 5400.5}
    check(await leader.ask('load_media', film) == {'success': True})
    # One by one: python-engineio takes no more than 16 packets in an answer to a poll, whoever serves it.
    for position in range(1, 51):
        check(await leader.ask('sync_playback', {'position': position, 'isPlaying': False}) == {'success': True})
    for member in (leader, *followers):
        loaded = await member.wait('media_loaded')
        check({name: loaded[name] for name in film} == film, loaded)
        await member.wait('playback_sync', lambda sync: sync['position'] == 50)
        check(member.inbox.positions() == list(range(1, 51)), member.inbox.positions())

    first, second, third = followers
    check((await first.ask('heartbeat'))['success'] is True)
    await first.wait('heartbeat_ack')
    check(await first.ask('report_desync', {'reportedPosition': 1}) == {'success': True})
    check((await first.wait('desync_recovery'))['authoritativeState']['position'] == 50)
    await first.sio.emit('request_session_state')
    check_session(await first.wait('session_state'), ['leader', 'f1', 'f2', 'f3'])
    refused(await first.ask('request_leadership'), 'LEADER_ACTIVE')
    refused(await first.ask('load_media', {'mediaUrl': ''}), 'INVALID_MEDIA_URL')
    refused(await first.ask('heartbeat', b'\x00'), 'BINARY_UNSUPPORTED')
    check(await third.ask('leave_session') == {'success': True})
    for member in (leader, first, second):
        check((await member.wait('user_left'))['userId'] == 'f3')
    await third.close()

    await leader.close()
    for member in (first, second):
        check((await member.wait('leadership_changed'))['newLeaderId'] == 'f1')
    check(await first.ask('sync_playback', {'position': 60, 'isPlaying': False}) == {'success': True})
    await second.wait('playback_sync', lambda sync: sync['position'] == 60)
    for member in (first, second):
        await member.close()

    member = await Member.open(url, transport, reconnection=True, reconnection_delay=0.05, reconnection_delay_max=0.2)
    await member.join(session, 'member', 'Mem')
    say('CUT')
    await member.wait('disconnect')
    say('BACK')
    await member.wait('connect')
    joined = await member.join(session, 'member', 'Mem')
    check(joined['session']['playbackState']['position'] == 60, joined)
    await member.close()


def run(url, transport, session):
    asyncio.run(asyncio.wait_for(scenario(url, transport, session), 3 * PATIENCE))


main(run)
