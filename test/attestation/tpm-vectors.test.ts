// Every genuine TPM quote yields what its manifest says: a software TPM's, Trustee's, Google Cloud's in three banks, Azure's.
import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toBase64Url, utf8 } from '@wardround/protocol/bytes';
import type { TpmInspection, TpmInspectionInput } from '@wardround/attestation/tpm/inspect';
import { inspectTpm } from '@wardround/attestation/tpm/inspect';
import { tpmRoots } from '@wardround/attestation/tpm/roots';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { fieldsOf } from './protobuf.ts';
import { haveVectors, vector } from './vectors.ts';

type Given = Pick<TpmInspectionInput, 'quote' | 'signature' | 'key'> & Partial<TpmInspectionInput>;

function inspect(given: Given): TpmInspection {
  return inspectTpm({
    certificates: [],
    crls: [],
    pcrs: undefined,
    nonce: undefined,
    eventLog: undefined,
    at: new Date('2026-01-01T00:00:00Z'),
    trustedRoots: tpmRoots,
    ...given,
  });
}

const failures = ({ steps }: TpmInspection): readonly string[] =>
  steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
const statusOf = ({ steps }: TpmInspection, name: string): string =>
  steps.find((step) => step.name === name)?.status ?? 'absent';
const hex = (text: string): Bytes => copyBytes(Buffer.from(text, 'hex'));
const base64 = (text: string): Bytes => copyBytes(Buffer.from(text, 'base64'));
const textOf = (path: string): unknown => JSON.parse(Buffer.from(vector(path)).toString('utf8'));

describe.skipIf(!haveVectors)('a software TPM’s quotes', () => {
  it.each([
    ['q_rsa', 'ak_rsa', undefined, 11],
    ['q_ecc', 'ak_ecc', undefined, 11],
    ['q2_rsa', 'ak_rsa', 'q2_rsa', 1],
    ['q2_ecc', 'ak_ecc', 'q2_ecc', 1],
  ])('%s', (name, ak, pcrs, selected) => {
    const at = (file: string): Bytes => vector(`tpm/swtpm/${file}`);
    const inspection = inspect({
      quote: at(`${name}.msg`),
      signature: at(`${name}.sig`),
      key: at(`${ak}.pem`),
      pcrs: pcrs === undefined ? undefined : { form: 'ordered', values: [at(`${pcrs}.pcrs`)] },
    });
    expect(failures(inspection)).toEqual([]);
    expect(inspection.authentic).toBe(true);
    expect(statusOf(inspection, 'ak-chain')).toBe('not-evaluated');
    expect(statusOf(inspection, 'pcr-values')).toBe(pcrs === undefined ? 'not-evaluated' : 'ok');
    expect(inspection.fields?.selections[0]?.pcrs).toHaveLength(selected);
    const other = ak === 'ak_rsa' ? 'ak_ecc' : 'ak_rsa';
    const swapped = inspect({ quote: at(`${name}.msg`), signature: at(`${name}.sig`), key: at(`${other}.pem`) });
    expect(swapped.authentic).toBe(false);
  });
});

describe.skipIf(!haveVectors)('Trustee’s quote', () => {
  const schema = z.looseObject({
    ak_public: z.string(),
    tpm_quote: z.looseObject({ message: z.string(), signature: z.string(), pcrs: z.array(z.string()) }),
  });

  it('is RSASSA over all 24 registers, with 64 bytes of qualifying data', () => {
    const { ak_public: key, tpm_quote: quote } = schema.parse(textOf('tpm/trustee/tpm_evidence.json'));
    const pcrs = { form: 'ordered', values: quote.pcrs.map(hex) } as const;
    const given = { quote: base64(quote.message), signature: base64(quote.signature), key: base64(key), pcrs };
    const inspection = inspect(given);
    expect(failures(inspection)).toEqual([]);
    expect(inspection.fields).toMatchObject({ signature: { scheme: 'rsassa', hash: 'sha256' }, bank: 'sha256' });
    expect(inspection.fields?.extraData).toHaveLength(128);
    expect(Object.keys(inspection.fields?.pcrs ?? {})).toHaveLength(24);
    const nonce = hex(inspection.fields?.extraData ?? '');
    expect(failures(inspect({ ...given, nonce }))).toEqual([]);
    expect(failures(inspect({ ...given, nonce: nonce.with(63, 1) }))).toEqual(['tpm-nonce: tpm-quote-nonce']);
  });
});

