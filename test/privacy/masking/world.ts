// Sites and an enclave that mask together, in memory: each site's state as its disk would hold it, each message as it travels.
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';
import { WardroundError } from '@wardround/protocol/errors';
import { quorum } from '@wardround/protocol/quorum';
import { type AttemptTerms, type MaskingAttempt, openAttempt } from '@wardround/privacy/masking/attempt';
import type { RingTensor } from '@wardround/privacy/masking/mask-stream';
import { MaskingAggregator } from '@wardround/privacy/masking/masking-aggregator';
import { MaskingSite, type MaskingSitePorts } from '@wardround/privacy/masking/masking-site';
import { addTensors, copyTensors } from '@wardround/privacy/masking/ring-tensors';

const agents: readonly { name: string; agent: SigningKey }[] = Array.from({ length: 12 }, (_, i) => ({
  name: `site-${'abcdefghijkl'[i] ?? ''}`,
  agent: generateSigningKey(),
}));

export function agentOf(name: string): SigningKey {
  const found = agents.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name} in this world`);
  return found.agent;
}

/** n sites, f colluders, t = q, K as small as it may be; any of it otherwise. */
export function attemptOf(sites: number, change: Partial<AttemptTerms> = {}): MaskingAttempt {
  const colluding = change.colluding ?? 0;
  return openAttempt({
    federation: 'f'.repeat(64),
    study: '5'.repeat(64),
    session: '1'.repeat(64),
    order: '0'.repeat(64),
    round: 3,
    attempt: 1,
    members: agents.slice(0, sites).map(({ name, agent }) => ({ name, key: agent.publicKey })),
    threshold: quorum(sites, colluding),
    minimum: Math.max(2, colluding + 2),
    colluding,
    ...change,
  });
}

/** A site and its disk. */
export interface Placed {
  readonly name: string;
  readonly site: MaskingSite;
  readonly disk: { state: Uint8Array };
}

export function portsOf(
  attempt: MaskingAttempt,
  name: string,
  change: Partial<MaskingSitePorts> & { disk?: Placed['disk'] } = {},
): MaskingSitePorts {
  const disk = change.disk ?? { state: new Uint8Array(0) };
  const save = async (state: Uint8Array): Promise<void> => {
    await Promise.resolve();
    disk.state = new Uint8Array(state);
  };
  return { attempt, site: name, agent: agentOf(name), save, accept: () => undefined, revealedBefore: null, ...change };
}

export async function place(attempt: MaskingAttempt, name: string): Promise<Placed> {
  const disk = { state: new Uint8Array(0) };
  return { name, site: await MaskingSite.begin(portsOf(attempt, name, { disk })), disk };
}

/** The same site after a restart, upon a copy of its disk: what the copy goes through, the first does not see. */
export function restarted(
  attempt: MaskingAttempt,
  { name, disk }: Placed,
  change: Partial<MaskingSitePorts> = {},
): Placed {
  const copy = { state: new Uint8Array(disk.state) };
  return { name, disk: copy, site: MaskingSite.resume(portsOf(attempt, name, { disk: copy, ...change }), copy.state) };
}

export interface Prepared {
  readonly attempt: MaskingAttempt;
  readonly sites: readonly Placed[];
  readonly keys: readonly string[];
  readonly shares: readonly string[];
}

/** All keys exchanged, all shares dealt and opened. Of `absent` sites those of `keys` never came, those of `shares` only sent keys. */
export async function prepare(
  attempt: MaskingAttempt,
  absent: { keys?: readonly string[]; shares?: readonly string[] } = {},
): Promise<Prepared> {
  const here = attempt.members.map(({ name }) => name).filter((name) => !(absent.keys ?? []).includes(name));
  const began = await Promise.all(here.map((name) => place(attempt, name)));
  const keys = began.map(({ site }) => site.keys);
  const sites = began.filter(({ name }) => !(absent.shares ?? []).includes(name));
  const shares = await Promise.all(sites.map(({ site }) => site.shares(keys)));
  for (const { site } of sites) await site.receive(shares);
  return { attempt, sites, keys, shares };
}

export async function aggregatorOf({ attempt, keys, shares }: Prepared): Promise<MaskingAggregator> {
  const enclave = new MaskingAggregator(attempt);
  for (const jws of keys) await enclave.acceptKeys(jws);
  enclave.closeKeys();
  for (const jws of shares) await enclave.acceptShares(jws);
  enclave.closeShares();
  return enclave;
}

const values = 40;

/** What a site would send: two tensors, with the ring's edges in them. */
export function inputOf(name: string): RingTensor[] {
  const base = BigInt(name.charCodeAt(5)) * 0x0123_4567_89ab_cdefn;
  const of = (factor: bigint): BigInt64Array<ArrayBuffer> =>
    BigInt64Array.from({ length: values }, (_, i) => (i === 0 ? 0x7fff_ffff_ffff_ffffn : base * factor + BigInt(i)));
  return [
    { name: 'kernel', values: of(3n) },
    { name: 'bias', values: of(-7n) },
  ];
}

export function sumOf(tensors: readonly (readonly RingTensor[])[]): RingTensor[] {
  const [first, ...rest] = tensors;
  if (first === undefined) throw new Error('nothing to add');
  const sum = copyTensors(first);
  for (const one of rest) addTensors(sum, one);
  return sum;
}

/** From the inputs to the sum; only `survivors` live, and of these only `revealing` (all, unless said) reveal. */
export async function unmaskOver(
  prepared: Prepared,
  { survivors, revealing = survivors }: { survivors: readonly Placed[]; revealing?: readonly Placed[] },
): Promise<RingTensor[]> {
  const enclave = await aggregatorOf(prepared);
  const masked = [];
  for (const { name, site } of survivors) {
    masked.push(await site.mask(inputOf(name)));
    enclave.receive(name);
  }
  const names = enclave.closeInputs();
  for (const { site } of survivors) await enclave.acceptSurvivorSet(await site.signSurvivors(names));
  const sets = enclave.survivorSets();
  for (const { site } of revealing) await enclave.acceptReveal(await site.reveal(sets));
  return await enclave.unmask(sumOf(masked));
}

export function plainSum(sites: readonly Placed[]): RingTensor[] {
  return sumOf(sites.map(({ name }) => inputOf(name)));
}

/** The code of what this throws; `accepted` where it throws nothing. */
export async function codeOf(attack: () => unknown): Promise<string> {
  try {
    await attack();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('missing in the test');
  return value;
}
