// `wardround collateral` as a tired administrator types it: the stick, what is on it that does not belong, and what refuses from when on.
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { copyBytes, toBase64Url } from '@wardround/protocol/bytes';
import { type AmdWorld, dayMs, freshDirectory, makeAmdWorld, offer } from './collateral-world.ts';
import { type Ran, wardround } from './run-wardround.ts';
import { VendorService } from './vendor-service.ts';
import { policyFor } from '../attestation/world.ts';

/** The command takes the time from the machine. */
const now = new Date();
let world: AmdWorld;
let service: VendorService;
/** A mirror with everything, which no test changes. */
let full: string;
let bundle: string;
let policy: string;

beforeAll(async () => {
  world = await makeAmdWorld(now);
  service = offer(await VendorService.start(), world);
  full = freshDirectory();
  bundle = join(dirname(full), 'bundle.json');
  const report = world.chip.makeReport({ reportData: new Uint8Array(64), measurement: new Uint8Array(48) });
  const binding = { nonce: '0b'.repeat(32), sessionOpen: '5e'.repeat(32), gpuEvidence: 'none', carriedBy: 'cpu' };
  const evidence = [
    { type: 'sevSnp', report: toBase64Url(report) },
    { type: 'none', of: 'gpu' },
  ];
  writeFileSync(bundle, JSON.stringify({ kind: 'Evidence', version: 1, binding, evidence, endorsements: [] }, null, 2));
  policy = join(dirname(full), 'policy.yaml');
  writeFileSync(policy, JSON.stringify(policyOf(30)));
  const ran = await collateral('fetch', full, '--for', bundle, '--amd-url', service.url, ...trust());
  expect(ran).toMatchObject({ status: 0 });
}, 120_000);

afterAll(async () => await service.stop());

const trust = (): readonly string[] => ['--trust-simulated-root', world.vendor.rootSha256];

async function collateral(command: string, directory: string, ...words: readonly string[]): Promise<Ran> {
  return await wardround(['collateral', command, '--dir', directory, ...words]);
}

/** What only Genoa machines of the simulated vendor satisfy. */
function policyOf(maxCrlAgeDays: number): unknown {
  const { vendor, chip, crl } = world;
  const whole = policyFor({ vendor, chip, crl, intermediate: vendor.root });
  const { sevSnp } = whole.platforms;
  if (sevSnp === 'refused') throw new Error('refused');
  return {
    ...whole,
    platforms: { ...whole.platforms, sevSnp: { ...sevSnp, products: { ...sevSnp.products, Turin: 'refused' } } },
    collateral: { ...whole.collateral, maxCrlAgeSeconds: maxCrlAgeDays * 86_400 },
  };
}

const itemsSchema = z.looseObject({
  complete: z.boolean(),
  items: z.array(
    z.looseObject({ key: z.looseObject({ kind: z.string() }), outcome: z.string(), code: z.string().optional() }),
  ),
  unknown: z.array(z.string()).optional(),
});

/** `kind outcome`, or the code of what was refused. */
function results({ stdout }: Ran): readonly string[] {
  return itemsSchema.parse(JSON.parse(stdout)).items.map(({ key, outcome, code }) => `${key.kind} ${code ?? outcome}`);
}

function stickWith(change: (stick: string) => void): string {
  const stick = freshDirectory();
  cpSync(full, stick, { recursive: true });
  change(stick);
  return stick;
}

function crlFile(mirror: string): string {
  const { items } = z
    .looseObject({ items: z.array(z.looseObject({ key: z.looseObject({ kind: z.string() }), sha256: z.string() })) })
    .parse(JSON.parse(readFileSync(join(mirror, 'index.json'), 'utf8')));
  return join(mirror, 'files', items.find(({ key }) => key.kind === 'amdCrl')?.sha256 ?? '');
}

