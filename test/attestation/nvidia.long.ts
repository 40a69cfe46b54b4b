// Every bit of an OCSP answer matters (genuine evidence: flips.long.ts), and noise provokes nothing but coded refusals. Longer than the unit suite has patience for.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, utf8 } from '@wardround/protocol/bytes';
import { readEvidenceList } from '@wardround/attestation/nvidia/evidence-files';
import { parseNvidiaReport } from '@wardround/attestation/nvidia/report';
import { openRim } from '@wardround/attestation/nvidia/rim/verify';
import { trustedNvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { verifyNvidia } from '@wardround/attestation/nvidia/verify';
import { parseOcspResponse } from '@wardround/attestation/x509/ocsp';
import { readXml } from '@wardround/attestation/xml/reader';
import { readXmlSignature } from '@wardround/attestation/xml/signature';
import { StepLog } from '@wardround/attestation/steps';
import type { NvidiaWorld } from './nvidia-world.ts';
import { at, makeNvidiaWorld, nonce } from './nvidia-world.ts';

function* flips(bytes: Bytes): Generator<readonly [string, Bytes]> {
  for (let offset = 0; offset < bytes.byteLength; offset += 1)
    for (let bit = 0; bit < 8; bit += 1)
      yield [`byte ${offset}, bit ${bit}`, bytes.with(offset, (bytes[offset] ?? 0) ^ (1 << bit))];
}

/** Nothing but our own errors, with a code of the kind that its step may have. */
function codedOnly(act: () => unknown, where: string): void {
  try {
    act();
  } catch (error) {
    expect(error, where).toBeInstanceOf(WardroundError);
  }
}

describe('a bit of simulated evidence', () => {
  let world: NvidiaWorld;
  beforeAll(async () => {
    world = await makeNvidiaWorld();
  });

  it('of an OCSP answer leaves no trust in it', () => {
    const { certificates } = world.gpu;
    const own = world.vendor.answer(certificates, 2);
    const rest = [0, 1, 3].map((index) => world.vendor.answer(certificates, index));
    const report = world.gpu.makeReport({ nonce });
    const roots = trustedNvidiaRoots([world.vendor.rootSha256]);
    const judge = (answer: Bytes): string | undefined => {
      const log = new StepLog();
      verifyNvidia(
        { report, certificates, rims: [], ocsp: [...rest, answer], nonce, at, rimValidity: 'now', roots },
        log,
      );
      expect(log.steps.filter(({ code }) => code === 'attestation-internal')).toEqual([]);
      return log.steps.find(({ name }) => name === 'revocation')?.status;
    };
    expect(judge(own)).toBe('ok');
    let tried = 0;
    for (const [where, changed] of flips(own)) {
      tried += 1;
      expect(judge(changed), where).not.toBe('ok');
    }
    console.log(`OCSP answer: ${tried} flips (every bit)`);
  });
});

describe('a fuzzer finds nothing but coded refusals', () => {
  const runs = 20_000;
  const limits = { maxBytes: 262_144, maxDepth: 10, maxNodes: 8_192 };
  let seeds: Readonly<Record<'report' | 'rim' | 'ocsp', Bytes>>;

  beforeAll(async () => {
    const world = await makeNvidiaWorld();
    seeds = {
      report: world.gpu.makeReport({ nonce }),
      rim: copyBytes(world.vbiosRim),
      ocsp: world.vendor.answer(world.gpu.certificates, 1),
    };
    console.log(`NVIDIA fuzzer: ${runs} runs for each of 6 readers`);
  });

  /** Bytes cut out, put in, doubled or overwritten. */
  const mutation = fc.record({
    at: fc.nat(1_000_000),
    remove: fc.nat(40),
    insert: fc.uint8Array({ maxLength: 40 }),
    repeat: fc.boolean(),
  });
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
  type Mutation = typeof mutation extends fc.Arbitrary<infer Value> ? Value : never;

  function mutate(seed: Bytes, changes: readonly Mutation[]): Bytes {
    return changes.reduce<Bytes>((bytes, { at: place, remove, insert, repeat }) => {
      const start = place % (bytes.byteLength + 1);
      const taken = bytes.slice(start, start + remove);
      return copyBytes(
        Buffer.concat([bytes.slice(0, start), insert, ...(repeat ? [taken, taken] : []), bytes.slice(start + remove)]),
      );
    }, seed);
  }

  it.each<readonly [string, 'report' | 'rim' | 'ocsp', (bytes: Bytes) => unknown]>([
    ['reports', 'report', parseNvidiaReport],
    ['manifests', 'rim', (xml) => openRim({ xml })],
    ['OCSP answers', 'ocsp', parseOcspResponse],
  ])('in %s that were genuine once', (_, seed, read) => {
    fc.assert(
      fc.property(mutations, (changes) => {
        codedOnly(() => read(mutate(seeds[seed], changes)), JSON.stringify(changes));
      }),
      { numRuns: runs },
    );
  });

  const markup = fc.array(
    fc.constantFrom(
      '<a',
      '<b',
      '</a>',
      '</b>',
      '>',
      '/>',
      ' ',
      ' x="y"',
      ' xmlns="u"',
      ' xmlns:p="v"',
      '<p:a',
      '</p:a>',
      '=',
      '"',
      't',
      '<!',
      '<?',
      '&',
      ']]>',
      '\n',
    ),
    { maxLength: 60 },
  );
  it.each<readonly [string, fc.Arbitrary<Bytes>, (bytes: Bytes) => unknown]>([
    ['XML', markup.map((parts) => utf8(parts.join(''))), (bytes) => readXmlSignature(readXml(bytes, limits))],
    ['DER', fc.uint8Array({ maxLength: 400 }).map((bytes) => copyBytes(bytes)), parseOcspResponse],
    ['JSON', fc.json({ maxDepth: 3 }).map((text) => utf8(text)), readEvidenceList],
  ])('in %s that never was', (_, bytes, read) => {
    fc.assert(
      fc.property(bytes, (input) => {
        codedOnly(() => read(input), Buffer.from(input).toString('base64'));
      }),
      { numRuns: runs },
    );
  });
});
