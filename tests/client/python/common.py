"""What both clients of python-socketio share: the inbox of a member, and what the answers have to look like."""
import sys

PATIENCE = 20
TEXT = '🎬 é\u0301 日本語 שלום 𝄞 "\\/'


def say(line):
    """Tells the test that runs this script; it answers CUT and BACK by ending and readmitting connections."""
    print(line, flush=True)


def check(condition, *about):
    if not condition:
        raise AssertionError(' '.join(str(one) for one in about))


def refused(answer, code):
    check(answer['success'] is False and answer['code'] == code, 'wanted', code, 'got', answer)
    check(isinstance(answer['message'], str) and len(answer['message']) > 5, answer)


def check_session(session, users):
    for field in ('sessionId', 'creatorId', 'leaderId', 'createdAt'):
        check(isinstance(session[field], str), field, session)
    check([user['id'] for user in session['users']] == users, 'users', session)
    check(session['userCount'] == len(users), session)
    for field in ('mediaUrl', 'mediaId', 'mediaTitle', 'mediaDuration', 'position', 'isPlaying', 'lastUpdateTime',
                  'playbackRate'):
        check(field in session['playbackState'], field, session)


class Inbox:
    """Everything that arrived, as (event, data); take() finds the first one not taken before."""

    def __init__(self):
        self.all = []
        self.taken = set()

    def put(self, event, *args):
        self.all.append((event, args[0] if args else None))

    def take(self, event, accept):
        for i, (name, data) in enumerate(self.all):
            if name == event and i not in self.taken and accept(data):
                self.taken.add(i)
                return (data,)
        return None

    def positions(self):
        return [data['position'] for name, data in self.all if name == 'playback_sync']


def main(run):
    """run(url, transport, session id), from the command line; the exit code says how it went."""
    url, transport, session = sys.argv[1:]
    run(url, None if transport == 'default' else transport, session)
    say('DONE')
