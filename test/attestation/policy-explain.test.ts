// The plain sentences of a policy leave nothing out: whatever value changes, they change.
import { beforeAll, describe, expect, it } from 'vitest';
import { explainPolicy } from '@wardround/attestation/policy/explain';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { makeWorld, policyFor } from './world.ts';

let policy: Policy;

beforeAll(async () => {
  policy = parsePolicy(policyFor(await makeWorld('Genoa')));
}, 120_000);

const textOf = (of: Policy): string =>
  explainPolicy(of)
    .map(({ heading, sentences }) => [heading, ...sentences].join('\n'))
    .join('\n\n');

type Path = readonly (string | number)[];

function leaves(value: unknown, path: Path = []): readonly { path: Path; value: unknown }[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => leaves(item, [...path, index]));
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
  return [{ path, value }];
}

function changed(value: unknown, path: Path, to: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return to;
  if (Array.isArray(value)) return value.map((item, index) => (index === first ? changed(item, rest, to) : item));
  return Object.fromEntries(
    Object.entries(value ?? {}).map(([key, item]) => [key, key === first ? changed(item, rest, to) : item]),
  );
}

/** Other values of the same kind; those that the schema takes are tried. */
function others(value: unknown): readonly unknown[] {
  if (typeof value === 'number') return [value + 1, value - 1];
  if (typeof value !== 'string') return [];
  const hex = /^[0-9a-f]{16,}$/.test(value) ? [value.replace(/.$/, (last) => (last === '1' ? '2' : '1'))] : [];
  const bits = value.startsWith('0x') ? ['0x2'] : [];
  return ['allowed', 'refused', 'required', 'notRequired', ...hex, ...bits].filter((other) => other !== value);
}

describe('the explanation of a policy', () => {
  it('changes with every value that the policy can change', () => {
    const before = textOf(policy);
    const tried: string[] = [];
    const silent: string[] = [];
    for (const { path, value } of leaves(policy)) {
      for (const other of others(value)) {
        let variant: Policy;
        try {
          variant = parsePolicy(changed(policy, path, other));
        } catch {
          continue;
        }
        tried.push(path.join('.'));
        if (textOf(variant) === before) silent.push(`${path.join('.')} = ${String(other)}`);
      }
    }
    expect(silent).toEqual([]);
    expect(new Set(tried).size).toBeGreaterThan(40);
  });

  it('names waivers with their reason and their end, and what no policy covers', () => {
    const waived = { waived: { reason: 'machines are being replaced', until: '2027-01-31T00:00:00.000Z' } };
    const text = textOf(parsePolicy(changed(policy, ['platforms', 'sevSnp', 'chipIds'], waived)));
    expect(text).toContain('ANY chip is accepted');
    expect(text).toContain('waived until 2027-01-31T00:00:00.000Z because “machines are being replaced”');
    expect(text).toContain('What no policy covers');
  });
});
