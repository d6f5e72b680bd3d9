// The API's description as JSON Schemas, as OpenAPI and AsyncAPI documents, as tables of docs/api.md and as TypeScript.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const readJson = (name) => JSON.parse(fs.readFileSync(path.join(root, name), 'utf8'));

export const description = readJson('core/api/description.json');
export const { commands, events, objects, problems, codes, rest, statuses, admin, adminStatuses } = description;

/** Texts that clients give have no control characters. */
const kNoControls = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$';
const kIsoTime = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$';
const kEpoch = 'Seconds since the Unix epoch by the clock of the server; milliseconds with `mediasync_timestamps milliseconds`';

const pascal = (name) => name.replace(/(?:^|_)([a-z])/g, (_, letter) => letter.toUpperCase());

/** The name of the schema of a command or an event. */
export const schemaName = (name) => events[name]?.schema ?? pascal(name);

/** All fields of a structure, those that it extends first. */
export function fieldsOf(structure) {
  const inherited = structure.extends ? fieldsOf(objects[structure.extends]) : [];
  return [...inherited, ...structure.fields];
}

// ---- JSON Schema

/** Lengths are bytes of UTF-8, which JSON Schema does not count: so many bytes have at least a fourth as many characters. */
function textSchema({ bytes: [least, most], sameAs }) {
  return { type: 'string', ...(least > 0 && { minLength: Math.ceil(least / 4) }), maxLength: sameAs?.bytes[1] ?? most, pattern: kNoControls,
    ...(least > 0 && { 'x-min-bytes': least }), 'x-max-bytes': most, ...(sameAs && { 'x-unless-same-as': sameAs.field }) };
}

function typeSchema(field, refer) {
  switch (field.type) {
    case 'text': return textSchema(field);
    case 'time': return { type: 'number' };
    case 'isoTime': return { type: 'string', pattern: kIsoTime };
    case 'count': return { type: 'integer', minimum: 0 };
    case 'code': return { type: 'string', pattern: '^[A-Z][A-Z0-9_]*$', 'x-known-values': Object.keys(codes) };
    case 'problem': return { type: 'string', enum: problems };
    case 'string': case 'number': case 'boolean': return { type: field.type };
    default: return refer(field.type);
  }
}

/** null means the same as leaving an optional field of a command out, unless it is said not to. */
const isNullable = ({ nullable, optional }, isInput) => nullable ?? (isInput && optional);
function orNull(schema, allowed) {
  if (!allowed) return schema;
  return { ...schema, type: [schema.type, 'null'], ...(schema.enum && { enum: [...schema.enum, null] }) };
}

function fieldSchema(field, isInput, refer) {
  let schema = typeSchema(field, refer);
  for (const key of ['minimum', 'maximum', 'const']) if (key in field) schema = { ...schema, [key]: field[key] };
  schema = orNull(schema, isNullable(field, isInput));
  if (field.array) schema = { type: 'array', items: schema };
  const text = [field.type === 'time' ? kEpoch : null, field.text].filter(Boolean).join('; ');
  return text === '' ? schema : { description: text, ...schema };
}

function structureSchema(structure, isInput, isStrict, refer) {
  const fields = fieldsOf(structure);
  const required = fields.filter(({ optional }) => !optional).map(({ name }) => name);
  return {
    type: 'object',
    description: structure.text,
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field, isInput, refer)])),
    ...(isStrict && { additionalProperties: false }),
  };
}

/** Whether a command has data at all. */
export const hasData = (name) => commands[name].fields.length > 0;

/**
 * The schemas of all objects, commands and events by name. Strict ones allow no field that is not described, which clients must do.
 * `refer` makes the reference to another schema.
 */
export function schemas({ isStrict = false, refer = (name) => ({ $ref: `#/components/schemas/${name}` }) } = {}) {
  const made = {};
  for (const [name, object] of Object.entries(objects)) made[name] = structureSchema(object, object.isInput, isStrict, refer);
  for (const name of Object.keys(commands).filter(hasData)) made[schemaName(name)] = structureSchema(commands[name], true, isStrict, refer);
  for (const [name, event] of Object.entries(events)) made[schemaName(name)] = structureSchema(event, false, isStrict, refer);
  return made;
}

/** The schemas that a part of a document refers to, directly or not, in their own order. */
function schemasFor(part) {
  const all = schemas();
  const used = new Set();
  const look = (value) => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      look(all[name]);
    }
  };
  look(part);
  return Object.fromEntries(Object.entries(all).filter(([name]) => used.has(name)));
}

// ---- documents

const info = (title, text) => ({ title, version: readJson('web/package.json').version, description: text,
  license: { name: 'BSD-2-Clause', url: 'https://spdx.org/licenses/BSD-2-Clause.html' } });
const refer = (name) => ({ $ref: `#/components/schemas/${name}` });

