// Compares events and answers of a server with the API's description: names, fields, types, and the codes of refusals.
import Ajv from 'ajv/dist/2020.js';
import { codes, commands, events, kAnyRefusals, refusalsOf, schemaName, schemas } from '../../../scripts/lib/description.mjs';

function makeAjv() {
  const ajv = new Ajv({ allowUnionTypes: true, strictTypes: 'log', logger: false });
  ajv.addKeyword({ keyword: 'x-min-bytes', type: 'string', validate: (least, text) => Buffer.byteLength(text) >= least });
  ajv.addKeyword({ keyword: 'x-max-bytes', type: 'string', validate: (most, text, schema, { parentData }) =>
    Buffer.byteLength(text) <= most || text === parentData[schema['x-unless-same-as']] });
  for (const keyword of ['x-unless-same-as', 'x-known-values']) ajv.addKeyword(keyword);
  for (const [name, schema] of Object.entries(schemas({ isStrict: true, refer: (other) => ({ $ref: other }) }))) ajv.addSchema(schema, name);
  return ajv;
}

const ajv = makeAjv();

/** Says where `value` breaks the schema of that name; null when it does not. */
export function faultOf(name, value) {
  const validate = ajv.getSchema(name);
  return validate(value) ? null : `${name}${ajv.errorsText(validate.errors, { dataVar: '' })} ${JSON.stringify(validate.errors[0].params)}: ${
    JSON.stringify(value)?.slice(0, 400)}`;
}

/** Operators' rules refuse with codes of their own, and commands of any name. */
function faultOfRefusal({ code, event }) {
  if (!Object.hasOwn(codes, code) || !Object.hasOwn(commands, event)) return null;
  return [...refusalsOf(event), ...kAnyRefusals].includes(code) ? null : `${event} is not said to be refused with ${code}`;
}

/** The same of an event with its arguments. Events of operators' own are not described. */
function faultOfEvent(name, [data, offset, ...rest]) {
  if (!Object.hasOwn(events, name)) return null;
  const event = events[name];
  if (rest.length > 0 || (offset !== undefined && !(event.isLogged && typeof offset === 'string'))) {
    return `${name} has other arguments: ${JSON.stringify([offset, ...rest])}`;
  }
  return faultOf(schemaName(name), data) ?? (name === 'error' ? faultOfRefusal(data) : null);
}

const found = new Set();

/** Keeps what is wrong with an event, for takeFaults(). */
export function note(name, args) {
  const fault = faultOfEvent(name, args);
  if (fault) found.add(fault);
}

/** All that has not been as described since it was asked last. */
export function takeFaults() {
  const faults = [...found];
  found.clear();
  return faults;
}
