// A real (software) TPM makes fresh quotes for our nonce, and the verifier accepts them; with one thing wrong it refuses them.
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, sha256, sha384, toHex } from '@wardround/protocol/bytes';
import { inspectTpm } from '@wardround/attestation/tpm/inspect';
import type { TpmInspection, TpmInspectionInput } from '@wardround/attestation/tpm/inspect';
import { parseTpmQuote } from '@wardround/attestation/tpm/attest';
import { parsePcrFile } from '@wardround/attestation/tpm/pcr-file';
import { eventOf, logOf } from './event-log-writer.ts';

const haveSwtpm = ['swtpm', 'tpm2_quote'].every((tool) => spawnSync('which', [tool]).status === 0);
if (!haveSwtpm) console.warn('SKIPPED: no software TPM; install swtpm, swtpm-tools and tpm2-tools to test against it');

type Bank = 'sha256' | 'sha384';

/** One software TPM with its own state, and the commands that a guest would give it. */
class SoftwareTpm {
  readonly #folder = mkdtempSync(join(tmpdir(), 'wardround-swtpm-'));

  constructor() {
    const socket = this.path('sock');
    const server = ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`];
    const state = ['--tpmstate', `dir=${this.#folder}`, '--flags', 'not-need-init,startup-clear'];
    const background = ['--daemon', '--pid', `file=${this.path('pid')}`];
    execFileSync('swtpm', ['socket', '--tpm2', ...state, ...server, ...background]);
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  run(command: string, ...args: readonly string[]): void {
    execFileSync(command, args, {
      env: { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${this.path('sock')}` },
      stdio: 'pipe',
    });
    if (command !== 'tpm2_flushcontext') this.run('tpm2_flushcontext', '-t');
  }

  createKey(name: string, algorithm: string): Bytes {
    if (!existsSync(this.path('parent.ctx')))
      this.run('tpm2_createprimary', '-C', 'o', '-G', 'ecc', '-c', this.path('parent.ctx'));
    const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda';
    const [pub, priv, context, pem] = ['pub', 'priv', 'ctx', 'pem'].map((suffix) => this.path(`${name}.${suffix}`));
    if (pub === undefined || priv === undefined || context === undefined || pem === undefined) throw new Error('paths');
    this.run('tpm2_create', '-C', this.path('parent.ctx'), '-G', algorithm, '-u', pub, '-r', priv, '-a', attributes);
    this.run('tpm2_load', '-C', this.path('parent.ctx'), '-u', pub, '-r', priv, '-c', context);
    this.run('tpm2_readpublic', '-c', context, '-f', 'pem', '-o', pem);
    return this.read(`${name}.pem`);
  }

  extend(register: number, digests: Readonly<Record<Bank, Uint8Array>>): void {
    const banks = Object.entries(digests).map(([bank, digest]) => `${bank}=${toHex(digest)}`);
    this.run('tpm2_pcrextend', `${register}:${banks.join(',')}`);
  }

  quote(key: string, options: QuoteOptions): Quoted {
    const { bank, registers, nonce, hash, form } = options;
    const files = ['msg', 'sig', 'pcrs'].map((suffix) => this.path(`quote.${suffix}`));
    const [message, signature, pcrs] = files;
    if (message === undefined || signature === undefined || pcrs === undefined) throw new Error('paths');
    for (const file of files) rmSync(file, { force: true });
    const asked = ['-l', `${bank}:${registers.join(',')}`, '-q', toHex(nonce), '-g', hash];
    const written = ['-m', message, '-s', signature, '-o', pcrs, ...(form === 'plain' ? ['-f', 'plain'] : [])];
    const scheme = key === 'pss' ? ['--scheme', 'rsapss'] : [];
    this.run('tpm2_quote', '-c', this.path(`${key}.ctx`), ...asked, ...written, ...scheme);
    return { quote: this.read('quote.msg'), signature: this.read('quote.sig'), pcrs: this.read('quote.pcrs') };
  }

  read(name: string): Bytes {
    return copyBytes(readFileSync(this.path(name)));
  }

  stop(): void {
    const pid = Number(readFileSync(this.path('pid'), 'utf8'));
    if (pid > 1) process.kill(pid);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface QuoteOptions {
  readonly bank: Bank;
  readonly registers: readonly number[];
  readonly nonce: Uint8Array;
  readonly hash: Bank;
  readonly form: 'tss' | 'plain';
}

interface Quoted {
  readonly quote: Bytes;
  readonly signature: Bytes;
  readonly pcrs: Bytes;
}

const events = ['kernel', 'initial file system', 'wardround'].map((text) => copyBytes(Buffer.from(text)));
const register = 8;
const eventLog = logOf({ events: events.map((data) => eventOf({ register, data })) });

describe.skipIf(!haveSwtpm)('a software TPM', () => {
  let tpm: SoftwareTpm;
  const keys = new Map<string, Bytes>();
  const nonce = copyBytes(randomBytes(64));

  beforeAll(() => {
    tpm = new SoftwareTpm();
    keys.set('rsa', tpm.createKey('rsa', 'rsa2048:rsassa-sha256:null'));
    keys.set('rsa384', tpm.createKey('rsa384', 'rsa2048:rsassa-sha384:null'));
    keys.set('pss', tpm.createKey('pss', 'rsa2048:rsapss-sha256:null'));
    keys.set('ecc', tpm.createKey('ecc', 'ecc256:ecdsa-sha256:null'));
    keys.set('ecc384', tpm.createKey('ecc384', 'ecc384:ecdsa-sha384:null'));
    for (const data of events) tpm.extend(register, { sha256: sha256(data), sha384: sha384(data) });
  }, 60_000);
  afterAll(() => tpm.stop());

  function inspect(
    { quote, signature, pcrs }: Quoted,
    key: string,
    changed: Partial<TpmInspectionInput> = {},
  ): TpmInspection {
    return inspectTpm({
      quote,
      signature,
      key: keys.get(key) ?? new Uint8Array(),
      certificates: [],
      crls: [],
      pcrs: parsePcrFile(pcrs, parseTpmQuote(quote)),
      nonce,
      eventLog,
      at: new Date(),
      trustedRoots: [],
      ...changed,
    });
  }

  const failures = ({ steps }: TpmInspection): readonly string[] =>
    steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
  const plain = {
    bank: 'sha256',
    registers: [0, 1, 2, 3, 4, 5, 6, 7, 8, 14],
    nonce,
    hash: 'sha256',
    form: 'tss',
  } as const;

  it.each([
    ['rsa', 'sha256', 'sha256', 'tss'],
    ['rsa', 'sha384', 'sha256', 'tss'],
    ['rsa', 'sha256', 'sha256', 'plain'],
    ['rsa384', 'sha384', 'sha384', 'tss'],
    ['pss', 'sha256', 'sha256', 'tss'],
    ['ecc', 'sha256', 'sha256', 'tss'],
    ['ecc', 'sha384', 'sha256', 'plain'],
    ['ecc384', 'sha384', 'sha384', 'tss'],
    ['ecc384', 'sha256', 'sha384', 'plain'],
  ] as const)('with key %s, bank %s, hash %s, form %s: accepted', (key, bank, hash, form) => {
    const quoted = tpm.quote(key, { ...plain, bank, hash, form });
    const inspection = inspect(quoted, key);
    expect(failures(inspection)).toEqual([]);
    expect(inspection.authentic).toBe(true);
    expect(inspection.fields?.eventLog?.registers).toEqual([register]);
    expect(inspection.fields?.eventLog?.proven.map(({ text }) => text)).toEqual([
      'kernel',
      'initial file system',
      'wardround',
    ]);
    expect(inspection.fields?.extraData).toBe(toHex(nonce));
  });

  it('of every register, as the values alone tell', () => {
    const registers = Array.from({ length: 24 }, (_, index) => index);
    const quoted = tpm.quote('rsa', { ...plain, registers });
    tpm.run('tpm2_pcrread', 'sha256:all', '-o', tpm.path('all.pcrs'));
    const all = tpm.read('all.pcrs');
    const inspection = inspect({ ...quoted, pcrs: all }, 'rsa');
    expect(failures(inspection)).toEqual([]);
    expect(Object.keys(inspection.fields?.pcrs ?? {})).toHaveLength(24);
  });

  it('is refused with one thing wrong', () => {
    const quoted = tpm.quote('rsa', plain);
    const values = parsePcrFile(quoted.pcrs, parseTpmQuote(quoted.quote));
    if (values.form !== 'indexed') throw new Error('the file says which registers it has');
    const value = values.values.get(register) ?? new Uint8Array();
    const cases: readonly (readonly [string, Partial<TpmInspectionInput>, readonly string[]])[] = [
      ['another key', { key: keys.get('pss') ?? nonce }, ['tpm-signature: tpm-quote-signature']],
      ['a key of another sort', { key: keys.get('ecc') ?? nonce }, ['tpm-signature: tpm-signature-scheme']],
      ['another nonce', { nonce: nonce.with(0, (nonce[0] ?? 0) ^ 1) }, ['tpm-nonce: tpm-quote-nonce']],
      ['half the nonce', { nonce: nonce.subarray(0, 32) }, ['tpm-nonce: tpm-quote-nonce']],
      [
        'another value',
        { pcrs: { ...values, values: new Map([...values.values, [register, sha256(value)]]) } },
        ['pcr-values: tpm-pcr-digest'],
      ],
      [
        'a register less',
        { pcrs: { ...values, values: new Map([...values.values].slice(1)) } },
        ['pcr-values: tpm-pcr-selection'],
      ],
      ['another bank', { pcrs: { ...values, bank: 'sha384' } }, ['pcr-values: tpm-pcr-bank']],
      [
        'a log without its last event',
        {
          eventLog: eventLog.subarray(
            0,
            eventLog.byteLength - eventOf({ register, data: events[2] ?? nonce }).byteLength,
          ),
        },
        ['pcr-event-log: tpm-event-log-mismatch'],
      ],
      [
        'a bit of the quote',
        { quote: quoted.quote.with(20, (quoted.quote[20] ?? 0) ^ 1) },
        ['tpm-signature: tpm-quote-signature'],
      ],
    ];
    for (const [what, changed, expected] of cases)
      expect(failures(inspect(quoted, 'rsa', changed)), what).toEqual(expected);
  });

  it('that was asked before it was extended answers for what it was', () => {
    const before = tpm.quote('rsa', { ...plain, registers: [23] });
    tpm.extend(23, { sha256: sha256(nonce), sha384: sha384(nonce) });
    const after = tpm.quote('rsa', { ...plain, registers: [23] });
    expect(failures(inspect(before, 'rsa', { eventLog: undefined }))).toEqual([]);
    expect(failures(inspect(after, 'rsa', { eventLog: undefined }))).toEqual([]);
    expect(failures(inspect({ ...before, pcrs: after.pcrs }, 'rsa', { eventLog: undefined }))).toEqual([
      'pcr-values: tpm-pcr-digest',
    ]);
    const extended = sha256(concatBytes(new Uint8Array(32), sha256(nonce)));
    expect(inspect(after, 'rsa', { eventLog: undefined }).fields?.pcrs).toEqual({ '23': toHex(extended) });
  });

  it('counts its boots', () => {
    const { fields } = inspect(tpm.quote('rsa', plain), 'rsa');
    expect(fields).toMatchObject({ resetCount: expect.any(Number), restartCount: expect.any(Number), safe: true });
  });
});
