"""The API through python-socketio's Client. Each event gets a thread of its own there, so their order is not looked at."""
import threading

import socketio

from common import PATIENCE, TEXT, Inbox, check, check_session, main, refused, say


class Member:
    def __init__(self, url, transport, **options):
        self.inbox = Inbox()
        self.changed = threading.Condition()
        self.sio = socketio.Client(**{'reconnection': False, **options})
        for event in ('connect', 'disconnect', '*'):
            self.sio.on(event, self.recorder(event))
        self.sio.connect(url, transports=[transport] if transport else None, wait_timeout=PATIENCE)
        self.wait('connect')
        wanted = transport or 'websocket'
        check(self.sio.transport() == wanted, 'wanted', wanted, 'got', self.sio.transport())

    def recorder(self, event):
        def record(*args):
            with self.changed:
                self.inbox.put(*(args if event == '*' else (event, *args)))
                self.changed.notify_all()
        return record

    def wait(self, event, accept=lambda data: True):
        with self.changed:
            found = self.changed.wait_for(lambda: self.inbox.take(event, accept), PATIENCE)
        check(found, 'timed out waiting for', event, 'after', self.inbox.all[-5:])
        return found[0]

    def ask(self, event, data=None):
        return self.sio.call(event, data, timeout=PATIENCE)

    def close(self):
        # disconnect() alone says nothing when the last POST is still under way: it waits for none of its threads.
        self.sio._send_packet(self.sio.packet_class(socketio.packet.DISCONNECT, namespace='/'))
        self.sio.eio.queue.join()
        self.sio.disconnect()

    def join(self, session, user, name, **more):
        answer = self.ask('join_session', {'sessionId': session, 'userId': user, 'username': name, **more})
        check(answer['success'] is True and answer['userId'] == user, answer)
        return self.wait('session_joined')


def run(url, transport, session):
    leader = Member(url, transport)
    joined = leader.join(session, 'leader', f'Lea {TEXT}', avatar='/lea.png')
    check(joined['isLeader'] is True, joined)
    check_session(joined['session'], ['leader'])
    check(joined['session']['users'][0]['username'] == f'Lea {TEXT}', joined)

    follower = Member(url, transport)
    joined = follower.join(session, 'follower', 'Fred')
    check(joined['isLeader'] is False, joined)
    check_session(joined['session'], ['leader', 'follower'])
    check(joined['session']['users'][0]['avatar'] == '/lea.png', joined)
    check(leader.wait('user_joined')['username'] == 'Fred')

    film = {'mediaUrl': f'/{TEXT}.mp4', 'mediaId': 'a', 'mediaTitle': TEXT, 'mediaDuration': 5400.5}
    check(leader.ask('load_media', film) == {'success': True})
    for position in range(1, 6):
        leader.sio.emit('sync_playback', {'position': position, 'isPlaying': False})
    check(leader.ask('sync_playback', {'position': 6, 'isPlaying': True, 'playbackRate': 1.5}) == {'success': True})
    for member in (leader, follower):
        loaded = member.wait('media_loaded')
        check({name: loaded[name] for name in film} == film and loaded['loadedBy'] == 'leader', loaded)
        for position in range(1, 7):
            sync = member.wait('playback_sync', lambda one, wanted=position: int(one['position']) == wanted)
            check(sync['leaderId'] == 'leader' and sync['isPlaying'] is (position == 6), sync)
        check(sorted(int(one) for one in member.inbox.positions()) == list(range(1, 7)), member.inbox.positions())

    check(follower.ask('report_desync', {'reportedPosition': 7.5, 'reportedTime': 12}) == {'success': True})
    recovery = follower.wait('desync_recovery')
    check(recovery['reportedPosition'] == 7.5 and recovery['reportedTime'] == 12, recovery)
    check(recovery['authoritativeState']['mediaTitle'] == TEXT, recovery)
    check(isinstance(follower.ask('heartbeat')['timestamp'], (int, float)))
    follower.wait('heartbeat_ack')
    check(follower.ask('request_session_state') == {'success': True})
    check_session(follower.wait('session_state'), ['leader', 'follower'])

    for event, data, code in (('sync_playback', {'position': 1, 'isPlaying': True}, 'NOT_LEADER'),
                              ('request_leadership', None, 'LEADER_ACTIVE'),
                              ('join_session', 'nonsense', 'INVALID_PAYLOAD'),
                              ('join_session', {'sessionId': 'other', 'userId': 'x', 'username': 'x'},
                               'ALREADY_IN_SESSION'),
                              ('no_such_event', [1, None], 'UNKNOWN_EVENT'),
                              ('heartbeat', b'\x01\x02', 'BINARY_UNSUPPORTED')):
        refused(follower.ask(event, data), code)
        check(follower.wait('error', lambda one, wanted=event: one['event'] == wanted)['code'] == code)

    third = Member(url, transport)
    third.join(session, 'third', 'Thea')
    check(third.ask('leave_session') == {'success': True})
    check(leader.wait('user_left')['username'] == 'Thea')
    refused(third.ask('request_session_state'), 'NOT_IN_SESSION')
    third.join(session, 'third', 'Thea again')
    third.close()
    check(leader.wait('user_left')['username'] == 'Thea again')

    leader.close()
    changed = follower.wait('leadership_changed')
    check(changed['newLeaderId'] == 'follower' and changed['newLeaderName'] == 'Fred', changed)
    check(follower.ask('sync_playback', {'position': 20, 'isPlaying': False}) == {'success': True})
    follower.close()

    stranger = socketio.Client(reconnection=False)
    try:
        stranger.connect(url, transports=[transport] if transport else None, namespaces=['/admin'], wait_timeout=1)
    except socketio.exceptions.ConnectionError:
        pass
    else:
        check(False, 'another namespace was not refused')

    member = Member(url, transport, reconnection=True, reconnection_delay=0.05, reconnection_delay_max=0.2)
    member.join(session, 'member', 'Mem')
    say('CUT')
    member.wait('disconnect')
    say('BACK')
    member.wait('connect')
    joined = member.join(session, 'member', 'Mem')
    check(joined['session']['playbackState']['position'] == 20, joined)
    check('success' in member.ask('heartbeat'))
    member.close()


main(run)
