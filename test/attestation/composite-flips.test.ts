// A flipped byte anywhere in what a bundle needs: never accepted, never an exception.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { toBase64Url } from '@wardround/protocol/bytes';
import type { Evidence } from '@wardround/attestation/evidence';
import { parseEvidence } from '@wardround/attestation/evidence';
import type { Composite } from './composite-world.ts';
import { appraise, bundleOf, deviceEndorsements, deviceItem, makeComposite, policyOf } from './composite-world.ts';
import { answersFor, chainOf } from './nvidia-world.ts';

let world: Composite;
beforeAll(async () => {
  world = await makeComposite();
}, 120_000);

type Path = readonly (string | number)[];
interface Leaf {
  readonly path: Path;
  readonly text: string;
}

function leavesOf(value: unknown, path: Path = []): readonly Leaf[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => leavesOf(member, [...path, key]));
}

/** Names of things, which say nothing that is not checked elsewhere. */
const isName = ({ path }: Leaf): boolean => ['type', 'of', 'bank', 'kind'].includes(String(path.at(-1)));
/** Texts whose signature covers their characters; everything else is base64url or hex. */
const isText = ({ path }: Leaf): boolean => ['tcbInfo', 'qeIdentity', 'xml', 'id'].includes(String(path.at(-1)));

function spoilt(leaf: Leaf, at: number): string {
  if (isText(leaf)) {
    const index = at % leaf.text.length;
    // Another character of the same sort, so that it is the signature that must notice.
    const other = /[a-z]/.test(leaf.text[index] ?? '') ? '7' : 'q';
    return `${leaf.text.slice(0, index)}${other}${leaf.text.slice(index + 1)}`;
  }
  if (leaf.text === 'none') return 'AAAA';
  if (leaf.path.at(-1) === 'value') return spoilHex(leaf.text, at);
  const bytes = new Uint8Array(Buffer.from(leaf.text, 'base64url'));
  const index = at % bytes.byteLength;
  bytes[index] = (bytes[index] ?? 0) ^ (1 << (at % 8));
  return toBase64Url(bytes);
}

function spoilHex(text: string, at: number): string {
  const index = at % text.length;
  return `${text.slice(0, index)}${text[index] === '0' ? '1' : '0'}${text.slice(index + 1)}`;
}

function replaced(value: unknown, path: Path, text: string): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return text;
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === first ? replaced(item, rest, text) : item));
  return Object.fromEntries(
    Object.entries(value ?? {}).map(([key, item]) => [key, key === first ? replaced(item, rest, text) : item]),
  );
}

describe('a byte that is flipped', () => {
  it.each(['sevSnp', 'tdx5', 'azureSnp', 'azureTdx', 'sevSnpTpm'] as const)('in %s with a GPU', (sort) => {
    const [device] = world.gpus;
    const whole = bundleOf(world, { sort, devices: [deviceItem({ device })] });
    const policy = policyOf(world, sort, [device]);
    const needed = neededOf(whole, world);
    expect(appraise(needed, policy).accepted).toBe(true);
    const leaves = leavesOf({ evidence: needed.evidence, endorsements: needed.endorsements }).filter(
      (leaf) => !isName(leaf),
    );
    fc.assert(
      fc.property(fc.nat(leaves.length - 1), fc.nat(1_000_000), (which, at) => {
        const leaf = leaves[which];
        if (leaf === undefined) throw new Error('no leaf');
        const bundle = parseEvidence(replaced(needed, leaf.path, spoilt(leaf, at)));
        const { accepted, steps } = appraise(bundle, policy);
        if (accepted) throw new Error(`accepted with another ${leaf.path.join('.')}, at ${at}`);
        expect(steps.filter(({ code }) => code === 'attestation-internal')).toEqual([]);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });
});

/** With the manifests and answers of its one GPU alone: what nobody needs may be spoilt. */
function neededOf(evidence: Evidence, { rims, nvidia, gpus: [own] }: Composite): Evidence {
  const ofGpu = rims.slice(0, 2);
  const [driver = [], vbios = []] = ofGpu.map(chainOf);
  // Both manifests have the same authorities: one answer about each.
  const ocsp = answersFor(nvidia, [own.certificates, driver, vbios.slice(0, 2)]);
  const others = evidence.endorsements.filter(({ type }) => type !== 'rim' && type !== 'ocsp');
  return { ...evidence, endorsements: [...others, ...deviceEndorsements({ rims: ofGpu, ocsp })] };
}
