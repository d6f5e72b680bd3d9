// The types of the library and of its adapters, on small programs and on the samples of the docs, as strict as tsc is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const web = path.join(root, 'web');

/** What the samples take for granted. */
const kGiven = `declare const MediaSync: typeof import('@mediasync/client').MediaSync;
declare const video: HTMLVideoElement;
declare const who: { sessionId: string; username: string };
interface Document {
  getElementById(id: 'film'): HTMLVideoElement;
  querySelector(name: 'media-player'): HTMLElement & { src: unknown };
}
`;

const programs = {
  'events.ts': `import { io, type Socket } from 'socket.io-client';
import type { ClientToServerEvents, PlaybackState, ServerToClientEvents } from '@mediasync/client';
const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io();
const show = ({ mediaUrl, position }: PlaybackState) => console.log(mediaUrl?.length, position.toFixed(1));
socket.on('session_joined', ({ isLeader, session }) => { if (isLeader) console.log(session.users[0]?.joinedAt); show(session.playbackState); });
socket.on('playback_sync', show);
socket.on('error', ({ code, event }) => console.log(code === 'NOT_LEADER' ? event : code));
socket.emit('join_session', { sessionId: 'film-night', userId: 'ada', username: 'Ada' }, (answer) => {
  if (answer.success) console.log(answer.isLeader);
  else console.log(answer.code);
});
socket.emit('sync_playback', { position: 0, isPlaying: true, mediaUrl: null });
socket.emit('heartbeat');
`,
  'library.ts': `import { MediaSync, userId } from '@mediasync/client';
import { io } from 'socket.io-client';
const client = new MediaSync(video, { io, ...who, userId: userId(), buffering: 'carry-on', audioOffset: 0.1 });
const heard = ({ detail }: CustomEvent<{ error: number | null; rate: number }>) => console.log(detail.rate.toFixed(2));
client.addEventListener('sync', heard);
client.removeEventListener('sync', heard);
client.addEventListener('joined', ({ detail }) => { const isFirst: boolean = detail.isFirst; console.log(isFirst); });
const state: string = client.stats().state;
const started: boolean = client.play();
client.close();
console.log(state, started);
`,
  'source.ts': `import { MediaSync } from '@mediasync/client';
const client = new MediaSync(video, { ...who, load: async ({ mediaUrl }, media, film) => {
  const url: string = mediaUrl;
  media.src = url;
  film.signal.addEventListener('abort', () => media.removeAttribute('src'));
  film.fail({ kind: 'network' });
  film.mended();
  film.moved();
  return { recover: (trouble) => trouble?.kind === 'network' };
} });
const kind: 'network' | 'missing' | 'unsupported' | undefined = client.trouble?.kind;
console.log(kind);
`,
  'hls.ts': `import Hls from 'hls.js';
import { MediaSync } from '@mediasync/client';
import { hlsSource, isPlaylist } from '@mediasync/client/hls.js';
new MediaSync(video, { ...who, ...hlsSource(Hls, { maxBufferLength: 10 }) });
new MediaSync(video, { ...who, ...hlsSource(() => import('hls.js').then((library) => library.default)) });
const is: boolean = isPlaylist('film.m3u8');
console.log(is);
`,
  'with_plyr.ts': `import Plyr from 'plyr';
import { PlyrSync } from '@mediasync/client/plyr.js';
const client = new PlyrSync(new Plyr('#film'), who);
client.addEventListener('blocked', () => client.start());
`,
  'videojs.ts': `import videojs from 'video.js';
import { VideojsSync } from '@mediasync/client/videojs.js';
const client = new VideojsSync(videojs('film'), { ...who, source: ({ mediaUrl }) => ({ src: mediaUrl, type: 'video/mp4' }) });
client.close();
`,
  'vidstack.ts': `import type { MediaPlayerElement } from 'vidstack/elements';
import { openVidstack } from '@mediasync/client/vidstack.js';
declare const player: MediaPlayerElement;
const client = await openVidstack(player, who);
client.close();
`,
  'react.tsx': `import { useMediaSync } from '@mediasync/client/react.js';
export function Film() {
  const { ref, mediasync, session, isLeader, state, trouble } = useMediaSync({ ...who, audioOffset: 0.1 });
  return <><video ref={ref} /><button onClick={() => mediasync?.play()}>{isLeader ? state : trouble?.message ?? session?.sessionId}</button></>;
}
`,
};