describe('collateral export and import', () => {
  it('carry everything, each item verified on either side', async () => {
    const stick = freshDirectory();
    const out = await collateral('export', full, stick, ...trust());
    expect([out.status, out.stdout.includes('3 items into')]).toEqual([0, true]);
    const offline = freshDirectory();
    const ran = await collateral('import', offline, stick, ...trust(), '--json');
    expect(ran.status).toBe(0);
    expect(results(ran)).toEqual(['amdCertChain added', 'amdCrl added', 'amdVcek added']);
    expect(ran.stderr).toContain('NAMED WEAKNESS');
    const again = await collateral('import', offline, stick, ...trust(), '--json');
    expect(results(again)).toEqual(['amdCertChain unchanged', 'amdCrl unchanged', 'amdVcek unchanged']);
    expect(again.status).toBe(0);
    // What was on the stick is as it was: it may be write-protected.
    expect(readdirSync(stick).toSorted()).toEqual(['.lock', 'files', 'index.json']);
  });

  it('lose to a flipped bit the one item', async () => {
    const stick = stickWith((mirror) => {
      const path = crlFile(mirror);
      const bytes = copyBytes(readFileSync(path));
      bytes[200] = (bytes[200] ?? 0) ^ 8;
      writeFileSync(path, bytes);
    });
    const offline = freshDirectory();
    const ran = await collateral('import', offline, stick, ...trust(), '--json');
    expect(ran.status).toBe(1);
    expect(results(ran)).toEqual(['amdCertChain added', 'amdCrl collateral-digest', 'amdVcek added']);
  });

  it('name what does not belong, follow no link, and wait on no pipe', async () => {
    const stick = stickWith((mirror) => {
      writeFileSync(join(mirror, 'holiday.jpg'), 'not collateral');
      writeFileSync(join(mirror, 'files', 'f'.repeat(64)), 'nor this');
      const path = crlFile(mirror);
      cpSync(path, `${path}.moved`);
      symlinkOver(path, `${path}.moved`);
    });
    const ran = await collateral('import', freshDirectory(), stick, ...trust(), '--json');
    expect(results(ran)).toEqual(['amdCertChain added', 'amdCrl collateral-file-missing', 'amdVcek added']);
    const names = (itemsSchema.parse(JSON.parse(ran.stdout)).unknown ?? []).map((path) => path.slice(stick.length + 1));
    expect(names.toSorted()).toEqual([
      expect.stringMatching(/^files\/[0-9a-f]{64}\.moved$/),
      `files/${'f'.repeat(64)}`,
      'holiday.jpg',
    ]);
  });

  it('take files as the vendor gives them, whatever they are called', async () => {
    const heap = freshDirectory();
    mkdirSync(join(heap, 'deeper'), { recursive: true });
    writeFileSync(join(heap, 'deeper', 'a'), world.chain);
    writeFileSync(join(heap, 'b'), world.crl);
    writeFileSync(join(heap, 'c.txt'), 'a shopping list');
    const ran = await collateral('import', freshDirectory(), heap, ...trust(), '--json');
    expect(results(ran)).toEqual(['amdCertChain added', 'amdCrl added']);
    expect(itemsSchema.parse(JSON.parse(ran.stdout)).unknown).toEqual([join(heap, 'c.txt')]);
    const nothing = await collateral('import', freshDirectory(), join(heap, 'c.txt'));
    expect([nothing.status, nothing.stdout.includes('c.txt')]).toEqual([1, true]);
  });

  it('never bring back an older list', async () => {
    const offline = freshDirectory();
    expect((await collateral('import', offline, full, ...trust())).status).toBe(0);
    const heap = freshDirectory();
    mkdirSync(heap, { recursive: true });
    writeFileSync(join(heap, 'chain.pem'), world.chain);
    writeFileSync(
      join(heap, 'old.crl'),
      await world.vendor.issueCrl({ thisUpdate: new Date(now.getTime() - 9 * dayMs) }),
    );
    const before = readFileSync(join(offline, 'index.json'), 'utf8');
    const ran = await collateral('import', offline, heap, ...trust());
    expect([ran.status, ran.stdout.includes('[collateral-older]')]).toEqual([0, true]);
    expect(readFileSync(join(offline, 'index.json'), 'utf8')).toBe(before);
  });

  it('believe another mirror’s dates only where somebody types it', async () => {
    const early = '2026-01-01T00:00:00.000Z';
    const stick = stickWith((mirror) => {
      const path = join(mirror, 'index.json');
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/"mirroredAt": "[^"]*"/g, `"mirroredAt": "${early}"`));
    });
    const mirroredAt = async (...words: readonly string[]): Promise<readonly string[]> => {
      const offline = freshDirectory();
      expect((await collateral('import', offline, stick, ...trust(), ...words)).status).toBe(0);
      return readFileSync(join(offline, 'index.json'), 'utf8').match(/(?<="mirroredAt": ")[^"]*/g) ?? [];
    };
    expect(await mirroredAt('--believe-dates')).toEqual([early, early, early]);
    expect(await mirroredAt()).not.toContain(early);
  });
});

function symlinkOver(path: string, target: string): void {
  writeFileSync(`${path}.link`, '');
  cpSync(`${path}.link`, path);
  const { rmSync } = process.getBuiltinModule('node:fs');
  rmSync(path);
  rmSync(`${path}.link`);
  symlinkSync(target, path);
}

