// Founding a federation through the commands that people type, against a coordinator that may lie.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '@wardround/protocol/canonical-json';
import { type Genesis, genesisSchema } from '@wardround/protocol/documents/federation';
import { sign, UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { sitePaths } from '../../site-agent/src/config/site-paths.ts';
import { fingerprintOf, requireFingerprint } from '@wardround/protocol/fingerprint';
import { completeFounding, readFounding } from '../../site-agent/src/founding/genesis-file.ts';
import { readAgentKeys } from '../../site-agent/src/keys/site-keys.ts';
import { fakeFederation, fakeSite } from '../fakes/federation.ts';
import { createMemoryRelay, drop, type MemoryRelay } from '../fakes/memory-relay.ts';
import { type Ran, runWords } from './terminal.ts';

let directory: string;
let relay: MemoryRelay;
const at = (...parts: readonly string[]): string => join(directory, ...parts);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-founding-'));
  relay = createMemoryRelay();
});
afterEach(async () => await rm(directory, { recursive: true, force: true }));

async function run(...words: readonly string[]): Promise<Ran> {
  return await runWords(words, { relay });
}

async function init(name: string): Promise<void> {
  const options = [
    '--coordinator',
    'http://c.example',
    '--source',
    'synthetic:va:1',
    '--vault-isolation',
    'vaultNotIsolated',
  ];
  expect((await run('site', 'init', '--dir', at(name), '--name', name, ...options)).exitCode).toBe(0);
}

async function joined(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await init(name);
    expect((await run('site', 'join', '--dir', at(name), '--invitation', 'inv')).exitCode).toBe(0);
  }
}

async function draft(by: string, ...more: readonly string[]): Promise<Ran> {
  const options = [
    '--name',
    'heart',
    '--colluding',
    '0',
    '--unwitnessed',
    '--invitation',
    'inv',
    '--out',
    at('draft.json'),
  ];
  return await run('federation', 'draft', '--dir', at(by), ...options, ...more, '--json');
}

async function signed(name: string, fingerprint: string, ...more: readonly string[]): Promise<Ran> {
  const options = ['--fingerprint', fingerprint, '--invitation', 'inv', '--yes', '--json', ...more];
  return await run('federation', 'sign', '--dir', at(name), ...options);
}

const withDraft = (): readonly string[] => ['--draft', at('draft.json')];

async function founded(...names: readonly string[]): Promise<string> {
  await joined(...names);
  const { json } = await draft(names[0] ?? '');
  for (const name of names) expect((await signed(name, String(json['fingerprint']), ...withDraft())).exitCode).toBe(0);
  return String(json['federation']);
}

