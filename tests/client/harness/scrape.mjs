// Reads Prometheus' text format.
import assert from 'node:assert/strict';

/** [{name, labels, value}] */
export function samples(text) {
  return text.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => {
    const [, name, labels, value] = /^([a-z_]+)\{(.*)\} (\S+)$/.exec(line) ?? assert.fail(line);
    return { name, value: Number(value),
      labels: Object.fromEntries([...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, said]) => [key, said])) };
  });
}

/** The value of the one sample of that name, without its prefix, that has these labels. */
export function valueOf(all, name, labels) {
  const found = all.filter((one) => one.name === `mediasync_${name}` &&
    Object.entries(labels).every(([key, value]) => one.labels[key] === value));
  assert.equal(found.length, 1, `${name} ${JSON.stringify(labels)}`);
  return found[0].value;
}