function response(status, schema, texts) {
  const headers = {
    ...(status === '201' && { Location: { description: 'The path of the session', required: true, schema: { type: 'string' } } }),
    ...(['429', '503'].includes(status) && { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } }),
  };
  return { description: texts[status], ...(Object.keys(headers).length > 0 && { headers }),
    content: { 'application/json': { schema: refer(schema) } } };
}

function restOperation(operation, texts) {
  const parameters = (operation.query ?? []).map((field) => {
    const { description: text, ...schema } = fieldSchema(field, false, refer);
    return { name: field.name, in: 'query', description: text, schema };
  });
  return {
    operationId: operation.id,
    summary: operation.text,
    ...(parameters.length > 0 && { parameters }),
    ...(operation.body && { requestBody: { required: true, content: { 'application/json': { schema: refer(operation.body) } } } }),
    responses: Object.fromEntries(Object.entries(operation.answers).map(([status, schema]) => [status, response(status, schema, texts)])),
  };
}

function restPath(name, operations, texts) {
  const { description: text, ...id } = fieldSchema(commands.join_session.fields[0], false, refer);
  const parameters = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => ({ name: parameter, in: 'path', required: true, schema: id,
    description: 'One percent-encoded segment; `/` in an id is `%2F`' }));
  return {
    ...(parameters.length > 0 && { parameters }),
    ...Object.fromEntries(Object.entries(operations).map(([method, operation]) => [method, restOperation(operation, texts)])),
  };
}

/** The REST endpoints, as OpenAPI 3.1. Those for admins are at a server of their own. */
export function openapi() {
  const paths = {};
  for (const [name, operations] of Object.entries(rest)) paths[name] = restPath(name, operations, statuses);
  const servers = [{ url: 'http://127.0.0.1:8081/admin', description: 'The location of mediasync_admin' }];
  for (const [name, operations] of Object.entries(admin)) paths[name] = { servers, ...restPath(name, operations, adminStatuses) };
  return {
    openapi: '3.1.0',
    info: info('mediasync, REST', 'Creates, lists and shows sessions, and commands of admins; see docs/api.md. The paths are those ' +
      'of the usual configuration.'),
    servers: [{ url: 'https://watch.example.org' }],
    paths,
    components: { schemas: schemasFor(paths) },
  };
}

const message = (name, text, payload, more = {}) => ({ name, summary: text, ...(payload && { payload }), ...more });

/** Every command may be refused with these, too; with the last one where operators have rules. */
export const kAnyRefusals = ['BINARY_UNSUPPORTED', 'RATE_LIMITED', 'HOOK_FAILED'];

/** The codes that a command may be refused with, in the order of its checks. */
export function refusalsOf(name) {
  const { needsData, fields, refusals } = commands[name];
  const broken = fields.map(({ refusal }) => refusal).filter(Boolean);
  return [...new Set([...(needsData ? ['INVALID_PAYLOAD'] : []), ...broken, ...refusals])];
}

/** The events of Socket.IO, as AsyncAPI 3: what the server receives and sends in the namespace `/`. */
export function asyncapi() {
  const messages = {};
  const operations = {};
  const told = (name) => ({ $ref: `#/channels/main/messages/${name}` });
  for (const [name, command] of Object.entries(commands)) {
    messages[name] = message(name, command.text, hasData(name) && refer(schemaName(name)),
      { 'x-needs-data': command.needsData === true, 'x-refusals': [...refusalsOf(name), ...kAnyRefusals], 'x-tells': command.tells });
    operations[name] = { action: 'receive', channel: { $ref: '#/channels/main' }, summary: `Who may send it: ${command.who}.`,
      messages: [told(name)],
      reply: { channel: { $ref: '#/channels/main' }, messages: [told(command.acknowledgement), told('Refused')] } };
  }
  for (const name of ['Done', 'Joined', 'HeartbeatDone', 'Refused']) messages[name] = message(name, objects[name].text, refer(name));
  for (const [name, event] of Object.entries(events)) {
    messages[name] = message(name, event.text, refer(schemaName(name)), { 'x-has-offset': event.isLogged === true });
    operations[name] = { action: 'send', channel: { $ref: '#/channels/main' }, messages: [told(name)] };
  }
  return {
    asyncapi: '3.0.0',
    info: info('mediasync, Socket.IO', 'The events between clients and the server; see docs/api.md. The data of an event is its first ' +
      'argument. Acknowledgements are the replies of the operations. Events with `x-has-offset` have an additional last argument, the offset, ' +
      'if the connection can be recovered.'),
    defaultContentType: 'application/json',
    servers: { watch: { host: 'watch.example.org', pathname: '/socket.io/', protocol: 'wss', description: 'Socket.IO 5 over Engine.IO 4' } },
    channels: { main: { address: '/', description: 'The namespace',
      messages: Object.fromEntries(Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }])) } },
    operations,
    components: { messages, schemas: schemasFor(messages) },
  };
}

/** A document as the file in docs/ has it. */
export function yamlText(document) {
  const { stringify } = createRequire(path.join(root, 'tests/client/package.json'))('yaml');
  return `# Made by scripts/describe from core/api/description.json.\n${stringify(document, { lineWidth: 120, aliasDuplicateObjects: false })}`;
}