describe('a founding', () => {
  it('ends with the same federation at every site', async () => {
    await joined('north', 'south', 'west');
    const { json: drafted } = await draft('north');
    expect(drafted).toMatchObject({ sites: ['north', 'south', 'west'], weaknesses: ['unwitnessed'], repeated: [] });
    const fingerprint = String(drafted['fingerprint']);
    expect(fingerprint).toMatch(/^\d{4}( \d{4}){4}$/);

    expect((await signed('north', fingerprint, ...withDraft())).json).toMatchObject({
      complete: false,
      missing: ['south', 'west'],
    });
    // Without the file: the draft that north signed is on the board, and its fingerprint was heard.
    expect((await signed('south', fingerprint)).json).toMatchObject({ complete: false, missing: ['west'] });
    expect((await signed('west', fingerprint.replaceAll(' ', '-'))).json).toMatchObject({
      complete: true,
      missing: [],
    });
    expect((await signed('north', fingerprint, ...withDraft())).json).toMatchObject({ complete: true });
    expect((await readFounding(sitePaths(at('west'))))?.federation).toBe(drafted['federation']);
    expect((await readFounding(sitePaths(at('north'))))?.sites.map(({ name }) => name)).toEqual([
      'north',
      'south',
      'west',
    ]);
  });

  it('is noticed by a site that signed early, from the board alone', async () => {
    const federation = await founded('north', 'south');
    const paths = sitePaths(at('north'));
    expect(await readFounding(paths)).toBeNull();
    const junk = await fakeFederation(['north', 'south']);
    const records = [...junk.records, ...relay.records.map(({ jws }) => jws), 'junk'];
    expect((await completeFounding({ paths, records }))?.federation).toBe(federation);
    expect((await readFounding(paths))?.federation).toBe(federation);
  });

  it('keeps no record twice', async () => {
    await founded('north', 'south');
    const kept: unknown = JSON.parse(await readFile(sitePaths(at('south')).genesis, 'utf8'));
    expect(kept).toMatchObject({ records: [expect.any(String), expect.any(String)] });
  });

  it('takes only the named sites', async () => {
    await joined('north', 'south', 'west');
    expect((await draft('north', '--sites', 'south,north')).json).toMatchObject({ sites: ['north', 'south'] });
  });

  it('says who published two sets of keys, and takes the newest', async () => {
    await joined('north', 'south');
    const imposter = fakeSite('south');
    const bundle = { kind: 'KeyBundle', version: 1, createdAt: '2099-01-01T00:00:00.000Z' } as const;
    const value = { ...bundle, party: { role: 'site', ...imposter.site } } as const;
    relay.forge('federation', (await sign('KeyBundle', value, imposter.approval)).jws);
    const { json } = await draft('north');
    expect(json['repeated']).toEqual(['site south']);
    // South hears the same digits, and still does not sign: the keys are not the ones it made.
    expect(await signed('south', String(json['fingerprint']), ...withDraft())).toMatchObject({
      exitCode: 1,
      json: { error: { code: 'genesis-own-keys', action: 'stop' } },
    });
    expect(relay.records.filter(({ jws }) => UNVERIFIED_kindOf(jws).kind === 'Genesis')).toEqual([]);
  });

  it('passes over what is no bundle, or not signed by the key it names', async () => {
    await joined('north', 'south');
    const imposter = fakeSite('east');
    const value = {
      kind: 'KeyBundle',
      version: 1,
      createdAt: '2026-01-01T00:00:00.000Z',
      party: { role: 'site', ...imposter.site },
    } as const;
    relay.forge('federation', (await sign('KeyBundle', value, imposter.agent)).jws);
    relay.forge('federation', 'junk');
    expect((await draft('north')).json).toMatchObject({ sites: ['north', 'south'] });
  });
});

describe('a draft is refused', () => {
  it.each<[string, readonly string[], string]>([
    ['for a site that did not join', ['--sites', 'north,east'], 'draft-party-missing'],
    ['for a researcher who did not join', ['--researchers', 'dr.lind'], 'draft-party-missing'],
    ['with a name twice', ['--sites', 'north,north'], 'usage-names'],
  ])('%s', async (_what, more, code) => {
    await joined('north', 'south');
    expect((await draft('north', ...more)).json).toMatchObject({ error: { code } });
  });

  it.each<[string, readonly string[], string, number]>([
    [
      'where so many may collude that nothing could be trained',
      ['--colluding', '1', '--unwitnessed'],
      'draft-colluding',
      1,
    ],
    ['where the missing log is not named', ['--colluding', '0'], 'usage-unwitnessed', 2],
    ['for half a colluding site', ['--colluding', '0.5', '--unwitnessed'], 'usage-number', 2],
  ])('%s', async (_what, options, code, exitCode) => {
    await joined('north', 'south');
    const words = [
      'federation',
      'draft',
      '--dir',
      at('north'),
      '--name',
      'heart',
      '--invitation',
      'inv',
      '--out',
      at('d.json'),
    ];
    expect(await run(...words, ...options, '--json')).toMatchObject({ exitCode, json: { error: { code } } });
  });

  it('over an existing file', async () => {
    await joined('north', 'south');
    await draft('north');
    expect((await draft('north')).json).toMatchObject({ error: { code: 'draft-file-unwritable' } });
  });
});

