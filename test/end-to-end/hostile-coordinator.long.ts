// A malicious coordinator between unmodified programs: what it sees and keeps holds nothing of patients, updates or models, and each attack fails.
// Each attack is also run against the same programs with its one guard taken out, and succeeds there: so it is that guard which stops it.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '@wardround/protocol/safetensors';
import { alteredTitle } from './hostile/altered-plan.ts';
import { guards } from './hostile/attacks.ts';
import { inventedTitle } from './hostile/invented-member.ts';
import { withoutGuard } from './mutant.ts';
import { smallCsv, World } from './world.ts';

const planted = 61.37519;
const sites = ['a', 'b', 'c'].map((name, i) => ({ name, csv: smallCsv(i, { planted }) }));
const leftovers: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const end of leftovers.splice(0).toReversed()) await end();
});

async function world(attack: string, mode: 'shipped' | 'without its guard'): Promise<World> {
  const guard = guards[attack];
  const mutant = mode === 'shipped' || guard === undefined ? null : withoutGuard(guard);
  if (mutant !== null) leftovers.push(mutant.remove);
  const made = new World({ ...(mutant === null ? {} : { root: mutant.root }), sites, plan: { rounds: 2 }, attack });
  leftovers.push(async () => await made.stop());
  await made.found();
  await made.launch();
  return made;
}

/** The code of the check that a site's status names. */
function checkOf(study: Record<string, unknown> | undefined): string {
  const check = study?.['check'];
  return typeof check === 'object' && check !== null && 'code' in check ? String(check.code) : 'none';
}

const complete = (study: Record<string, unknown>): boolean => study['state'] === 'complete';
const titles = (at: World): unknown[] =>
  at.options.sites.flatMap(({ name }) => at.studies(name).map((study) => study['title']));

/** Everything that the attacker saw or the coordinator stored, as one list of files. */
function* filesUnder(directory: string): Generator<string> {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

/** A number in the forms in which it could have travelled. */
function formsOf(value: number): Buffer[] {
  const wide = Buffer.alloc(16);
  wide.writeDoubleLE(value, 0);
  wide.writeDoubleBE(value, 8);
  const narrow = Buffer.alloc(8);
  narrow.writeFloatLE(value, 0);
  narrow.writeFloatBE(value, 4);
  const binary = [wide.subarray(0, 8), wide.subarray(8), narrow.subarray(0, 4), narrow.subarray(4)];
  return [Buffer.from(String(value)), ...binary, ...binary.map((bytes) => Buffer.from(bytes.toString('base64url')))];
}

describe('a coordinator that only looks', () => {
  it('finds no planted patient value, no update and no model in anything it saw or stored', async () => {
    const at = await world('none', 'shipped');
    await at.approveAll();
    await at.untilAll(complete);
    for (const { name } of sites) await at.run(['site', 'consent', at.study, '--dir', at.site(name), '--yes']);
    await expect
      .poll(
        async () => (await at.attempt(['study', 'model', at.study, '--dir', 'researcher', '--out', 'model'])).status,
        { timeout: 60_000 },
      )
      .toBe(0);
    const model = readFileSync(join(at.directory, 'model/model.safetensors'));
    const weights = decodeSafetensors(model)
      .tensors.flatMap(({ data }) => Array.from(data, Number))
      .filter((value) => value !== 0);
    expect(weights.length).toBeGreaterThan(0);
    const secrets = [...formsOf(planted), ...weights.flatMap((value) => formsOf(value))].filter(
      (form) => form.byteLength >= 4,
    );
    const searched = [...filesUnder(at.loot), ...filesUnder(join(at.directory, 'coordinator'))];
    expect(searched.length).toBeGreaterThan(10);
    // The search itself finds what is there: the site's own snapshot holds the planted value.
    const snapshots = [...filesUnder(join(at.site('a'), 'vault/snapshots'))];
    expect(snapshots.some((file) => formsOf(planted).some((form) => readFileSync(file).includes(form)))).toBe(true);
    const found = searched.filter((file) => {
      const bytes = readFileSync(file);
      return secrets.some((secret) => bytes.includes(secret));
    });
    expect(found).toEqual([]);
  });
});

describe('a coordinator that plays the enclave, with the genuine enclave’s evidence', () => {
  it('is refused by every hospital, which says which check failed', async () => {
    const at = await world('fakeEnclave', 'shipped');
    await at.approveAll();
    await at.untilAll((study) => study['check'] !== null);
    expect(at.successes).toBe('');
    const checks = sites.map(({ name }) => checkOf(at.studies(name)[0]));
    // A hospital judges a session as soon as it sees one: where its peers' statements are not there yet, that is the first thing it misses.
    for (const code of checks) expect(['evidence-binding', 'session-statement']).toContain(code);
    expect(checks).toContain('evidence-binding');
  });

  it('reads an update where the evidence’s binding is not checked', async () => {
    const at = await world('fakeEnclave', 'without its guard');
    await at.approveAll();
    await expect.poll(() => at.successes, { timeout: 90_000 }).toMatch(/read \d+ bytes of the update of [abc]/);
  });
});

describe('a coordinator that alters a plan', () => {
  it('does not get it before anybody', async () => {
    const at = await world('alteredPlan', 'shipped');
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(titles(at)).toEqual([]);
  });

  it('does where signatures are not checked', async () => {
    const at = await world('alteredPlan', 'without its guard');
    await expect.poll(() => titles(at), { timeout: 60_000 }).toContain(alteredTitle);
  });
});

describe('a coordinator that makes itself a researcher', () => {
  it('is nobody to the hospitals', async () => {
    const at = await world('inventedMember', 'shipped');
    await expect.poll(() => titles(at).length, { timeout: 60_000 }).toBe(sites.length);
    expect(titles(at)).not.toContain(inventedTitle);
  });

  it('is one where a membership needs no quorum', async () => {
    const at = await world('inventedMember', 'without its guard');
    await expect.poll(() => titles(at), { timeout: 60_000 }).toContain(inventedTitle);
  });
});

describe('a coordinator that flips a bit of every contribution, once', () => {
  it('delays and changes nothing', async () => {
    const at = await world('flippedChunks', 'shipped');
    await at.approveAll();
    await at.untilAll(complete);
    expect(at.successes).toBe('');
  });

  it('makes an honest hospital look like a forger where fetched chunks are not checked', async () => {
    const at = await world('flippedChunks', 'without its guard');
    await at.approveAll();
    await expect.poll(() => at.successes, { timeout: 90_000 }).toContain('an honest contribution was refused');
  });
});
