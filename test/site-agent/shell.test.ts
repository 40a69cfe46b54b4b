// The command line: help, answers, refusals and exit codes; and what a person decides, from the words typed to the document in the inbox.
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DocumentKind } from '@wardround/protocol/documents/registry';
import { sign, UNVERIFIED_kindOf, verify, type Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { readFederation } from '@wardround/protocol/federation-view';
import { thumbprint } from '@wardround/protocol/keys';
import { exitCodeOf, failureDocument, failureText } from '../../site-agent/src/commands/failure.ts';
import { commands } from '../../site-agent/src/commands/run.ts';
import { createSite } from '../../site-agent/src/config/create-site.ts';
import { refusingPolicy } from '../../site-agent/src/config/policy-file.ts';
import { type SitePaths, sitePaths } from '../../site-agent/src/config/site-paths.ts';
import { readAgentKeys, readApprovalKey } from '../../site-agent/src/keys/site-keys.ts';
import { VaultFiles } from '../../site-agent/src/vault/files.ts';
import { type FakeFederation, fakeFederation } from '../fakes/federation.ts';
import { createMemoryRelay } from '../fakes/memory-relay.ts';
import { signedPlan } from '../fakes/plan.ts';
import { type Ran, runWords } from './terminal.ts';

const relay = createMemoryRelay();
let directory: string;
const at = (...parts: readonly string[]): string => join(directory, ...parts);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-shell-'));
});
afterEach(async () => await rm(directory, { recursive: true, force: true }));

async function run(...words: readonly string[]): Promise<Ran> {
  return await runWords(words, { relay });
}

describe('help', () => {
  it('lists every command, and is no failure', async () => {
    for (const words of [[], ['--help'], ['help']]) {
      const { exitCode, out } = await run(...words);
      expect(exitCode).toBe(0);
      for (const command of commands) expect(out).toContain(command.words.join(' '));
    }
  });

  it.each(commands.map((command) => [command.words.join(' '), command] as const))(
    'of %s names each option and shows an example',
    async (_name, command) => {
      const { exitCode, out, err } = await run(...command.words, '--help');
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
      for (const option of Object.keys(command.options)) expect(out).toContain(`--${option}`);
      expect(out).toContain(`wardround ${command.words.join(' ')}`);
      for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(150);
    },
  );
});