describe('a site does not sign', () => {
  let fingerprint: string;
  let genesis: Genesis;

  beforeEach(async () => {
    await joined('north', 'south', 'west');
    fingerprint = String((await draft('north')).json['fingerprint']);
    genesis = genesisSchema.parse(JSON.parse(await readFile(at('draft.json'), 'utf8')));
  });

  async function tampered(change: (genesis: Genesis) => Genesis): Promise<readonly string[]> {
    await writeFile(at('other.json'), JSON.stringify(change(structuredClone(genesis))));
    return ['--draft', at('other.json')];
  }

  it('where the digits differ', async () => {
    const wrong = `${fingerprint.slice(0, -1)}${fingerprint.endsWith('0') ? '1' : '0'}`;
    expect((await signed('north', wrong, ...withDraft())).json).toMatchObject({
      error: { code: 'fingerprint-mismatch', action: 'stop' },
    });
    expect((await signed('north', '1234', ...withDraft())).json).toMatchObject({
      error: { code: 'fingerprint-format' },
    });
  });

  it('a draft that was changed on the way, whatever was changed', async () => {
    const changes: readonly ((genesis: Genesis) => Genesis)[] = [
      (value) => ({ ...value, colludingSites: 1 }),
      (value) => ({ ...value, federation: 'hearts' }),
      (value) => ({ ...value, sites: value.sites.slice(0, 2) }),
      (value) => ({ ...value, sites: value.sites.with(2, { ...value.sites[2], ...fakeSite('west').site }) }),
      (value) => ({ ...value, createdAt: '2026-01-01T00:00:00.000Z' }),
    ];
    for (const change of changes) {
      expect((await signed('north', fingerprint, ...(await tampered(change)))).json).toMatchObject({
        error: { code: 'fingerprint-mismatch' },
      });
    }
  });

  it('a draft without itself, even if the digits are right', async () => {
    const more = await tampered((value) => ({ ...value, sites: value.sites.filter(({ name }) => name !== 'north') }));
    const other = genesisSchema.parse(JSON.parse(await readFile(at('other.json'), 'utf8')));
    const digits = fingerprintOf(digestOf('Genesis', other));
    expect((await signed('north', digits, ...more)).json).toMatchObject({ error: { code: 'genesis-without-us' } });
  });

  it.each(['approval', 'agent', 'witness'] as const)('a draft with another %s key of its own', async (role) => {
    const more = await tampered((value) => ({
      ...value,
      sites: value.sites.map((site) =>
        site.name === 'north' ? { ...site, keys: { ...site.keys, [role]: fakeSite('x').approval.publicKey } } : site,
      ),
    }));
    const other = genesisSchema.parse(JSON.parse(await readFile(at('other.json'), 'utf8')));
    expect((await signed('north', fingerprintOf(digestOf('Genesis', other)), ...more)).json).toMatchObject({
      error: { code: 'genesis-own-keys', where: `sites.north.keys.${role}` },
    });
  });

  it('without being told to: nobody at the terminal is no yes', async () => {
    const words = [
      'federation',
      'sign',
      '--dir',
      at('north'),
      ...withDraft(),
      '--fingerprint',
      fingerprint,
      '--invitation',
      'inv',
    ];
    expect(await run(...words, '--json')).toMatchObject({
      exitCode: 2,
      json: { error: { code: 'usage-not-confirmed' } },
    });
    const asked: string[] = [];
    const confirm = async (question: string): Promise<boolean> => {
      asked.push(question);
      return await Promise.resolve(false);
    };
    expect((await runWords([...words, '--json'], { relay, confirm })).json).toMatchObject({
      error: { code: 'usage-not-confirmed' },
    });
    expect(asked).toEqual(['Sign this federation with the approval key?']);
    expect(relay.records.filter(({ jws }) => UNVERIFIED_kindOf(jws).kind === 'Genesis')).toEqual([]);
  });

  it('a second draft, unless the first was given up, and no other federation once it is in one', async () => {
    await signed('north', fingerprint, ...withDraft());
    const more = await tampered((value) => ({ ...value, sites: value.sites.slice(0, 2) }));
    const other = genesisSchema.parse(JSON.parse(await readFile(at('other.json'), 'utf8')));
    const digits = fingerprintOf(digestOf('Genesis', other));
    expect((await signed('north', digits, ...more)).json).toMatchObject({ error: { code: 'genesis-signed' } });
    expect((await signed('north', digits, ...more, '--replace')).json).toMatchObject({ complete: false });
    expect((await signed('south', digits, ...more)).json).toMatchObject({ complete: true });
    expect((await signed('south', fingerprint, ...withDraft(), '--replace')).json).toMatchObject({
      error: { code: 'genesis-founded' },
    });
  });

  it('is not told that a federation is complete by a coordinator that hides or invents signatures', async () => {
    await signed('north', fingerprint, ...withDraft());
    relay.forge('federation', (await sign('Genesis', genesis, fakeSite('south').approval)).jws);
    relay.hostile.show = drop((record) => record.jws.startsWith('nothing'));
    expect((await signed('west', fingerprint)).json).toMatchObject({ complete: false, missing: ['south'] });
    relay.hostile.show = drop(() => true);
    expect((await signed('south', fingerprint, ...withDraft())).json).toMatchObject({
      complete: false,
      missing: ['north', 'west'],
    });
    expect((await signed('south', fingerprint)).json).toMatchObject({
      error: { code: 'draft-not-on-board', action: 'retry' },
    });
  });
});