describe.skipIf(!haveVectors)('Google Cloud’s quotes', () => {
  const attestation = haveVectors ? fieldsOf(vector('tpm/go-tpm-tools/gce-cos-85-no-nonce.pb')) : [];
  const first = (field: number): Bytes => attestation.find((entry) => entry.field === field)?.bytes ?? new Uint8Array();
  /** TPMT_PUBLIC: the modulus is its last 256 bytes. */
  const key = (): Bytes => {
    const n = toBase64Url(first(1).subarray(-256));
    const jwk = { kty: 'RSA', n, e: 'AQAB' };
    return utf8(createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString());
  };
  const quotes = attestation
    .filter(({ field }) => field === 2)
    .map(({ bytes }) => {
      const parts = fieldsOf(bytes);
      const part = (field: number): Bytes => parts.find((entry) => entry.field === field)?.bytes ?? new Uint8Array();
      const values = fieldsOf(part(3))
        .filter(({ field }) => field === 2)
        .map(({ bytes: pair }) => {
          const entries = fieldsOf(pair);
          const index = entries.find(({ field }) => field === 1)?.value ?? 0;
          return [index, entries.find(({ field }) => field === 2)?.bytes ?? new Uint8Array()] as const;
        });
      return { quote: part(1), signature: part(2), values: new Map(values) };
    });

  it('are three, of one key, each of one bank', () => {
    expect(quotes).toHaveLength(3);
    expect(quotes.map(({ values }) => values.size)).toEqual([24, 24, 24]);
  });

  it.each([
    [1, 'sha256'],
    [2, 'sha384'],
  ] as const)('number %i is of bank %s, and verifies', (position, bank) => {
    const { quote, signature, values } = quotes[position] ?? {
      quote: new Uint8Array(),
      signature: new Uint8Array(),
      values: new Map(),
    };
    const inspection = inspect({ quote, signature, key: key(), pcrs: { form: 'indexed', bank, values } });
    expect(failures(inspection)).toEqual([]);
    expect(inspection.fields?.bank).toBe(bank);
  });

  it('of the SHA-1 bank verify as well, and prove nothing', () => {
    const { quote, signature, values } = quotes[0] ?? {
      quote: new Uint8Array(),
      signature: new Uint8Array(),
      values: new Map(),
    };
    const inspection = inspect({
      quote,
      signature,
      key: key(),
      pcrs: { form: 'ordered', values: [...values.values()] },
    });
    expect(statusOf(inspection, 'tpm-signature')).toBe('ok');
    expect(failures(inspection)).toEqual(['pcr-bank: tpm-pcr-bank']);
  });

  it('are explained by their event log, in both banks', () => {
    for (const [position, bank] of [
      [1, 'sha256'],
      [2, 'sha384'],
    ] as const) {
      const { quote, signature, values } = quotes[position] ?? {
        quote: new Uint8Array(),
        signature: new Uint8Array(),
        values: new Map(),
      };
      const given = { quote, signature, key: key(), pcrs: { form: 'indexed', bank, values } } as const;
      const inspection = inspect({ ...given, eventLog: first(3) });
      expect(failures(inspection)).toEqual([]);
      expect(inspection.fields?.eventLog?.registers).toContain(7);
      const foreign = inspect({ ...given, eventLog: vector('tpm/go-tpm-tools/cos-101-amd-sev.bin') });
      expect(failures(foreign)).toEqual(['pcr-event-log: tpm-event-log-mismatch']);
    }
  });

  it('come with a certificate that has no subject; of whose authority nothing was kept', () => {
    const { quote, signature } = quotes[1] ?? { quote: first(1), signature: first(1) };
    const given = { quote, signature, key: first(6), at: new Date('2021-10-01T00:00:00Z') };
    expect(failures(inspect(given))).toEqual(['ak-chain: tpm-ak-chain-incomplete']);
  });
});

describe.skipIf(!haveVectors)('Google Cloud’s authority', () => {
  it('is pinned by its root’s fingerprint', () => {
    const [root] = parseCertificates([vector('tpm/go-tpm-tools/gcp_ek_ak_ca_root.crt')]);
    expect(root?.fingerprint).toBe(tpmRoots[0]?.sha256);
  });
});

describe.skipIf(!haveVectors)('Azure’s vTPM quotes', () => {
  it('verify by the key that kinvolk’s sample gives', () => {
    const file = vector('azure/kinvolk/quote.bin');
    const signature = file.slice(8, 264);
    const quote = file.slice(272, 272 + 122);
    const values = Array.from({ length: 24 }, (_, index) => file.slice(402 + 32 * index, 434 + 32 * index));
    const given = { quote, signature, key: vector('azure/kinvolk/akpub.pem'), nonce: utf8('challenge') };
    expect(failures(inspect({ ...given, pcrs: { form: 'ordered', values } }))).toEqual([]);
  });
});
