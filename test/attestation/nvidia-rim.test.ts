// Attacks on reference manifests: signatures wrapped, doubled, moved, replaced; and manifests that say odd things, properly signed.
import { beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '@wardround/protocol/bytes';
import { trustedNvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { openRim, verifyRim } from '@wardround/attestation/nvidia/rim/verify';
import { ecUsages, generateEcKey } from '@wardround/attestation/simulated/nvidia/certificates';
import { simulatedMeasurement } from '@wardround/attestation/simulated/nvidia/report';
import type { RimFields } from '@wardround/attestation/simulated/nvidia/rim';
import { simulatedGolden } from '@wardround/attestation/simulated/nvidia/rim';
import type { SignRimOptions } from '@wardround/attestation/simulated/nvidia/vendor';
import { simulatedActive } from '@wardround/attestation/simulated/nvidia/vendor';
import { xmlAlgorithms } from '@wardround/attestation/xml/signature';
import type { NvidiaWorld, Presented } from './nvidia-world.ts';
import { appraise, at, dayMs, failuresOf, makeNvidiaWorld, nonce } from './nvidia-world.ts';

let world: NvidiaWorld;
let text: string;

beforeAll(async () => {
  world = await makeNvidiaWorld();
  text = Buffer.from(world.vbiosRim).toString('utf8');
});

function verdict(xml: string | Uint8Array): unknown {
  const roots = trustedNvidiaRoots([world.vendor.rootSha256]).rim;
  try {
    return verifyRim({ xml: typeof xml === 'string' ? utf8(xml) : xml }, { roots, at }).manifest.version;
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
  }
}

const signatureOf = (xml: string): string => /<ds:Signature .*<\/ds:Signature>/s.exec(xml)?.[0] ?? '';
const bodyOf = (xml: string): string => xml.replace(signatureOf(xml), '');
const forged = (xml: string): string => bodyOf(xml).replaceAll(simulatedMeasurement(1), 'ab'.repeat(48));

describe('a manifest whose signature is played with', () => {
  it('is accepted as it came', () => {
    expect(verdict(text)).toBe('96.00.9F.00.01');
    expect(verdict(`<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`)).toBe('96.00.9F.00.01');
  });

  const cases: readonly (readonly [string, (xml: string) => string, string])[] = [
    ['no signature', bodyOf, 'xml-signature-shape'],
    ['content changed', (xml) => xml.replaceAll(simulatedMeasurement(1), 'ab'.repeat(48)), 'xml-signature'],
    ['version changed', (xml) => xml.replace('colloquialVersion="96', 'colloquialVersion="97'), 'xml-signature'],
    ['active changed', (xml) => xml.replace('active="True"', 'active="False"'), 'xml-signature'],
    ['white space added', (xml) => xml.replace('<ns0:Payload>', '<ns0:Payload> '), 'xml-signature'],
    ['a namespace added', (xml) => xml.replace(' corpus=', ' xmlns:q="urn:q" corpus='), 'xml-signature'],
    [
      'digest replaced',
      (xml) => xml.replace(/<ds:DigestValue>[^<]*/, `<ds:DigestValue>${'A'.repeat(64)}`),
      'xml-signature',
    ],
    [
      'signature replaced',
      (xml) => xml.replace(/<ds:SignatureValue>[^<]*/, `<ds:SignatureValue>${'A'.repeat(128)}`),
      'xml-signature',
    ],
    [
      'a signature of DER',
      (xml) => xml.replace(/<ds:SignatureValue>[^<]*/, `<ds:SignatureValue>${'A'.repeat(136)}`),
      'xml-signature-shape',
    ],
    [
      'a digest of SHA-256',
      (xml) => xml.replace(/<ds:DigestValue>[^<]*/, `<ds:DigestValue>${'A'.repeat(43)}=`),
      'xml-signature-shape',
    ],
    [
      'base64 that is not canonical',
      (xml) => xml.replace('<ds:DigestValue>', '<ds:DigestValue>='),
      'xml-signature-shape',
    ],
    ['two signatures', (xml) => xml.replace(signatureOf(xml), signatureOf(xml).repeat(2)), 'xml-signature-shape'],
    [
      'a second signature, of another',
      (xml) => xml.replace('<ns0:Payload>', `${signatureOf(xml)}<ns0:Payload>`),
      'xml-signature-shape',
    ],
    [
      'the signature below the root’s child',
      (xml) => xml.replace(signatureOf(xml), `<x>${signatureOf(xml)}</x>`),
      'xml-signature-shape',
    ],
    [
      'the signed manifest inside a forged one',
      (xml) => forged(xml).replace('</SoftwareIdentity>', `<x>${xml}</x></SoftwareIdentity>`),
      'xml-signature-shape',
    ],
    ['the signature moved out to a forged root', (xml) => `<x>${forged(xml)}${signatureOf(xml)}</x>`, 'rim-malformed'],
    ['the forged manifest beside the signed one', (xml) => `<x>${forged(xml)}${xml}</x>`, 'xml-signature-shape'],
    [
      'the signed manifest in ds:Object',
      (xml) =>
        forged(xml).replace(
          '</SoftwareIdentity>',
          `${signatureOf(xml).replace('</ds:Signature>', `<ds:Object>${bodyOf(xml)}</ds:Object></ds:Signature>`)}</SoftwareIdentity>`,
        ),
      'xml-signature-shape',
    ],
    [
      'another namespace of signatures',
      (xml) => xml.replace('http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo', 'urn:q"><ds:SignedInfo'),
      'xml-signature-shape',
    ],
    [
      'a SignedInfo elsewhere',
      (xml) => xml.replace('<ns0:Payload>', '<SignedInfo/><ns0:Payload>'),
      'xml-signature-shape',
    ],
    [
      'a KeyInfo elsewhere',
      (xml) => xml.replace('<ns0:Payload>', '<ns0:KeyInfo/><ns0:Payload>'),
      'xml-signature-shape',
    ],
    ['two SignedInfo', (xml) => xml.replace(/<ds:SignedInfo>.*<\/ds:SignedInfo>/s, '$&$&'), 'xml-signature-shape'],
    [
      'an identifier on the signature',
      (xml) => xml.replace('<ds:Signature ', '<ds:Signature Id="a" '),
      'xml-signature-shape',
    ],
    ['two references', (xml) => xml.replace(/<ds:Reference .*<\/ds:Reference>/s, '$&$&'), 'xml-signature-shape'],
    ['no reference', (xml) => xml.replace(/<ds:Reference .*<\/ds:Reference>/s, ''), 'xml-signature-shape'],
    ['a reference to an element', (xml) => xml.replace('URI=""', 'URI="#a"'), 'xml-signature-shape'],
    ['a reference to a file', (xml) => xml.replace('URI=""', 'URI="file:///etc/passwd"'), 'xml-signature-shape'],
    ['a reference without URI', (xml) => xml.replace(' URI=""', ''), 'xml-signature-shape'],
    ['a reference with a type', (xml) => xml.replace('URI=""', 'URI="" Type="a"'), 'xml-signature-shape'],
    [
      'an XSLT transform',
      (xml) =>
        xml.replace(
          '<ds:Transforms>',
          '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform>',
        ),
      'xml-signature-shape',
    ],
    [
      'an XPath transform',
      (xml) =>
        xml.replace(
          `<ds:Transform Algorithm="${xmlAlgorithms.c14n11}">`,
          '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">',
        ),
      'xml-signature-shape',
    ],
    [
      'exclusive canonicalization',
      (xml) =>
        xml.replace(
          `<ds:Transform Algorithm="${xmlAlgorithms.c14n11}">`,
          '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">',
        ),
      'xml-signature-shape',
    ],
    [
      'no transform but one',
      (xml) => xml.replace(`<ds:Transform Algorithm="${xmlAlgorithms.enveloped}"></ds:Transform>`, ''),
      'xml-signature-shape',
    ],
    [
      'transforms in another order',
      (xml) => xml.replace(/(<ds:Transform A[^>]*><\/ds:Transform>)(<ds:Transform A[^>]*><\/ds:Transform>)/, '$2$1'),
      'xml-signature-shape',
    ],
    ['a transform with contents', (xml) => xml.replace('></ds:Transform>', '>a</ds:Transform>'), 'xml-signature-shape'],
    [
      'canonicalization with comments',
      (xml) =>
        xml.replace(
          `Method Algorithm="${xmlAlgorithms.c14n11}"`,
          `Method Algorithm="${xmlAlgorithms.c14n11}#WithComments"`,
        ),
      'xml-signature-shape',
    ],
    [
      'SHA-256',
      (xml) => xml.replace(xmlAlgorithms.sha384, 'http://www.w3.org/2001/04/xmlenc#sha256'),
      'xml-signature-shape',
    ],
    [
      'RSA',
      (xml) => xml.replace(xmlAlgorithms.ecdsaSha384, 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'),
      'xml-signature-shape',
    ],
    [
      'HMAC',
      (xml) => xml.replace(xmlAlgorithms.ecdsaSha384, 'http://www.w3.org/2000/09/xmldsig#hmac-sha1'),
      'xml-signature-shape',
    ],
    [
      'no certificate',
      (xml) => xml.replace(/<ds:X509Certificate>.*<\/ds:X509Certificate>/s, ''),
      'xml-signature-shape',
    ],
    [
      'a key value',
      (xml) => xml.replace('<ds:KeyInfo>', '<ds:KeyInfo><ds:KeyValue></ds:KeyValue>'),
      'xml-signature-shape',
    ],
    [
      'nine certificates',
      (xml) => xml.replace(/<ds:X509Certificate>[^<]*<\/ds:X509Certificate>/, (one) => one.repeat(9)),
      'xml-signature-shape',
    ],
    ['text within the signature', (xml) => xml.replace('<ds:SignedInfo>', 'a<ds:SignedInfo>'), 'xml-signature-shape'],
    ['a document type', (xml) => `<!DOCTYPE a>${xml}`, 'xml-forbidden'],
    ['a comment in a digest', (xml) => xml.replace('<ds:DigestValue>', '<ds:DigestValue><!---->'), 'xml-forbidden'],
    ['an entity in a version', (xml) => xml.replace('"96.00.9F', '"9&#54;.00.9F'), 'xml-forbidden'],
    ['larger than any manifest', (xml) => `${xml}${' '.repeat(262_144)}`, 'xml-too-large'],
    [
      'more elements than any manifest',
      (xml) => xml.replace('<ns0:Payload>', `<ns0:Payload>${'<a/>'.repeat(9_000)}`),
      'xml-limits',
    ],
    [
      'deeper than any manifest',
      (xml) => xml.replace('<ns0:Payload>', `${'<a>'.repeat(20)}${'</a>'.repeat(20)}<ns0:Payload>`),
      'xml-limits',
    ],
    ['another kind of document', () => '<a></a>', 'xml-signature-shape'],
  ];

  it.each(cases)('%s', (_, change, code) => {
    const changed = change(text);
    expect(changed).not.toBe(text);
    expect(verdict(changed)).toBe(code);
  });

  it('with one character turned anywhere', () => {
    const bytes = Buffer.from(text);
    for (let index = 0; index < bytes.byteLength; index += 307) {
      const changed = Uint8Array.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 2;
      expect(verdict(changed), `character ${index}`).toMatch(/^(?:xml|rim|nvidia|certificate|der)-/);
    }
  });

  it('cut anywhere', () => {
    for (let length = 0; length < text.length; length += 199) {
      expect(verdict(text.slice(0, length)), `${length} characters`).toMatch(/^xml-/);
    }
  });
});

describe('a manifest whose signer is wrong', () => {
  const soon = new Date(at.getTime() + dayMs);
  const cases: readonly (readonly [string, () => SignRimOptions, string])[] = [
    [
      'expired',
      () => ({ validity: { notBefore: new Date(0), notAfter: new Date(at.getTime() - 1000) } }),
      'nvidia-expired',
    ],
    [
      'not yet valid',
      () => ({ validity: { notBefore: soon, notAfter: new Date(soon.getTime() + dayMs) } }),
      'nvidia-not-yet-valid',
    ],
    ['a certificate authority', () => ({ signer: { authority: true, usages: ecUsages.authority } }), 'nvidia-chain'],
    ['one that may not sign', () => ({ signer: { usages: ecUsages.none } }), 'nvidia-chain'],
    ['signed by another key', () => ({ signer: { issuerKey: generateEcKey() } }), 'nvidia-chain'],
    ['signed with SHA-256', () => ({ signer: { hash: 'SHA-256' as const } }), 'nvidia-chain'],
    ['the root left out', () => ({ certificates: (chain) => chain.slice(0, 3) }), 'nvidia-chain'],
    ['the signer alone', () => ({ certificates: (chain) => chain.slice(0, 1) }), 'nvidia-chain'],
    ['root first', () => ({ certificates: (chain) => chain.toReversed() }), 'nvidia-chain'],
    ['an intermediate left out', () => ({ certificates: (chain) => chain.toSpliced(1, 1) }), 'nvidia-chain'],
    [
      'another signer first',
      () => ({ certificates: (chain) => [chain[1] ?? new Uint8Array(), ...chain] }),
      'nvidia-chain',
    ],
    [
      'a certificate that is none',
      () => ({ certificates: (chain) => chain.with(1, Uint8Array.of(0x30, 0)) }),
      'certificate-malformed',
    ],
  ];

  it.each(cases)('%s', async (_, options, code) => {
    expect(verdict(await world.vendor.issueRim('vbios', {}, options()))).toBe(code);
  });

  it('NVIDIA’s devices sign no manifests: the roots are apart', () => {
    const roots = trustedNvidiaRoots([]).rim;
    expect(() => verifyRim({ xml: world.vbiosRim }, { roots, at })).toThrow(
      expect.objectContaining({ code: 'nvidia-root-untrusted' }),
    );
  });
});

describe('a manifest that says odd things, signed all the same', () => {
  const golden = simulatedGolden(simulatedActive.vbios);
  const cases: readonly (readonly [string, Partial<RimFields>])[] = [
    ['no measurements', { measurements: [] }],
    ['an index twice', { measurements: [...golden, ...golden.slice(0, 1)] }],
    ['an index beyond 63', { measurements: [{ index: 64, active: true, alternatives: ['00'.repeat(48)] }] }],
    ['a digest of 47 bytes', { measurements: [{ index: 0, active: true, alternatives: ['00'.repeat(47)] }] }],
    ['a digest in upper case', { measurements: [{ index: 0, active: true, alternatives: ['AB'.repeat(48)] }] }],
    ['no alternative', { measurements: [{ index: 0, active: true, alternatives: [] }] }],
    [
      'more alternatives than any',
      { measurements: [{ index: 0, active: true, alternatives: golden.slice(0, 33).map(() => '00'.repeat(48)) }] },
    ],
    ['an odd version', { version: 'x' }],
    ['an odd chip', { chip: 'G H' }],
  ];

  it.each(cases)('%s', async (_, fields) => {
    expect(verdict(await world.vendor.issueRim('vbios', fields))).toBe('rim-malformed');
  });

  it.each([
    ['active that is neither', ['active="True"', 'active="true"']],
    ['active by a name that every object has', ['active="True"', 'active="constructor"']],
    ['a size that is not 48', ['size="48"', 'size="32"']],
    ['a type that is no measurement', ['type="Measurement"', 'type="File"']],
    ['an attribute that nobody knows', ['type="Measurement"', 'type="Measurement" odd="1"']],
    ['an index with a leading zero', ['index="1"', 'index="01"']],
    ['fewer hashes than alternatives', ['alternatives="1"', 'alternatives="2"']],
    ['two payloads', ['<ns0:Payload>', '<ns0:Payload></ns0:Payload><ns0:Payload>']],
    ['something else in the payload', ['<ns0:Payload>', '<ns0:Payload><ns0:File></ns0:File>']],
    ['a payload of another namespace', ['ns0:Payload>', 'Payload xmlns="urn:q">']],
  ])('%s', (_, [from = '', to = '']) => {
    const changed = text
      .replace(from, to)
      .replace('</ns0:Payload>', from === 'ns0:Payload>' ? '</Payload>' : '</ns0:Payload>');
    expect(() => openRim({ xml: utf8(changed) })).toThrow(expect.objectContaining({ code: 'rim-malformed' }));
  });
});

describe('golden against runtime', () => {
  const steps = (presented: Presented): readonly string[] =>
    failuresOf(appraise(world, { ocsp: [], ...presented }).steps);
  const measurements = (change: (index: number) => string | undefined): readonly string[] =>
    Array.from({ length: 64 }, (_, index) => change(index) ?? simulatedMeasurement(index));

  it.each([
    ['driver', 8],
    ['driver', 30],
    ['vbios', 0],
    ['vbios', 63],
  ] as const)('a %s measurement that differs, index %i', (role, wrong) => {
    const report = world.gpu.makeReport({
      nonce,
      measurements: measurements((index) => (index === wrong ? '00'.repeat(48) : undefined)),
    });
    expect(steps({ report })).toEqual([`${role}-measurements: nvidia-measurement`]);
  });

  it('a measurement that no manifest speaks for may be anything', () => {
    const report = world.gpu.makeReport({
      nonce,
      measurements: measurements((index) => (index === 40 ? '00'.repeat(48) : undefined)),
    });
    expect(steps({ report })).toEqual([]);
  });

  it('index 35 counts while the video decoder is on, and is said to be left out while it is off', () => {
    const changed = measurements((index) => (index === 35 ? '00'.repeat(48) : undefined));
    const off = world.gpu.makeReport({ nonce, measurements: changed });
    const judged = appraise(world, { report: off, ocsp: [] });
    expect(failuresOf(judged.steps)).toEqual([]);
    expect(judged.steps.find(({ name }) => name === 'driver-measurements')?.reason).toBe(
      '5 of 6 measurements compared; index 35 is not: the video decoder is off',
    );
    const on = world.gpu.usualOpaque.map((field) =>
      field.type === 11 ? { type: 11, value: Uint8Array.of(0xaa) } : field,
    );
    expect(steps({ report: world.gpu.makeReport({ nonce, opaque: on }) })).toEqual([]);
    expect(steps({ report: world.gpu.makeReport({ nonce, opaque: on, measurements: changed }) })).toEqual([
      'driver-measurements: nvidia-measurement',
    ]);
  });

  it('any alternative is right, an inactive one is none', async () => {
    const alternatives = ['00'.repeat(48), simulatedMeasurement(0)];
    const either = await world.vendor.issueRim('vbios', { measurements: [{ index: 0, active: true, alternatives }] });
    expect(steps({ rims: [{ xml: world.driverRim }, { xml: either }] })).toEqual([]);
    const wrong = await world.vendor.issueRim('vbios', {
      measurements: [{ index: 0, active: true, alternatives: ['00'.repeat(48), '11'.repeat(48)] }],
    });
    expect(steps({ rims: [{ xml: world.driverRim }, { xml: wrong }] })).toEqual([
      'vbios-measurements: nvidia-measurement',
    ]);
  });

  it('a golden measurement that the device does not report', async () => {
    const nvswitch = await world.vendor.issueDevice({ kind: 'switch' });
    const rim = await world.vendor.issueRim('switch', { measurements: simulatedGolden([31], 32) });
    const presented = {
      kind: 'switch' as const,
      report: nvswitch.makeReport({ nonce }),
      certificates: nvswitch.certificates,
    };
    expect(steps({ ...presented, rims: [{ xml: rim }] })).toEqual(['vbios-measurements: nvidia-measurement-missing']);
  });

  it('manifests that overlap', async () => {
    const vbios = await world.vendor.issueRim('vbios', { measurements: simulatedGolden([0, 8]) });
    expect(steps({ rims: [{ xml: world.driverRim }, { xml: vbios }] })).toEqual(['rim-overlap: rim-overlap']);
  });

  it.each([
    ['another driver version', 'driver', { version: '570.124.04' }, ['driver-rim-version: rim-version']],
    ['another VBIOS version', 'vbios', { version: '96.00.9F.00.02' }, ['vbios-rim-version: rim-version']],
    ['another chip', 'driver', { chip: 'GB100' }, ['driver-rim-version: rim-chip']],
    ['a switch', 'driver', { edition: 'SWITCH' }, ['driver-rim-version: rim-chip']],
  ] as const)('a manifest of %s', async (_, role, fields, expected) => {
    const changed = await world.vendor.issueRim(role, fields);
    const rims = role === 'driver' ? [changed, world.vbiosRim] : [world.driverRim, changed];
    expect(steps({ rims: rims.map((xml) => ({ xml })) })).toEqual(expected);
  });

  it('a manifest fetched under another name', () => {
    const id = 'NV_GPU_VBIOS_1010_0200_882_96009F0001';
    expect(steps({ rims: [{ xml: world.driverRim }, { xml: world.vbiosRim, id }] })).toEqual([]);
    expect(
      steps({ rims: [{ xml: world.driverRim }, { xml: world.vbiosRim, id: id.replace('0200', '0205') }] }),
    ).toEqual(['vbios-rim-version: rim-id']);
  });

  it('a manifest that was signed anew: the one whose signer holds is taken, whatever the order', async () => {
    const expired = { validity: { notBefore: new Date(0), notAfter: new Date(at.getTime() - 1000) } };
    const old = await world.vendor.issueRim('vbios', {}, expired);
    expect(steps({ rims: [old, world.driverRim, world.vbiosRim].map((xml) => ({ xml })) })).toEqual([]);
    expect(steps({ rims: [world.vbiosRim, world.driverRim, old].map((xml) => ({ xml })) })).toEqual([]);
    expect(steps({ rims: [world.driverRim, old].map((xml) => ({ xml })) })).toEqual([
      'vbios-rim-validity: nvidia-expired',
    ]);
  });

  it('manifests of two boards with one version: the name decides, and without a name nobody', async () => {
    const other = await world.vendor.issueRim('vbios', { measurements: simulatedGolden([0, 1]) });
    const id = 'NV_GPU_VBIOS_1010_0200_882_96009F0001';
    const named = [{ xml: world.driverRim }, { xml: other, id: 'NV_GPU_VBIOS_1010_0205_862_96009F0001' }];
    expect(steps({ rims: [...named, { xml: world.vbiosRim, id }] })).toEqual([]);
    expect(steps({ rims: [{ xml: world.driverRim }, { xml: other }, { xml: world.vbiosRim }] })).toEqual([
      'rims: rim-ambiguous',
    ]);
    expect(steps({ rims: [{ xml: world.driverRim }, { xml: other, id }, { xml: world.vbiosRim, id }] })).toEqual([
      'rims: rim-ambiguous',
    ]);
  });

  it('a manifest of another version beside the right one is another device’s', async () => {
    const other = await world.vendor.issueRim('vbios', { version: '96.00.9F.00.02' });
    expect(steps({ rims: [other, world.driverRim, world.vbiosRim].map((xml) => ({ xml })) })).toEqual([]);
  });
});

describe('when a manifest’s signer must have been valid', () => {
  const later = new Date(at.getTime() + 3 * 365 * dayMs);
  const steps = (mirroredAt: Date | undefined, rimValidity: 'now' | 'whenMirrored'): readonly string[] => {
    const rims = [world.driverRim, world.vbiosRim].map((xml) =>
      mirroredAt === undefined ? { xml } : { xml, mirroredAt },
    );
    return failuresOf(appraise(world, { rims, ocsp: [], at: later, rimValidity }).steps);
  };
  const both = (code: string): readonly string[] => ['driver', 'vbios'].map((role) => `${role}-rim-validity: ${code}`);

  it('now', () => {
    expect(steps(at, 'now')).toEqual(both('nvidia-expired'));
  });

  it('when it was mirrored', () => {
    expect(steps(at, 'whenMirrored')).toEqual([]);
    expect(steps(new Date(at.getTime() - dayMs), 'whenMirrored')).toEqual(both('nvidia-not-yet-valid'));
    expect(steps(undefined, 'whenMirrored')).toEqual(both('rim-mirror-time'));
    expect(steps(new Date(later.getTime() + 1), 'whenMirrored')).toEqual(both('rim-mirror-time'));
  });
});