describe('the fingerprint', () => {
  it('is fixed, and covers the whole digest', () => {
    // Computed with Python: int.from_bytes(sha256(b"wardround/v1 fingerprint\0" + bytes(32)).digest()) % 10**20
    expect(fingerprintOf('0'.repeat(64))).toBe('7851 7017 1530 6012 9607');
    expect(fingerprintOf('0'.repeat(64))).not.toBe(fingerprintOf(`${'0'.repeat(63)}1`));
  });

  it.each(['', '1234', '4821 0937 5516 2049 773x', '4821 0937 5516 2049 77301'])('is not %j', (heard) => {
    expect(() => requireFingerprint(heard, '0'.repeat(64))).toThrowError(
      expect.objectContaining({ code: 'fingerprint-format' }),
    );
  });

  it('is shown with everything that it stands for', async () => {
    await joined('north', 'south');
    const { json } = await draft('north');
    const shown = await run('federation', 'fingerprint', '--draft', at('draft.json'));
    expect(shown.out).toContain(String(json['fingerprint']));
    expect(shown.out).toContain('north');
    expect(shown.out).toContain('WEAKNESS     unwitnessed');
    expect((await run('federation', 'fingerprint', '--dir', at('north'), '--json')).json).toMatchObject({
      error: { code: 'genesis-unsigned' },
    });
    await signed('north', String(json['fingerprint']), ...withDraft());
    expect((await run('federation', 'fingerprint', '--dir', at('north'), '--json')).json).toMatchObject({
      fingerprint: json['fingerprint'],
    });
    expect((await run('federation', 'fingerprint')).exitCode).toBe(2);
  });
});