describe('collateral status', () => {
  const statusSchema = z.looseObject({
    fresh: z.boolean(),
    lines: z.array(
      z.looseObject({
        key: z.looseObject({ kind: z.string() }),
        state: z.string(),
        refusesFrom: z.string().optional(),
        because: z.string().optional(),
      }),
    ),
  });

  async function statusAt(
    days: number,
    ...words: readonly string[]
  ): Promise<readonly [number | null, readonly string[]]> {
    const time = new Date(now.getTime() + days * dayMs).toISOString();
    const ran = await collateral('status', full, '--at', time, '--json', ...words);
    const { lines } = statusSchema.parse(JSON.parse(ran.stdout));
    return [ran.status, lines.map(({ key, state }) => `${key.kind} ${state}`)];
  }

  it('says what refuses, as time goes by', async () => {
    // The list ends after 90 days, the chip's certificate after seven years.
    const table: readonly (readonly [number, number, string, string])[] = [
      [0, 0, 'fresh', 'fresh'],
      [75, 0, 'fresh', 'fresh'],
      [77, 0, 'soon', 'fresh'],
      [89, 0, 'soon', 'fresh'],
      [91, 1, 'refused', 'fresh'],
      [7 * 365 - 5, 1, 'refused', 'soon'],
      [7 * 365 + 1, 1, 'refused', 'refused'],
    ];
    for (const [days, status, crl, vcek] of table) {
      expect([days, await statusAt(days, ...trust())]).toEqual([
        days,
        [status, ['amdCertChain fresh', `amdCrl ${crl}`, `amdVcek ${vcek}`]],
      ]);
    }
  }, 60_000);

  it('counts the policy’s maximum age, and what the policy needs and is not there', async () => {
    expect(await statusAt(10, '--policy', policy)).toEqual([
      0,
      ['amdCertChain fresh', 'amdCrl fresh', 'amdVcek fresh'],
    ]);
    expect(await statusAt(17, '--policy', policy)).toEqual([0, ['amdCertChain fresh', 'amdCrl soon', 'amdVcek fresh']]);
    expect(await statusAt(31, '--policy', policy)).toEqual([
      1,
      ['amdCertChain fresh', 'amdCrl refused', 'amdVcek fresh'],
    ]);
    const empty = freshDirectory();
    cpSync(full, empty, { recursive: true });
    writeFileSync(join(empty, 'index.json'), '{"kind":"CollateralIndex","version":1,"items":[]}');
    const ran = await collateral('status', empty, '--policy', policy);
    expect([ran.status, ran.stdout.includes('missing: the policy needs it')]).toEqual([1, true]);
  });

  it('is a table for people, with the day', async () => {
    const ran = await collateral('status', full, ...trust());
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain('FRESH. Nothing is refused before');
    expect(ran.stdout).toContain(new Date(now.getTime() + 90 * dayMs).toISOString().slice(0, 10));
    expect(ran.stdout).toContain('SIMULATED PLATFORM');
    const untrusted = await collateral('status', full);
    expect([untrusted.status, untrusted.stdout.includes('snp-root-untrusted')]).toEqual([1, true]);
  });
});

describe('what is typed wrong', () => {
  it('is said, and leaves no directory behind', async () => {
    const directory = freshDirectory();
    const table: readonly (readonly [readonly string[], number, string])[] = [
      [['fetch'], 1, 'collateral-nothing'],
      [['fetch', '--amd', 'Rome'], 1, 'option-invalid'],
      [['fetch', '--amd', 'Genoa', '--amd-url', 'ftp://x'], 1, 'option-invalid'],
      [['fetch', '--amd', 'Genoa', '--budget', 'long'], 1, 'option-invalid'],
      [['fetch', '--intel-fmspc', '12'], 1, 'option-invalid'],
      [['fetch', '--nvidia-rim', '../x'], 1, 'option-invalid'],
      [['fetch', '--for', '/nowhere'], 1, 'file-unreadable'],
      [['fetch', '--amd', 'Genoa', '--trust-simulated-root', 'ab'], 1, 'hex-invalid'],
      [['status'], 1, 'collateral-missing'],
      [['status', '--at', 'noon'], 1, 'instant-invalid'],
      [['export', join(directory, 'stick')], 1, 'collateral-missing'],
      [['import'], 2, 'usage'],
      [['import', '/nowhere'], 1, 'file-unreadable'],
    ];
    for (const [[command = '', ...words], status, code] of table) {
      const ran = await collateral(command, directory, ...words);
      expect([command, ...words, ran.status, ran.stderr.includes(`[${code}]`)]).toEqual([
        command,
        ...words,
        status,
        true,
      ]);
      expect([command, ...words, exists(directory)]).toEqual([command, ...words, false]);
    }
  }, 60_000);
});

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