const kMistakes = {
  'no_event.ts': "import { io, type Socket } from 'socket.io-client';\nimport type { ClientToServerEvents, ServerToClientEvents } from '@mediasync/client';\n" +
    "const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io();\nsocket.emit('sync_playback', { position: '0', isPlaying: true });\n",
  'no_session.ts': "import { MediaSync } from '@mediasync/client';\nnew MediaSync(video, { username: 'Ada' });\n",
  'no_hls.ts': "import { hlsSource } from '@mediasync/client/hls.js';\nhlsSource(12);\n",
  'no_player.ts': "import { VideojsSync } from '@mediasync/client/videojs.js';\nnew VideojsSync(video, who);\n",
};

const blocksOf = (text, language) => [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code);

/** The samples of a page: modules in JavaScript or TypeScript, and the scripts of pages. */
function samplesOf(file) {
  const text = fs.readFileSync(file, 'utf8');
  const scripts = blocksOf(text, 'html').flatMap((page) =>
    [...page.matchAll(/<script type="module">\n(.*?)<\/script>/gs)].map(([, code]) => code));
  return [
    ...[...blocksOf(text, 'javascript'), ...scripts].map((code) => ['js', code]),
    ...blocksOf(text, 'jsx').map((code) => ['jsx', code]),
    ...blocksOf(text, 'typescript').map((code) => ['ts', code]),
    ...blocksOf(text, 'tsx').map((code) => ['tsx', code]),
  ];
}

/** Plyr 3.8 declares its class twice, once in a way that ES modules cannot import. */
const plyrTypes = () => fs.readFileSync(path.join(web, 'node_modules/plyr/src/js/plyr.d.ts'), 'utf8')
  .replace('export = Plyr;', '');

/**
 * Writes them into a folder where modules are found as a page's bundler finds them, and returns what tsc says of all but the types of
 * others. In JavaScript nobody tells tsc that something is there by now.
 */
function check(t, files) {
  const folder = fs.mkdtempSync(path.join(web, 'types-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(path.join(folder, 'given.d.ts'), kGiven);
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), `${text}\nexport {};\n`);
  fs.writeFileSync(path.join(folder, 'plyr.d.ts'), plyrTypes());
  const isScript = Object.keys(files).every((name) => /\.jsx?$/.test(name));
  const paths = { plyr: ['./plyr.d.ts'], '@mediasync/client': ['../mediasync.d.ts'], '/mediasync.js': ['../mediasync.d.ts'],
    '@mediasync/client/*.js': ['../adapters/*.d.ts'] };
  const options = { strict: true, strictNullChecks: !isScript, noEmit: true, target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'], module: 'esnext',
    moduleResolution: 'bundler', allowJs: true, checkJs: true, jsx: 'react-jsx', types: [], paths };
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['given.d.ts', ...Object.keys(files)] }));
  const { status, stdout, stderr, error } = spawnSync(path.join(web, 'node_modules/.bin/tsc'), ['--pretty', 'false'], { cwd: folder, encoding: 'utf8' });
  if (error) throw error;
  assert.ok(status === 0 || stdout !== '', `tsc did not run: ${stderr}`);
  return stdout.split('\n').filter((line) => !line.startsWith('../node_modules/')).join('\n');
}

test('the types take what is right', (t) => {
  const told = check(t, programs);
  assert.equal(told, '');
});

test('the types refuse what is wrong', (t) => {
  const told = check(t, kMistakes);
  for (const name of Object.keys(kMistakes)) assert.match(told, new RegExp(`^${name}.*error TS`, 'm'));
});

test('the samples of the docs pass as they are', (t) => {
  const pages = ['docs/client.md', ...fs.readdirSync(path.join(root, 'docs/players')).map((name) => `docs/players/${name}`)];
  const files = {};
  for (const page of pages) {
    samplesOf(path.join(root, page)).forEach(([kind, code], i) => { files[`${path.basename(page, '.md')}_${i}.${kind}`] = code; });
  }
  assert.ok(Object.keys(files).length >= pages.length, 'each page has a sample');
  const named = (pattern) => Object.fromEntries(Object.entries(files).filter(([name]) => pattern.test(name)));
  for (const some of [named(/\.jsx?$/), named(/\.tsx?$/)]) if (Object.keys(some).length > 0) assert.equal(check(t, some), '');
});
