// The NGINX of these tests: the library, the films, a broadcast and the page with the ten lines.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { repoRoot, Server } from '../../client/harness/nginx.mjs';

const kTypes = 'text/html html; text/javascript js; image/svg+xml svg; video/mp4 mp4; video/mp2t ts; application/vnd.apple.mpegurl m3u8;';

export function startServer(options = {}) {
  execFileSync(path.join(repoRoot, 'scripts/make-film'), { stdio: ['ignore', 'ignore', 'inherit'], timeout: 300000 });
  const web = path.join(repoRoot, 'web');
  return Server.start({
    http: `types { ${kTypes} }`,
    locations: `location / { root ${web}; }
      location /vendor/ { alias ${web}/node_modules/; }
      location /films/ { alias ${path.join(repoRoot, 'media/films')}/; }
      location /two/ { alias ${path.join(repoRoot, 'tests/browser/browsers/page')}/; index index.html; }
      location /broadcast/ { root html; add_header Cache-Control no-store; }`,
    ...options,
  });
}
