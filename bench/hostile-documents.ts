// What one hostile document costs its reader at most, kind by kind: `node bench/hostile-documents.ts`. Each is as large as its kind may be,
// and correctly signed by a key that its reader allows, so that every check is reached that a stranger can reach.
import { limitsOf } from '@wardround/protocol/documents/limits';
import { type DocumentKind, documentKinds, isDocumentKind } from '@wardround/protocol/documents/registry';
import { UNVERIFIED_kindOf, verify } from '@wardround/protocol/documents/signed';
import { typOf } from '@wardround/protocol/jws';
import { generateSigningKey } from '@wardround/protocol/keys';
import { machineInWords } from './machine.ts';
import { markdownTable } from './table.ts';

const key = generateSigningKey();
/** Wasted on the JWS's own envelope of names. */
const slack = 64;

interface Shape {
  readonly name: string;
  /** The text of a payload of about `bytes` bytes and at most `values` values. */
  readonly text: (bytes: number, values: number) => string;
}

const fill = (piece: string, bytes: number): string => piece.repeat(Math.max(0, Math.floor(bytes / piece.length)));

/** Canonical or not is known at the end only. As many values as the limit lets in, the rest of the bytes in one text. */
const shapes: readonly Shape[] = [
  { name: 'one text', text: (bytes) => `{"a":"${fill('a', bytes)}"}` },
  { name: 'escapes', text: (bytes) => `{"a":"${fill(String.raw`\u0001`, bytes)}"}` },
  { name: 'three-byte letters', text: (bytes) => `{"a":"${'€'.repeat(Math.floor(bytes / 3))}"}` },
  { name: 'zeros', text: (bytes, values) => `{"a":[${listOf('0', bytes, values)}],"b":"${rest(2, bytes, values)}"}` },
  { name: 'nested arrays', text: (bytes, values) => nested(bytes, values) },
  { name: 'members', text: (bytes, values) => members(bytes, values) },
  { name: 'as many values as bytes', text: (bytes) => `[${fill('0,', bytes)}0]` },
  { name: 'arrays as deep as may be', text: (bytes) => `[${fill(`${deep(31)},`, bytes)}0]` },
];

function deep(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

function listOf(item: string, bytes: number, values: number): string {
  const count = Math.max(1, Math.min(values - 8, Math.floor(bytes / (item.length + 1))));
  return Array.from({ length: count }, () => item).join(',');
}

function rest(perValue: number, bytes: number, values: number): string {
  return 'a'.repeat(Math.max(0, bytes - perValue * values - slack));
}

function nested(bytes: number, values: number): string {
  return `{"a":[${listOf(deep(30), bytes, Math.floor(values / 30))}],"b":"${rest(2.1, bytes, values)}"}`;
}

function members(bytes: number, values: number): string {
  const count = Math.min(values - 8, Math.floor(bytes / 12));
  const list = Array.from({ length: count }, (_, i) => `"m${String(i).padStart(6, '0')}":0`);
  return `{${list.join(',')},"n":"${rest(11, bytes, values)}"}`;
}

/** Signs what `sign` would never sign. */
async function signedText(kind: DocumentKind, text: string): Promise<string> {
  const header = { alg: 'EdDSA', kid: key.thumbprint, typ: typOf(kind) } as const;
  return await key.sign(new TextEncoder().encode(text), header);
}

async function cost(kind: DocumentKind, jws: string): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 3; i += 1) {
    const before = process.cpuUsage();
    await read(kind, jws).catch(() => null);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** As a board's reader does: first what it claims to be, then its signature and its schema. */
async function read(kind: DocumentKind, jws: string): Promise<void> {
  const { value } = UNVERIFIED_kindOf(jws);
  documentKinds[kind].schema.safeParse(value);
  await verify(kind, jws, [key.publicKey]);
}

const rows: string[][] = [];
for (const kind of Object.keys(documentKinds)) {
  if (!isDocumentKind(kind)) continue;
  const { maxBytes, maxValues } = limitsOf(kind);
  let worst = { name: '', milliseconds: 0 };
  for (const { name, text } of shapes) {
    const jws = await signedText(kind, text(maxBytes - slack, maxValues));
    const milliseconds = await cost(kind, jws);
    if (milliseconds > worst.milliseconds) worst = { name, milliseconds };
  }
  rows.push([kind, `${maxBytes / 1024}`, `${maxValues}`, worst.milliseconds.toFixed(1), worst.name]);
}
console.log(`On ${machineInWords()}; one thread; the least of three readings, milliseconds of processor time.\n`);
console.log(
  markdownTable([['kind', 'KiB at most', 'values at most', 'ms', 'of the shapes tried the costliest'], ...rows]),
);
