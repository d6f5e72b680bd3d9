// A film published as if it was being made: a playlist of the last segments, with the time of day of each.
import fs from 'node:fs';
import path from 'node:path';
import { repoRoot } from '../../client/harness/nginx.mjs';

const kWindow = 7; // segments that can be had: room for seeking back from the live end, which players keep three away from

export class Broadcast {
  #folder;
  #segments;
  #startedAt;
  #timer;

  constructor(folder) {
    this.#folder = folder;
    const film = path.join(repoRoot, 'media/films/demo-hls');
    fs.mkdirSync(folder, { recursive: true });
    this.#segments = [...fs.readFileSync(path.join(film, 'index.m3u8'), 'utf8').matchAll(/#EXTINF:([\d.]+),.*\n(.+\.ts)/g)]
      .map(([, seconds, name]) => ({ seconds: Number(seconds), name }));
    for (const { name } of this.#segments) fs.copyFileSync(path.join(film, name), path.join(folder, name));
    this.#startedAt = Date.now() / 1000 - this.#endOf(kWindow - 1);
    this.#publish();
  }

  stop() { clearTimeout(this.#timer); }

  #endOf(last) { return this.#segments.slice(0, last + 1).reduce((sum, { seconds }) => sum + seconds, 0); }

  #publish() {
    const now = Date.now() / 1000 - this.#startedAt;
    const end = this.#segments.findLastIndex((_, i) => this.#endOf(i) <= now + 0.01) + 1;
    const first = Math.max(0, end - kWindow);
    const lines = ['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-TARGETDURATION:4', `#EXT-X-MEDIA-SEQUENCE:${first}`];
    for (let i = first; i < end; i++) {
      const at = new Date((this.#startedAt + this.#endOf(i - 1)) * 1000).toISOString();
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${at}`, `#EXTINF:${this.#segments[i].seconds},`, this.#segments[i].name);
    }
    fs.writeFileSync(path.join(this.#folder, 'next'), `${lines.join('\n')}\n`);
    fs.renameSync(path.join(this.#folder, 'next'), path.join(this.#folder, 'index.m3u8'));
    if (end < this.#segments.length) this.#timer = setTimeout(() => this.#publish(), (this.#endOf(end) - now) * 1000);
  }
}
