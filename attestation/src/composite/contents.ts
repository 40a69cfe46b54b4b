// What is in a bundle, sorted: one machine, its devices, and what others say of them. What nobody would look at is refused, never ignored.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { fromBase64Url, fromHex, utf8 } from '@wardround/protocol/bytes';
import type { Evidence, EvidenceItem } from '../evidence.ts';
import type { MirroredEndorsement, OwnEndorsement } from '../own-endorsement.ts';
import { isNvidiaItem } from '../nvidia/binding.ts';
import type { NvidiaItem } from '../nvidia/binding.ts';
import type { RimInput } from '../nvidia/rim/verify.ts';
import type { TdxCollateral } from '../tdx/collateral.ts';
import type { GivenPcrs } from '../tpm/pcrs.ts';

type ItemOf<Type extends EvidenceItem['type']> = Extract<EvidenceItem, { readonly type: Type }>;

/** What a bundle's texts decode to; whatever does not decode is refused before anything is judged. */
export interface ShownTd {
  readonly quote: Bytes;
  readonly eventLog: Bytes | undefined;
}

export interface ShownQuote {
  /** The paravisor's report; null where the attestation key has certificates. */
  readonly hclReport: Bytes | null;
  /** Leaf first. */
  readonly certificates: readonly Bytes[];
  readonly quote: Bytes;
  readonly signature: Bytes;
  readonly pcrs: GivenPcrs;
  readonly eventLog: Bytes | undefined;
}

export interface ShownDevice {
  readonly kind: 'gpu' | 'switch';
  readonly report: Bytes;
  readonly certificates: readonly Bytes[];
}

/** Which sort of machine a bundle shows; the names are those of a plan's `attestation.platforms`. */
export type Shown =
  | { readonly platform: 'sevSnp'; readonly report: Bytes; readonly quote: ShownQuote | null }
  | { readonly platform: 'tdx'; readonly td: ShownTd; readonly quote: ShownQuote | null }
  | { readonly platform: 'azureSnpVtpm'; readonly hclReport: Bytes; readonly quote: ShownQuote }
  | {
      readonly platform: 'azureTdxVtpm';
      readonly td: ShownTd;
      readonly hclReport: Bytes;
      readonly quote: ShownQuote;
    };

export type PlatformName = Shown['platform'];

/** Bundle and mirror together: an endorsement needs no trust, so more of them can only help a verifier to refuse. */
export interface Endorsements {
  readonly certificates: readonly Bytes[];
  readonly crls: readonly Bytes[];
  readonly tdx: readonly TdxCollateral[];
  readonly rims: readonly RimInput[];
  readonly ocsp: readonly Bytes[];
}

export interface Contents {
  readonly shown: Shown;
  /** In the order of the bundle, which is the order in which their hash was bound. */
  readonly devices: readonly ShownDevice[];
  /** How often the absence of a GPU is said. */
  readonly absences: number;
  readonly gpuEvidence: string;
}

/** @throws WardroundError `evidence-cpu-count`, `evidence-carrier`, `evidence-unjudged`, `evidence-pcr-twice`, `encoding-base64url`, `encoding-hex` */
export function readContents({ binding, evidence }: Evidence): Contents {
  const devices = evidence.filter(isNvidiaItem).map(decodeDevice);
  const absences = evidence.filter(({ type }) => type === 'none').length;
  return { shown: machineOf(evidence, binding.carriedBy), devices, absences, gpuEvidence: binding.gpuEvidence };
}

/**
 * Which GPUs there are is said, and bound: leaving one out must not look like having none.
 * @throws WardroundError `evidence-gpu-undeclared`
 */
export function requireDeclared({ devices, absences, gpuEvidence }: Contents): void {
  const some = devices.length > 0;
  if (absences === (some ? 0 : 1) && (gpuEvidence !== 'none') === some) return;
  throw new WardroundError('evidence-gpu-undeclared', 'the evidence does not say, and bind, which GPUs there are', {
    expected: 'devices and their digest, or one item of type none and gpuEvidence none',
    got: `${devices.length} devices, ${absences} of type none, gpuEvidence ${gpuEvidence}`,
  });
}

/**
 * What carries the binding says which machine it is: the processor's own report, or the quote of a paravisor's TPM, whose attestation key
 * the processor's report names. A quote beside a processor that carries the binding itself is a second path to the same machine.
 */
function machineOf(evidence: Evidence['evidence'], carriedBy: Evidence['binding']['carriedBy']): Shown {
  const report = atMostOne(evidence, 'sevSnp');
  const tdx = atMostOne(evidence, 'tdx');
  const item = atMostOne(evidence, 'tpmQuote');
  const quote = item === null ? null : decodeQuote(item);
  requireJudged({ quote, tdx, carriedBy });
  if (carriedBy === 'cpu') {
    if (report !== null && tdx === null) return { platform: 'sevSnp', report: fromBase64Url(report.report), quote };
    if (tdx !== null && report === null) return { platform: 'tdx', td: decodeTd(tdx), quote };
    throw processorCount([report, tdx]);
  }
  const hclReport = quote?.hclReport ?? null;
  if (quote === null || hclReport === null) {
    throw new WardroundError('evidence-carrier', 'the binding is said to be carried by what is not there', {
      expected: 'a TPM quote with the paravisor’s report',
      got: quote === null ? 'no quote' : 'a quote without one',
    });
  }
  if (report !== null) throw processorCount([report, item]);
  return tdx === null
    ? { platform: 'azureSnpVtpm', hclReport, quote }
    : { platform: 'azureTdxVtpm', td: decodeTd(tdx), hclReport, quote };
}