describe('a change of members', () => {
  const change = { reason: 'Dr Lind moved on', changes: [{ action: 'setColludingSites', colludingSites: 1 }] };

  async function admit(name: string, ...more: readonly string[]): Promise<Ran> {
    return await run('federation', 'admit', '--dir', at(name), '--yes', '--json', ...more);
  }

  it('is in force with a quorum of signatures, and not before', async () => {
    await founded('north', 'south', 'west');
    await writeFile(at('change.json'), JSON.stringify(change, null, 2));
    const { json } = await admit('north', '--propose', at('change.json'));
    expect(json).toMatchObject({ signers: ['north'], needed: 2, inForce: false });
    const digest = String(json['proposal']);
    expect((await admit('south')).json).toMatchObject({
      proposals: [{ digest, reason: change.reason, signers: ['north'], changes: ['tolerate 1 colluding sites'] }],
    });
    expect((await admit('south', '--sign', digest.slice(0, 8))).json).toMatchObject({ inForce: true });
    expect((await admit('west')).json).toMatchObject({ sequence: 1, proposals: [] });
  });

  it('admits a site, which then hears the fingerprint and keeps the federation as its own', async () => {
    const federation = await founded('north', 'south');
    await init('east');
    const { json } = await run('site', 'join', '--dir', at('east'), '--invitation', 'inv', '--json');
    const heard = ['--fingerprint', fingerprintOf(federation), '--invitation', 'inv'];
    expect((await admit('east', ...heard)).json).toMatchObject({ error: { code: 'member-unknown' } });
    await writeFile(
      at('change.json'),
      JSON.stringify({ reason: 'welcome', changes: [{ action: 'addSite', site: json['party'] }] }),
    );
    const digest = String((await admit('north', '--propose', at('change.json'))).json['proposal']);
    expect((await admit('east', ...heard)).json).toMatchObject({ error: { code: 'member-unknown' } });
    expect((await admit('south', '--sign', digest)).json).toMatchObject({ inForce: true });
    expect((await admit('east', '--fingerprint', '0000 0000 0000 0000 0000')).json).toMatchObject({
      error: { code: 'genesis-unknown' },
    });
    expect((await admit('east', ...heard)).json).toMatchObject({ adopted: true, sites: ['east', 'north', 'south'] });
    expect((await readFounding(sitePaths(at('east'))))?.federation).toBe(federation);
  });

  it('that admits other keys under a site’s name is not adopted by that site', async () => {
    const federation = await founded('north', 'south');
    await init('east');
    await writeFile(
      at('change.json'),
      JSON.stringify({ reason: 'x', changes: [{ action: 'addSite', site: fakeSite('east').site }] }),
    );
    const digest = String((await admit('north', '--propose', at('change.json'))).json['proposal']);
    await admit('south', '--sign', digest);
    expect((await admit('east', '--fingerprint', fingerprintOf(federation))).json).toMatchObject({
      error: { code: 'genesis-own-keys' },
    });
    expect(await readFounding(sitePaths(at('east')))).toBeNull();
  });

  it('signed twice by one site counts once', async () => {
    await founded('north', 'south', 'west');
    await writeFile(at('change.json'), JSON.stringify(change));
    const digest = String((await admit('north', '--propose', at('change.json'))).json['proposal']);
    expect((await admit('north', '--sign', digest)).json).toMatchObject({ signers: ['north'], inForce: false });
  });

  it.each<[string, unknown, string]>([
    ['that removes nobody', { reason: 'x', changes: [{ action: 'removeSite', name: 'east' }] }, 'change-does-not-fit'],
    [
      'that leaves too few sites',
      {
        reason: 'x',
        changes: [
          { action: 'removeSite', name: 'west' },
          { action: 'setColludingSites', colludingSites: 1 },
        ],
      },
      'draft-colluding',
    ],
    ['with an unknown action', { reason: 'x', changes: [{ action: 'removeAll' }] }, 'change-invalid'],
    ['without a reason', { changes: change.changes }, 'change-invalid'],
    ['with more than that', { ...change, sequence: 1 }, 'change-invalid'],
  ])('%s is refused', async (_what, value, code) => {
    await founded('north', 'south', 'west');
    await writeFile(at('change.json'), JSON.stringify(value));
    expect((await admit('north', '--propose', at('change.json'))).json).toMatchObject({ error: { code } });
  });

  it('that nobody proposed is not signed', async () => {
    await founded('north', 'south');
    for (const digest of ['abcdef', 'abc', 'ABCDEF', '']) {
      expect((await admit('north', '--sign', digest)).json).toMatchObject({ error: { code: 'proposal-unknown' } });
    }
    expect((await admit('north', '--sign', 'a', '--propose', 'b')).exitCode).toBe(2);
  });

  it('of a federation that does not exist yet is refused', async () => {
    await joined('north', 'south');
    expect((await admit('north')).json).toMatchObject({ error: { code: 'genesis-incomplete', action: 'retry' } });
  });
});

describe('what a command proves', () => {
  it('is the approval key under the invitation, and the agent key without', async () => {
    await founded('north', 'south');
    const proofs: string[] = [];
    await runWords(['federation', 'admit', '--dir', at('north'), '--json'], { relay, proofs });
    await runWords(['federation', 'admit', '--dir', at('north'), '--json', '--invitation', 'inv'], { relay, proofs });
    const claims = proofs.map((jws) => UNVERIFIED_kindOf(jws));
    const { agent } = await readAgentKeys(sitePaths(at('north')));
    expect(claims.map(({ value }) => value)).toMatchObject([
      { role: 'site', name: 'north', key: agent.publicKey, token: null },
      { role: 'joining', name: 'north', token: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
  });
});