// ---- tables of docs/api.md

const row = (...cells) => `|${cells.map((cell) => (cell ? ` ${cell} |` : ' |')).join('')}`;
const quoted = (words) => words.map((word) => `\`${word}\``).join(', ');

/** Who may send what. The hook is the one that operators' rules are asked by. */
const commandTable = () => [
  row('Event', 'Who may send it', 'Hook', 'Who receives what', 'Refusals'),
  '|---|---|---|---|---|',
  ...Object.entries(commands).map(([name, { who, receives, hook }]) =>
    row(quoted([name]), who, hook ? quoted([hook]) : 'none', receives, quoted(refusalsOf(name)) || 'none')),
  row('any other name', '', '', '', '`UNKNOWN_EVENT`'),
  row("(a user's grace ends)", '', '', 'the others: `user_left`, then `leadership_changed` if the user led', ''),
];

/** What is told, and whether it has an offset. */
const eventTable = () => [
  row('Event', '', 'Offset'),
  '|---|---|---|',
  ...Object.entries(events).map(([name, { text, isLogged }]) => row(quoted([name]), text, isLogged ? 'yes' : 'no')),
];

/** docs/api.md, with these tables between their marks. */
function apiPage() {
  let page = fs.readFileSync(path.join(root, 'docs/api.md'), 'utf8');
  for (const [name, table] of Object.entries({ commands: commandTable(), events: eventTable() })) {
    const begin = `<!-- ${name}: made by scripts/describe of core/api/description.json -->\n`;
    const from = page.indexOf(begin);
    const to = page.indexOf(`<!-- end of ${name} -->`);
    if (from < 0 || to < from) throw new Error(`docs/api.md has no place for the table of ${name}`);
    page = `${page.slice(0, from)}${begin}${table.join('\n')}\n${page.slice(to)}`;
  }
  return page;
}

// ---- TypeScript

function typeName(field) {
  if ('const' in field) return String(field.const);
  const names = { text: 'string', string: 'string', isoTime: 'string', time: 'number', number: 'number', count: 'number', boolean: 'boolean',
    code: 'Code', problem: 'Problem' };
  return (names[field.type] ?? field.type) + (field.array ? '[]' : '');
}

function interfaceText(name, structure, isInput) {
  const lines = structure.fields.flatMap((field) => [
    ...(field.text ? [`  /** ${field.text[0].toUpperCase()}${field.text.slice(1)}. */`] : []),
    `  ${field.name}${field.optional ? '?' : ''}: ${typeName(field)}${isNullable(field, isInput) ? ' | null' : ''};`,
  ]);
  const base = structure.extends ? ` extends ${structure.extends}` : '';
  return `/** ${structure.text} */\nexport interface ${name}${base} {${lines.length > 0 ? `\n${lines.join('\n')}\n` : ''}}\n`;
}

const union = (words) => words.map((word) => `\n  | "${word}"`).join('');

/** Arguments of socket.emit(). */
function commandType(name) {
  const { acknowledgement, needsData } = commands[name];
  const data = hasData(name) ? `data${needsData ? '' : '?'}: ${schemaName(name)}, ` : '';
  return `  /** ${commands[name].text} */\n  ${name}: (${data}acknowledge?: (answer: ${acknowledgement} | Refused) => void) => void;`;
}

const eventType = (name) =>
  `  /** ${events[name].text} */\n  ${name}: (data: ${schemaName(name)}${events[name].isLogged ? ', offset?: string' : ''}) => void;`;

/** The types of all of it, for `Socket<ServerToClientEvents, ClientToServerEvents>` of socket.io-client. */
export function typescript() {
  const inputs = Object.keys(commands).filter(hasData);
  return `// Made by scripts/describe from core/api/description.json: the events of docs/api.md. Times are seconds since the Unix epoch, or
// milliseconds where the server is configured so.

/** Why a command was refused. Rules of operators have codes of their own. */
export type Code =${union(Object.keys(codes))}
  | (string & {});

/** Why a film does not go on. */
export type Problem =${union(problems)};

${Object.entries(objects).map(([name, object]) => interfaceText(name, object, object.isInput)).join('\n')}
${inputs.map((name) => interfaceText(schemaName(name), commands[name], true)).join('\n')}
${Object.keys(events).map((name) => interfaceText(schemaName(name), events[name], false)).join('\n')}
export interface ClientToServerEvents {
${Object.keys(commands).map(commandType).join('\n')}
}

export interface ServerToClientEvents {
${Object.keys(events).map(eventType).join('\n')}
}
`;
}

/** The files that are made of the description, as {name: text}. */
export const made = () => ({
  'docs/openapi.yaml': yamlText(openapi()),
  'docs/asyncapi.yaml': yamlText(asyncapi()),
  'docs/api.md': apiPage(),
  'web/events.d.ts': typescript(),
});

export { root };
