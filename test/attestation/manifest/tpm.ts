// The manifest's TPM quotes, Azure evidence and event logs.
import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import { copyBytes, toBase64Url, toHex, utf8 } from '@wardround/protocol/bytes';
import type { Bytes } from '@wardround/protocol/bytes';
import type { AzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { parseAzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { inspectAzureSnp } from '@wardround/attestation/azure/inspect';
import { inspectAzureTdx } from '@wardround/attestation/azure/inspect-tdx';
import type { EventLogKind } from '@wardround/attestation/event-log/event-log';
import { parseEventLog } from '@wardround/attestation/event-log/event-log';
import { replayEventLog } from '@wardround/attestation/event-log/replay';
import { amdRoots } from '@wardround/attestation/roots';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import type { TpmInspectionInput } from '@wardround/attestation/tpm/inspect';
import { inspectTpm } from '@wardround/attestation/tpm/inspect';
import { tpmRoots } from '@wardround/attestation/tpm/roots';
import { fieldsOf, firstField } from '../protobuf.ts';
import { vector } from '../vectors.ts';
import type { Judged, Row } from './row.ts';
import { judgedCall, judgedSteps, notAuthentic, textOf } from './row.ts';

const hex = (text: string): Bytes => copyBytes(Buffer.from(text, 'hex'));
const base64 = (text: string): Bytes => copyBytes(Buffer.from(text, 'base64'));

type Quoted = Pick<TpmInspectionInput, 'quote' | 'signature' | 'key'> & Partial<TpmInspectionInput>;

function inspectQuote(given: Quoted): Judged {
  const nothing = { certificates: [], crls: [], pcrs: undefined, nonce: undefined, eventLog: undefined };
  const at = new Date('2026-01-01T00:00:00Z');
  const inspection = inspectTpm({ ...nothing, at, trustedRoots: tpmRoots, ...given });
  const { fields } = inspection;
  const registers = fields?.pcrs == null ? null : Object.keys(fields.pcrs).length;
  return { ...judgedSteps(inspection), fields: { ...fields, registers } };
}

const kind = 'TPM quote';

function softwareRows(): readonly Row[] {
  const quotes = [
    ['q_rsa', 'ak_rsa', false],
    ['q_ecc', 'ak_ecc', false],
    ['q2_rsa', 'ak_rsa', true],
    ['q2_ecc', 'ak_ecc', true],
  ] as const;
  return quotes.flatMap(([name, ak, hasPcrs]) => {
    const path = (file: string): string => `tpm/swtpm/${file}`;
    const beside = [path(`${name}.sig`), ...(hasPcrs ? [path(`${name}.pcrs`)] : [])];
    const judge =
      (key: string): Row['judge'] =>
      () =>
        inspectQuote({
          quote: vector(path(`${name}.msg`)),
          signature: vector(path(`${name}.sig`)),
          key: vector(path(`${key}.pem`)),
          pcrs: hasPcrs ? { form: 'ordered', values: [vector(path(`${name}.pcrs`))] } : undefined,
        });
    const other = ak === 'ak_rsa' ? 'ak_ecc' : 'ak_rsa';
    const common = { kind, file: path(`${name}.msg`), beside: [...beside, path(`${ak}.pem`)] } as const;
    return [
      { ...common, what: 'by its own key', failures: [], fields: { registers: hasPcrs ? 1 : null }, judge: judge(ak) },
      { ...common, what: 'by another key', failures: ['tpm-signature: tpm-signature-scheme'], judge: judge(other) },
    ];
  });
}

function trusteeRow(): Row {
  const file = 'tpm/trustee/tpm_evidence.json';
  const schema = z.looseObject({
    ak_public: z.string(),
    tpm_quote: z.looseObject({ message: z.string(), signature: z.string(), pcrs: z.array(z.string()) }),
  });
  return {
    kind,
    file,
    what: 'RSASSA, with 24 registers',
    failures: [],
    fields: { registers: 24, bank: 'sha256', signature: { scheme: 'rsassa', hash: 'sha256' } },
    judge: () => {
      const { ak_public: key, tpm_quote: quote } = schema.parse(JSON.parse(textOf(file)));
      const pcrs = { form: 'ordered', values: quote.pcrs.map(hex) } as const;
      return inspectQuote({ quote: base64(quote.message), signature: base64(quote.signature), key: base64(key), pcrs });
    },
  };
}

const gce = 'tpm/go-tpm-tools/gce-cos-85-no-nonce.pb';

/** Of the three quotes in Google's message, the one at `position`. */
function googleQuote(position: number): Quoted & { readonly eventLog: Bytes } {
  const message = fieldsOf(vector(gce));
  const quotes = message.filter(({ field }) => field === 2);
  const parts = fieldsOf(quotes[position]?.bytes ?? new Uint8Array());
  const values = fieldsOf(firstField(parts, 3))
    .filter(({ field }) => field === 2)
    .map(({ bytes }) => {
      const entries = fieldsOf(bytes);
      return [entries.find(({ field }) => field === 1)?.value ?? 0, firstField(entries, 2)] as const;
    });
  // TPMT_PUBLIC: the modulus is its last 256 bytes.
  const jwk = { kty: 'RSA', n: toBase64Url(firstField(message, 1).subarray(-256)), e: 'AQAB' };
  const key = utf8(createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString());
  const bank = position === 2 ? 'sha384' : 'sha256';
  const pcrs =
    position === 0
      ? ({ form: 'ordered', values: values.map(([, value]) => value) } as const)
      : ({ form: 'indexed', bank, values: new Map(values) } as const);
  return { quote: firstField(parts, 1), signature: firstField(parts, 2), key, pcrs, eventLog: firstField(message, 3) };
}

function googleRows(): readonly Row[] {
  const common = { kind, file: gce } as const;
  const foreign = 'tpm/go-tpm-tools/cos-101-amd-sev.bin';
  const fields = (bank: string): Readonly<Record<string, unknown>> => ({ registers: 24, bank });
  return [
    {
      ...common,
      what: 'the SHA-1 bank',
      failures: ['pcr-bank: tpm-pcr-bank'],
      judge: () => inspectQuote({ ...googleQuote(0), eventLog: undefined }),
    },
    {
      ...common,
      what: 'the SHA-256 bank',
      failures: [],
      fields: fields('sha256'),
      judge: () => inspectQuote(googleQuote(1)),
    },
    {
      ...common,
      what: 'the SHA-384 bank',
      failures: [],
      fields: fields('sha384'),
      judge: () => inspectQuote(googleQuote(2)),
    },
    {
      ...common,
      beside: [foreign],
      what: 'with the log of another machine',
      failures: ['pcr-event-log: tpm-event-log-mismatch'],
      judge: () => inspectQuote({ ...googleQuote(1), eventLog: vector(foreign) }),
    },
  ];
}

function logRows(): readonly Row[] {
  const logs = [
    ['tpm/go-tpm-tools/ubuntu-2404-amd-sevsnp.bin', 'pcr', 117, 'none'],
    ['tpm/go-tpm-tools/cos-101-amd-sev.bin', 'pcr', 49, 'none'],
    ['tdx/go-tdx-guest/ccel/ccel_data.dat', 'cc', 44, 'none'],
    ['tdx/trustee/CCEL_data', 'cc', 6, 'none'],
    ['tdx/trustee/CCEL_data_ovmf', 'cc', 21, 'none'],
    ['tpm/go-tpm-tools/debian-10.bin', 'pcr', 0, 'event-log-legacy'],
    // A canonical event log of containers, not firmware's: another format, which nothing here reads.
    ['tpm/go-tpm-tools/cel.b64', 'pcr', 0, 'event-log-malformed'],
  ] as const;
  const read = (file: string): Bytes => (file.endsWith('.b64') ? base64(textOf(file)) : vector(file));
  return logs.map(([file, form, events, code]): Row => {
    const failures = code === 'none' ? [] : [code];
    return {
      kind: 'event log',
      file,
      what: `as ${form}`,
      failures,
      fields: code === 'none' ? { events } : {},
      judge: async () => await judgedCall(() => replayed(read(file), form)),
    };
  });
}

function replayed(bytes: Uint8Array, form: EventLogKind): unknown {
  const log = parseEventLog(bytes, form);
  for (const bank of log.banks) replayEventLog(log, bank);
  return { events: log.events.length };
}

interface Azure {
  readonly platform: 'snp' | 'tdx';
  readonly evidence: AzureEvidence;
  readonly certificates?: readonly string[];
  readonly at?: string;
  readonly nonce?: Uint8Array;
}

function inspectAzure({ platform, evidence, certificates = [], at = '2025-06-01T00:00:00Z', nonce }: Azure): Judged {
  const common = { evidence, nonce, eventLog: undefined, at: new Date(at) };
  return judgedSteps(
    platform === 'snp'
      ? inspectAzureSnp({ ...common, certificates: certificates.map(vector), crls: [], trustedRoots: amdRoots })
      : inspectAzureTdx({ ...common, collateral: noCollateral, extraCrls: [], trustedRoots: intelRoots }),
  );
}

/** A quote as Rust's bincode writes it: signature, message and 24 registers, each behind its length. */
function bincodeQuote(path: string): NonNullable<AzureEvidence['quote']> {
  const file = vector(path);
  const pcrs = Array.from({ length: 24 }, (_, index) => file.slice(402 + 32 * index, 434 + 32 * index));
  return { signature: file.slice(8, 264), message: file.slice(272, 394), pcrs };
}

function jsonQuote(path: string): NonNullable<AzureEvidence['quote']> {
  const schema = z.object({ signature: z.string(), message: z.string(), pcrs: z.array(z.string()) });
  const { signature, message, pcrs } = schema.parse(JSON.parse(textOf(path)));
  return { signature: hex(signature), message: hex(message), pcrs: pcrs.map(hex) };
}

function azureRows(): readonly Row[] {
  const chain = ['snp/chains/ask_ark_milan.pem'];
  const challenge = utf8('challenge');
  const file = (path: string): AzureEvidence => parseAzureEvidence(vector(path));
  const snp = (name: string): string => `azure/az-snp-vtpm/${name}`;
  const tdx = (name: string): string => `azure/az-tdx-vtpm/${name}`;
  const kinvolk = (name: string): string => `azure/kinvolk/${name}`;
  const row = (path: string, what: string, rest: Omit<Row, 'kind' | 'file' | 'what'>): Row => {
    return { kind: 'Azure vTPM', file: path, what, ...rest };
  };
  const own = { platform: 'snp', certificates: [snp('vcek.pem')], at: '2024-01-01T00:00:00Z' } as const;
  const snpFields = {
    hcl: { version: 1, platform: 'snp' },
    snp: { version: 3, product: 'Milan' },
    tpm: { bank: 'sha256' },
  };
  const tdxFields = { hcl: { platform: 'tdx' }, tdx: { version: 4, debug: false }, tpm: { bank: 'sha256' } };
  const nonce2 = hex('982f5c6e');
  return [
    ...(['v0', 'v1', 'v2'] as const).flatMap((version) => {
      const path = snp(`evidence-${version}.json`);
      const judge =
        (nonce?: Uint8Array): Row['judge'] =>
        () =>
          inspectAzure({
            platform: 'snp',
            evidence: file(path),
            certificates: chain,
            ...(nonce === undefined ? {} : { nonce }),
          });
      const answers =
        version === 'v2' ? [] : [row(path, 'answers its nonce', { failures: [], judge: judge(challenge) })];
      return [
        row(path, 'from the chip to the registers', { failures: [], fields: snpFields, judge: judge() }),
        ...answers,
        row(path, 'another nonce', { failures: ['tpm-nonce: tpm-quote-nonce'], judge: judge(nonce2) }),
      ];
    }),
    ...(['v0', 'v1'] as const).map((version) => {
      const path = tdx(`evidence-${version}.json`);
      const judge = (): Judged => inspectAzure({ platform: 'tdx', evidence: file(path), nonce: challenge });
      return row(path, 'from the platform to the registers', { failures: [], fields: tdxFields, judge });
    }),
    row(snp('hcl-report.bin'), 'with its chip’s chain', {
      beside: [snp('vcek.pem')],
      failures: [],
      fields: { hcl: { platform: 'snp' }, snp: { version: 2 }, tpm: null },
      judge: () => inspectAzure({ ...own, evidence: file(snp('hcl-report.bin')) }),
    }),
    ...(['quote.bin', 'tpm-quote-v1.json'] as const).flatMap((name) => {
      const read = name === 'quote.bin' ? bincodeQuote : jsonQuote;
      const whole = (folder: typeof snp): AzureEvidence => ({
        ...file(folder('hcl-report.bin')),
        quote: read(folder(name)),
      });
      const td = (): AzureEvidence => ({ ...whole(tdx), tdQuote: vector(tdx('td-quote.bin')) });
      return [
        row(snp(name), 'by the key of its folder’s report', {
          beside: [snp('hcl-report.bin'), snp('vcek.pem')],
          failures: [],
          judge: () => inspectAzure({ ...own, evidence: whole(snp) }),
        }),
        row(tdx(name), 'by the key of its folder’s report', {
          beside: [tdx('hcl-report.bin'), tdx('td-quote.bin')],
          failures: [],
          judge: () => inspectAzure({ platform: 'tdx', evidence: td() }),
        }),
      ];
    }),
    row(snp('tpm-quote.msg'), 'by another machine’s key: its own is in no file', {
      beside: [snp('tpm-quote.sig'), snp('evidence-v0.json')],
      failures: ['tpm-signature: tpm-quote-signature', 'pcr-values: tpm-pcr-selection'],
      judge: () => {
        const evidence = file(snp('evidence-v0.json'));
        if (evidence.quote === undefined) throw new Error('no quote');
        const quote = {
          ...evidence.quote,
          message: vector(snp('tpm-quote.msg')),
          signature: vector(snp('tpm-quote.sig')),
        };
        return inspectAzure({ platform: 'snp', evidence: { ...evidence, quote }, certificates: chain });
      },
    }),
    row(kinvolk('hcl-report-snp.bin'), 'with another chip’s certificate', {
      beside: [kinvolk('certs.pem')],
      failures: ['chip-id: snp-chip-mismatch', 'signature: snp-signature'],
      judge: () =>
        inspectAzure({
          platform: 'snp',
          evidence: file(kinvolk('hcl-report-snp.bin')),
          certificates: [kinvolk('certs.pem')],
          at: '2024-06-01T00:00:00Z',
        }),
    }),
    row(kinvolk('hcl-report-tdx.bin'), 'its hash holds, and nobody vouches for it', {
      failures: [notAuthentic],
      fields: { hcl: { platform: 'tdx' } },
      judge: () => inspectAzure({ platform: 'tdx', evidence: file(kinvolk('hcl-report-tdx.bin')) }),
    }),
    row(kinvolk('quote.bin'), 'by akpub.pem', {
      beside: [kinvolk('akpub.pem')],
      failures: [],
      fields: { registers: 24, extraData: toHex(challenge) },
      judge: () => {
        const { message: quote, signature, pcrs } = bincodeQuote(kinvolk('quote.bin'));
        const values = { form: 'ordered', values: pcrs } as const;
        return inspectQuote({ quote, signature, key: vector(kinvolk('akpub.pem')), pcrs: values, nonce: challenge });
      },
    }),
  ];
}

export function tpmRows(): readonly Row[] {
  return [...softwareRows(), trusteeRow(), ...googleRows(), ...logRows(), ...azureRows()];
}