describe('what cannot be understood', () => {
  it.each<[string, readonly string[], string, string]>([
    ['an unknown command', ['site', 'aprove'], 'usage-command', 'site approve'],
    ['an unknown group', ['hospital'], 'usage-command', ''],
    ['an option with a typo', ['site', 'join', '--dri', 'x'], 'usage-option', '--dir'],
    ['a missing option', ['site', 'join', '--dir', 'x'], 'usage-missing-option', '--invitation CODE'],
    ['an option twice', ['site', 'studies', '--dir', 'x', '--dir', 'y'], 'usage-option', 'once'],
    ['an option without its value', ['site', 'studies', '--dir'], 'usage-option', ''],
    ['a flag with a value', ['site', 'studies', '--dir', 'x', '--json=1'], 'usage-option', ''],
    ['a missing argument', ['site', 'approve', '--dir', 'x'], 'usage-argument', 'STUDY'],
    ['an argument too many', ['site', 'studies', '--dir', 'x', 'y'], 'usage-argument', ''],
    ['no site', ['site', 'studies', '--dir', '/nowhere'], 'config-unreadable', 'site init'],
  ])('%s', async (_what, words, code, said) => {
    const { exitCode, out, err } = await run(...words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain(`[${code}]`);
    expect(err).toContain(said);
  });

  it('is told as one document where --json was typed, wherever it stands', async () => {
    const { exitCode, json, err } = await run('site', 'join', '--json', '--dri', 'x');
    expect(exitCode).toBe(2);
    expect(json).toMatchObject({ error: { code: 'usage-option', action: 'fix', expected: 'perhaps --dir' } });
    expect(err).toContain('[usage-option]');
  });
});

describe('a failure', () => {
  it('has a line for each: what happened, where, what was expected, what came, what to do', () => {
    const detail = { where: '/a/b', expected: 'mode 0600', got: 'mode 0644' };
    const error = new WardroundError('key-file-mode', 'run: chmod 600 /a/b', detail);
    expect(failureText(error)).toBe(
      [
        'run: chmod 600 /a/b [key-file-mode]',
        '  where     /a/b',
        '  expected  mode 0600',
        '  got       mode 0644',
        '  to do     correct this and run the command again',
        '',
      ].join('\n'),
    );
    expect(failureDocument(error).error).toMatchObject({ code: 'key-file-mode', ...detail, action: 'fix' });
  });

  it('cannot write on the terminal what a hostile text says', () => {
    const error = new WardroundError('x-y', 'bad', { got: '\u001b[2J\r\n[ok]', action: 'stop' });
    expect(failureText(error)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it.each([
    ['usage-option', 2],
    ['config-invalid', 2],
    ['policy-invalid', 2],
    ['json-duplicate-key', 2],
    ['key-file-mode', 2],
    ['draft-file-unreadable', 2],
    ['draft-colluding', 1],
    ['fingerprint-mismatch', 1],
    ['coordinator-unreachable', 1],
    ['approve-weakness', 1],
  ])('%s ends with %i', (code, exitCode) => {
    expect(exitCodeOf(new WardroundError(code, 'x'))).toBe(exitCode);
  });

  it('of the program itself ends with 1, and says so', () => {
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
    expect(failureText(new TypeError('x'))).toContain('[internal]');
  });
});

describe('site init', () => {
  const options = ['--name', 'north', '--coordinator', 'https://c.example', '--vault-isolation', 'vaultNotIsolated'];

  it('makes a site, and names its weakness', async () => {
    const { json, exitCode } = await run('site', 'init', '--dir', at('north'), ...options, '--json');
    expect(exitCode).toBe(0);
    expect(json).toMatchObject({ site: 'north', vaultIsolation: 'vaultNotIsolated', weaknesses: ['vaultNotIsolated'] });
    expect(await readFile(at('north', 'site.yaml'), 'utf8')).toContain(`path: ${at('north', 'data.csv')}`);
  });

  it.each([
    [[], 'proxy: null'],
    [['--proxy', 'http://proxy.example:3128'], 'proxy: http://proxy.example:3128'],
  ])('with %j writes %s', async (typed, line) => {
    expect((await run('site', 'init', '--dir', at('north'), ...options, ...typed)).exitCode).toBe(0);
    expect((await readFile(at('north', 'site.yaml'), 'utf8')).split('\n')).toContain(line);
  });

  it('takes a policy that is valid, and tells its weaknesses', async () => {
    const waived = 'ciphertextHiding: notRequired';
    await writeFile(at('policy.yaml'), refusingPolicy());
    expect((await run('site', 'init', '--dir', at('a'), ...options, '--policy', at('policy.yaml'))).exitCode).toBe(0);
    await writeFile(at('policy.yaml'), refusingPolicy().replace(waived, `${waived}\n      colour: red`));
    expect(
      await run('site', 'init', '--dir', at('b'), ...options, '--policy', at('policy.yaml'), '--json'),
    ).toMatchObject({
      exitCode: 2,
      json: { error: { code: 'policy-invalid' } },
    });
    expect(await readdir(directory)).not.toContain('b');
  });

  it.each<[string, readonly string[], string]>([
    ['a bad name', ['--name', 'North!'], 'config-invalid'],
    ['a bad address', ['--coordinator', 'c.example'], 'config-invalid'],
    ['an unknown isolation', ['--vault-isolation', 'none'], 'usage-option'],
    ['a bad source', ['--source', 'sql:x'], 'source-invalid'],
    ['a policy that is not there', ['--policy', '/nowhere'], 'config-unreadable'],
  ])('with %s makes nothing', async (_what, [option = '', value = ''], code) => {
    const changed = [...options];
    const known = changed.indexOf(option);
    if (known >= 0) changed[known + 1] = value;
    else changed.push(option, value);
    expect((await run('site', 'init', '--dir', at('north'), ...changed, '--json')).json).toMatchObject({
      error: { code },
    });
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('a person', () => {
  const accepted = ['noDifferentialPrivacy', 'unmasked', 'unwitnessed', 'vaultNotIsolated'];
  let federation: FakeFederation;
  let paths: SitePaths;
  let plan: Verified<'StudyPlan'>;

  beforeEach(async () => {
    paths = sitePaths(at('north'));
    const fake = await fakeFederation(['north', 'south', 'west']);
    const rows = Array.from({ length: 40 }, (_, i) => `${i % 7},${i % 5},${i % 2}`);
    await writeFile(at('data.csv'), ['x1,x2,y', ...rows].join('\n'));
    await createSite(paths, {
      config: {
        wardround: 'site/v1',
        name: 'north',
        displayName: 'North',
        coordinator: 'http://c.example',
        proxy: null,
        vaultIsolation: 'vaultNotIsolated',
        source: { kind: 'csv', path: at('data.csv') },
        policy: 'policy.yaml',
        population: 'site',
      },
      policy: refusingPolicy(),
    });
    federation = await withOwnKeys(fake);
    plan = await signedPlan(federation);
    await writeFile(
      paths.genesis,
      JSON.stringify({ federation: federation.view.federation, records: federation.records }),
    );
    await new VaultFiles(paths).writePlan(plan.digest, plan.jws);
  });

  /** The same federation with the keys that `createSite` made for north. */
  async function withOwnKeys(fake: FakeFederation): Promise<FakeFederation> {
    const own = { approval: await readApprovalKey(paths), ...(await readAgentKeys(paths)) };
    const sites = fake.sites.map((site) => {
      if (site.name !== 'north') return site;
      const { approval, agent, witness } = own;
      const keys = { approval: approval.publicKey, agent: agent.publicKey, witness: witness.publicKey };
      return { ...site, ...own, site: { ...site.site, keys } };
    });
    const genesis = { ...fake.genesis, sites: sites.map(({ site }) => site) };
    const signed = await Promise.all(sites.map(async ({ approval }) => await sign('Genesis', genesis, approval)));
    const records = signed.map(({ jws }) => jws);
    return { ...fake, sites, genesis, records, view: await readFederation(records) };
  }

  async function inbox(): Promise<readonly string[]> {
    const files = (await readdir(paths.inbox)).filter((name) => name.endsWith('.jws'));
    return await Promise.all(files.map(async (name) => await readFile(join(paths.inbox, name), 'utf8')));
  }

  async function signedHere<K extends DocumentKind>(kind: K): Promise<Verified<K>> {
    const [jws = ''] = (await inbox()).filter((jws) => UNVERIFIED_kindOf(jws).kind === kind);
    return await verify(kind, jws, [(await readApprovalKey(paths)).publicKey]);
  }

  async function decide(...words: readonly string[]): Promise<Ran> {
    return await run('site', ...words, '--dir', paths.directory, '--json');
  }

  const approve = async (...more: readonly string[]): Promise<Ran> =>
    await decide('approve', plan.digest.slice(0, 8), '--accept', accepted.join(','), '--yes', ...more);

  it('approves: a snapshot, the weaknesses by name, one signed document', async () => {
    const { exitCode, json, err } = await approve();
    expect(json).toMatchObject({ study: plan.digest, acceptedWeaknesses: accepted });
    expect(exitCode).toBe(0);
    expect(err).toContain('WEAKNESS     noDifferentialPrivacy');
    expect(err).toContain('40 patients fulfil it');
    const { value } = await signedHere('Approval');
    expect(value).toMatchObject({ study: plan.digest, site: 'north', maxShare: '0.9', minimumContributors: 2 });
    const peers = federation.sites
      .filter(({ name }) => name !== 'north')
      .map(({ agent }) => thumbprint(agent.publicKey));
    expect(value.peers).toEqual(peers.toSorted());
    expect((await readdir(paths.snapshots)).length).toBe(1);
  });

  it('may ask for more than the plan', async () => {
    await approve(
      '--minimum-sites',
      '3',
      '--minimum-rows',
      '30',
      '--max-share',
      '0.5',
      '--valid-until',
      '2027-01-01T00:00:00.000Z',
    );
    expect((await signedHere('Approval')).value).toMatchObject({
      minimumContributors: 3,
      minimumRows: 30,
      maxShare: '0.5',
      validUntil: '2027-01-01T00:00:00.000Z',
    });
  });

  it.each<[string, readonly string[], string]>([
    ['more patients than there are', ['--minimum-rows', '41'], 'approve-rows'],
    ['more sites than there are', ['--minimum-sites', '4'], 'approve-minimum'],
    ['a share that is none', ['--max-share', '1.5'], 'usage-option'],
    ['a share not in its one form', ['--max-share', '.5'], 'usage-option'],
    ['an end that is no time', ['--valid-until', 'tomorrow'], 'usage-option'],
    ['an end after the plan', ['--valid-until', '2028-01-01T00:00:00.000Z'], 'approve-validity'],
  ])('does not approve with %s', async (_what, more, code) => {
    expect((await approve(...more)).json).toMatchObject({ error: { code } });
    expect(await inbox()).toEqual([]);
  });

  it('does not approve by silence, and is shown first what is weak', async () => {
    const { json, err } = await decide('approve', plan.digest, '--yes', '--accept', 'unmasked');
    expect(json).toMatchObject({
      error: { code: 'approve-weakness', expected: expect.stringContaining('--accept vaultNotIsolated') },
    });
    expect(err).toContain('WEAKNESS     vaultNotIsolated');
    expect((await decide('approve', plan.digest, '--yes', '--accept', 'everything')).json).toMatchObject({
      error: { code: 'usage-accept' },
    });
    expect((await decide('approve', plan.digest, '--accept', accepted.join(','))).json).toMatchObject({
      error: { code: 'approve-declined' },
    });
    expect(await inbox()).toEqual([]);
  });

  it('is told by the importer’s own code what is wrong with the data', async () => {
    await writeFile(at('data.csv'), 'x1,x2\n1,2\n');
    expect((await approve()).json).toMatchObject({ error: { code: expect.stringMatching(/^cohort-/) } });
    await rm(at('data.csv'));
    expect((await approve()).json).toMatchObject({ error: { code: 'csv-unreadable' } });
    expect(await inbox()).toEqual([]);
  });

  it('does not sign with a key that others can read', async () => {
    await chmod(paths.approvalKey, 0o644);
    expect(await approve()).toMatchObject({
      exitCode: 2,
      json: { error: { code: 'key-file-mode', got: 'mode 0644' } },
    });
  });

  it('refuses', async () => {
    expect((await decide('refuse', plan.digest.slice(0, 6))).json).toMatchObject({
      error: { code: 'usage-not-confirmed' },
    });
    expect((await decide('refuse', plan.digest.slice(0, 6), '--yes')).json).toMatchObject({ decision: 'refuse' });
    expect((await signedHere('Refusal')).value).toMatchObject({ study: plan.digest, site: 'north' });
  });

  it('withdraws what it approved, and nothing else', async () => {
    expect((await decide('withdraw', plan.digest, '--yes')).json).toMatchObject({
      error: { code: 'withdraw-nothing' },
    });
    await approve();
    expect((await decide('withdraw', plan.digest, '--yes')).exitCode).toBe(0);
    expect((await signedHere('Withdrawal')).value.approval).toBe((await signedHere('Approval')).digest);
  });

  it('does not consent before the study finished, nor to somebody else', async () => {
    expect((await decide('consent', plan.digest, '--yes')).json).toMatchObject({
      error: { code: 'consent-not-finished' },
    });
    expect((await decide('consent', plan.digest, '--yes', '--to', 'mallory')).json).toMatchObject({
      error: { code: 'consent-recipient' },
    });
  });

  it('consents to the plan’s one recipient', async () => {
    const results = {
      study: plan.digest,
      receipt: 'a'.repeat(64),
      model: 'b'.repeat(64),
      rounds: 2,
      patients: 40,
      testPatients: 12,
      provenance: 'real' as const,
      localAccuracy: 0.7,
      federatedAccuracy: 0.8,
      localAuroc: null,
      federatedAuroc: null,
      roundsContributed: 2,
      backend: 'wasm',
    };
    await new VaultFiles(paths).writeResults(plan.digest, results);
    expect((await decide('consent', plan.digest, '--yes')).exitCode).toBe(0);
    expect((await signedHere('ReleaseConsent')).value).toMatchObject({
      receipt: results.receipt,
      model: results.model,
    });
  });

  it.each<[string, string, string]>([
    ['too short', 'abcde', 'usage-study'],
    ['no hex', 'zzzzzz', 'usage-study'],
    ['a path', '../../..', 'usage-study'],
    ['unknown', 'ffffffff', 'study-unknown'],
  ])('must name a study that there is: %s', async (_what, name, code) => {
    expect((await decide('refuse', name, '--yes')).json).toMatchObject({ error: { code } });
  });

  it('must name one study', async () => {
    const twin = `${plan.digest.slice(0, 10)}${'0'.repeat(54)}`;
    await new VaultFiles(paths).writePlan(twin, plan.jws);
    expect((await decide('refuse', plan.digest.slice(0, 10), '--yes')).json).toMatchObject({
      error: { code: 'study-ambiguous' },
    });
    expect((await decide('refuse', plan.digest.slice(0, 20), '--yes')).exitCode).toBe(0);
    // A plan under another's name is not what its directory says.
    expect((await decide('refuse', twin, '--yes')).json).toMatchObject({ error: { code: 'study-unknown' } });
  });

  it('reads how the studies stand, and one of them in full', async () => {
    expect((await decide('studies')).json).toMatchObject({ error: { code: 'status-missing', action: 'retry' } });
    const study = {
      study: plan.digest,
      title: 'T',
      researcher: 'dr.lind',
      state: 'running',
      rounds: 2,
      round: 1,
      roundsContributed: 1,
      session: null,
      simulated: true,
      check: { code: 'snp-revoked', at: '2026-11-23T08:00:00.000Z', detail: 'x' },
    };
    const status = {
      kind: 'VaultStatus',
      version: 1,
      site: 'north',
      federation: 'a'.repeat(64),
      at: '2026-11-23T08:00:00.000Z',
      online: true,
      isolation: 'networkNamespace',
      studies: [study],
    };
    await writeFile(paths.status, JSON.stringify(status));
    expect((await decide('studies')).json).toMatchObject({ studies: [{ study: plan.digest, results: null }] });
    const { out } = await run('site', 'studies', '--dir', paths.directory);
    expect(out).toContain('round 1 of 2');
    expect(out).toContain('WEAKNESS simulatedPlatform');
    expect(out).toContain('snp-revoked');
    expect((await decide('studies', '--study', plan.digest.slice(0, 6))).json).toMatchObject({ weaknesses: accepted });
    await writeFile(paths.status, '{"kind":"VaultStatus"}');
    expect((await decide('studies')).json).toMatchObject({ error: { code: 'status-invalid' } });
  });
});

describe('the program', () => {
  it('runs as it is installed: help on stdout, failures on stderr, the exit code', () => {
    const main = join(import.meta.dirname, '../../site-agent/src/main.ts');
    const help = spawnSync(process.execPath, [main, 'site', 'start', '--help'], { encoding: 'utf8' });
    expect(help.status).toBe(0);
    expect(help.stdout).toContain('wardround site start --dir DIR');
    const failed = spawnSync(process.execPath, [main, 'site', 'studies', '--dir', '/nowhere', '--json'], {
      encoding: 'utf8',
    });
    expect(failed.status).toBe(2);
    expect(JSON.parse(failed.stdout)).toMatchObject({ error: { code: 'config-unreadable' } });
    expect(failed.stderr).toContain('[config-unreadable]');
  });
});
