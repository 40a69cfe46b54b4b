// What is parsed once is the same as what is parsed twice; refusals are never remembered, and memory has its bound.
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '@wardround/attestation/x509/certificate';
import { parseCrl } from '@wardround/attestation/x509/crl';
import { ParsedOnce } from '@wardround/attestation/x509/parsed-once';
import type { World } from './world.ts';
import { makeWorld } from './world.ts';

describe('parsed once', () => {
  it('parses a key again only after it was forgotten, the least used first', () => {
    const parsed: string[] = [];
    const once = new ParsedOnce<string>(2);
    const get = (key: string): string =>
      once.get(key, () => {
        parsed.push(key);
        return `${key}!`;
      });
    expect(['a', 'b', 'a', 'c', 'a', 'b'].map(get)).toEqual(['a!', 'b!', 'a!', 'c!', 'a!', 'b!']);
    expect(parsed).toEqual(['a', 'b', 'c', 'b']);
  });

  it('remembers no refusal', () => {
    const once = new ParsedOnce<string>(2);
    const refuse = (): string => {
      throw new Error('no');
    };
    expect(() => once.get('a', refuse)).toThrow('no');
    expect(once.get('a', () => 'yes')).toBe('yes');
  });
});

describe('a certificate or list that was parsed before', () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld('Genoa');
  });

  it('is not changed by what happens to the caller’s bytes', () => {
    const der = world.chip.certificate.slice();
    const { fingerprint } = parseCertificate(der);
    der[der.byteLength - 1] = (der[der.byteLength - 1] ?? 0) ^ 1;
    expect(parseCertificate(der).fingerprint).not.toBe(fingerprint);
    expect(parseCertificate(world.chip.certificate)).toMatchObject({ fingerprint, der: world.chip.certificate });
    const list = world.crl.slice();
    const { signature } = parseCrl(list);
    list[list.byteLength - 1] = (list[list.byteLength - 1] ?? 0) ^ 1;
    expect(parseCrl(list).signature).not.toEqual(signature);
    expect(parseCrl(world.crl).signature).toEqual(signature);
  });
});