/** @throws WardroundError `evidence-unjudged` */
function requireJudged({
  quote,
  tdx,
  carriedBy,
}: {
  readonly quote: ShownQuote | null;
  readonly tdx: ItemOf<'tdx'> | null;
  readonly carriedBy: Evidence['binding']['carriedBy'];
}): void {
  const byTpm = carriedBy === 'tpm';
  const stray = [
    [
      !byTpm && (quote?.hclReport ?? null) !== null,
      'a paravisor’s report beside a processor that carries the binding itself',
    ],
    [byTpm && (quote?.certificates.length ?? 0) > 0, 'certificates of a key that the paravisor’s report names'],
    [byTpm && tdx !== null && tdx.eventLog !== 'none', 'an event log of the paravisor’s TD'],
  ] as const;
  const found = stray.find(([is]) => is);
  if (found === undefined) return;
  throw new WardroundError('evidence-unjudged', 'the bundle shows what nothing here would look at', { got: found[1] });
}

function decodeTd({ quote, eventLog }: ItemOf<'tdx'>): ShownTd {
  return { quote: fromBase64Url(quote), eventLog: optional(eventLog) };
}

function decodeQuote(item: ItemOf<'tpmQuote'>): ShownQuote {
  const { bank, pcrs } = item;
  const bytes = bank === 'sha256' ? 32 : 48;
  const values = new Map(pcrs.map(({ index, value }) => [index, fromHex(value, bytes)]));
  if (values.size !== pcrs.length) {
    throw new WardroundError('evidence-pcr-twice', 'a register of the TPM is given twice', {
      got: pcrs.map(({ index }) => index).join(', '),
    });
  }
  return {
    hclReport: optional(item.hclReport) ?? null,
    certificates: item.certificates.map((der) => fromBase64Url(der)),
    quote: fromBase64Url(item.quote),
    signature: fromBase64Url(item.signature),
    pcrs: { form: 'indexed', bank, values },
    eventLog: optional(item.eventLog),
  };
}

function decodeDevice({ type, report, certificates }: NvidiaItem): ShownDevice {
  return {
    kind: type === 'nvSwitch' ? 'switch' : 'gpu',
    report: fromBase64Url(report),
    certificates: certificates.map((der) => fromBase64Url(der)),
  };
}

function optional(text: string): Bytes | undefined {
  return text === 'none' ? undefined : fromBase64Url(text);
}

function atMostOne<Type extends EvidenceItem['type']>(evidence: Evidence['evidence'], type: Type): ItemOf<Type> | null {
  const isOne = (item: EvidenceItem): item is ItemOf<Type> => item.type === type;
  const [first, ...more] = evidence.filter(isOne);
  if (more.length > 0) {
    throw new WardroundError('evidence-cpu-count', 'not exactly one machine', {
      got: `${more.length + 1} items of type ${type}`,
    });
  }
  return first ?? null;
}

function processorCount(reports: readonly (EvidenceItem | null)[]): WardroundError {
  return new WardroundError('evidence-cpu-count', 'not exactly one machine', {
    got: `${reports.filter((report) => report !== null).length} reports of a processor`,
  });
}

/** Sorts what others say; a mirror's items come first, so that of two equal ones the site's own is taken. */
export function readEndorsements(
  endorsements: Evidence['endorsements'],
  mirror: readonly MirroredEndorsement[],
): Endorsements {
  const own = mirror.map(({ endorsement }) => endorsement);
  const all = [...own, ...endorsements];
  const mirroredRims = mirror.flatMap(({ endorsement, mirroredAt }) =>
    endorsement.type === 'rim' ? [{ ...rimOf(endorsement), mirroredAt }] : [],
  );
  return {
    certificates: all.flatMap((item) => (item.type === 'certificate' ? [fromBase64Url(item.der)] : [])),
    crls: all.flatMap((item) => (item.type === 'crl' ? [fromBase64Url(item.der)] : [])),
    tdx: all.flatMap((item) => (item.type === 'tdxCollateral' ? [tdxCollateralOf(item)] : [])),
    rims: [...mirroredRims, ...endorsements.flatMap((item) => (item.type === 'rim' ? [rimOf(item)] : []))],
    ocsp: all.flatMap((item) => (item.type === 'ocsp' ? [fromBase64Url(item.response)] : [])),
  };
}

type EndorsementOf<Type extends OwnEndorsement['type']> = Extract<OwnEndorsement, { readonly type: Type }>;

function rimOf({ id, xml }: EndorsementOf<'rim'>): RimInput {
  return { id, xml: utf8(xml) };
}

function tdxCollateralOf(item: EndorsementOf<'tdxCollateral'>): TdxCollateral {
  const chain = (certificates: readonly string[]): readonly Bytes[] => certificates.map((der) => fromBase64Url(der));
  return {
    tcbInfo: utf8(item.tcbInfo),
    tcbInfoIssuerChain: chain(item.tcbInfoIssuerChain),
    qeIdentity: utf8(item.qeIdentity),
    qeIdentityIssuerChain: chain(item.qeIdentityIssuerChain),
    pckCrl: fromBase64Url(item.pckCrl),
    pckCrlIssuerChain: chain(item.pckCrlIssuerChain),
    rootCrl: fromBase64Url(item.rootCrl),
  };
}
