// What the figures were taken on, and with what.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { root } from './contenders.mjs';

const packageVersion = (name) => {
  const { stdout, status } = spawnSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' });
  return status === 0 ? stdout : 'not installed';
};
const npmVersion = (name) =>
  JSON.parse(fs.readFileSync(`${root}/bench/peers/node_modules/${name}/package.json`, 'utf8')).version;

export function describeMachine() {
  const git = (...args) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') ? ' with changes' : ''),
    processor: `${os.cpus()[0].model.trim()}, ${os.cpus().length} cores`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    kernel: os.release(),
    congestion: fs.readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
    nginx: packageVersion('nginx'),
    nchan: packageVersion('libnginx-mod-nchan'),
    node: process.version,
    'socket.io': npmVersion('socket.io'),
    ws: npmVersion('ws'),
    eiows: npmVersion('eiows'),
  };
}

/** The share of both cores that others used in the last second before the measurement, as /proc/stat has it. */
export async function otherLoad() {
  const read = () => fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1).map(Number);
  const before = read();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const passed = read().map((value, i) => value - before[i]);
  const total = passed.slice(0, 8).reduce((sum, value) => sum + value, 0);
  return 1 - (passed[3] + passed[4]) / total;
}
