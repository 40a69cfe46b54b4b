// Is this reference manifest NVIDIA's, unchanged? Its signature, its signer's chain, its dates: for evidence, and for whoever keeps a mirror.
import { WardroundError } from '@wardround/protocol/errors';
import type { Certificate } from '../../x509/certificate.ts';
import { parseCertificate } from '../../x509/certificate.ts';
import { readXml } from '../../xml/reader.ts';
import type { XmlSignature } from '../../xml/signature.ts';
import { readXmlSignature, verifyXmlSignature } from '../../xml/signature.ts';
import type { NvidiaChain } from '../chain.ts';
import { requireValidAt, verifySignerChain } from '../chain.ts';
import type { NvidiaRoot } from '../roots.ts';
import type { RimManifest } from './manifest.ts';
import { readManifest, rimLimits } from './manifest.ts';

export interface RimInput {
  readonly xml: Uint8Array;
  /** The name under which it was fetched, where one is known. Nothing signs it: it only has to be the one that belongs there. */
  readonly id?: string;
  /** When a mirror that the site trusts fetched it. */
  readonly mirroredAt?: Date;
}

/** Read, of the right shape, and believed in nothing yet. */
export interface OpenedRim {
  readonly input: RimInput;
  readonly signature: XmlSignature;
  readonly certificates: readonly Certificate[];
  /** What the text says before its signature is checked: good for nothing but choosing which check it is for. */
  readonly unverified: RimManifest;
}

/** One reading of one input, for every device that it may be about; the input is never changed. */
const read = new WeakMap<RimInput, OpenedRim>();

/** @throws WardroundError `xml-*`, `certificate-malformed`, `der-malformed`, `rim-malformed` */
export function openRim(input: RimInput): OpenedRim {
  const known = read.get(input);
  if (known !== undefined) return known;
  const rim = readRim(input);
  read.set(input, rim);
  return rim;
}

function readRim(input: RimInput): OpenedRim {
  const document = readXml(input.xml, rimLimits);
  const signature = readXmlSignature(document);
  const certificates = signature.certificates.map(parseCertificate);
  return { input, signature, certificates, unverified: readManifest(document.root) };
}

/** What was verified once is not verified again: a manifest is first chosen and then appraised, by each device of a bundle. Failures are not kept. */
const verified = new WeakMap<OpenedRim, RimManifest>();

/** The manifest that the first certificate's key signed. @throws WardroundError `xml-signature`, `rim-malformed` */
export function verifyRimSignature(rim: OpenedRim): RimManifest {
  const known = verified.get(rim);
  if (known !== undefined) return known;
  const manifest = openSigned(rim);
  verified.set(rim, manifest);
  return manifest;
}

function openSigned({ signature, certificates }: OpenedRim): RimManifest {
  const [signer] = certificates;
  if (signer === undefined) throw new WardroundError('rim-malformed', 'a manifest without its signer’s certificate');
  return readManifest(verifyXmlSignature(signature, signer.publicKey, rimLimits));
}

/** @throws WardroundError `nvidia-chain`, `nvidia-root-untrusted` */
export function verifyRimChain({ certificates }: OpenedRim, roots: readonly NvidiaRoot[]): NvidiaChain {
  return verifySignerChain(certificates, roots);
}

/**
 * When a manifest's signer must have been valid. NVIDIA's signers live about two years and are replaced without the manifests being
 * signed anew at once, so a site may say: valid when my mirror fetched it.
 */
export const rimValidities = ['now', 'whenMirrored'] as const;
export type RimValidity = (typeof rimValidities)[number];

/** The instant at which this manifest is judged. @throws WardroundError `rim-mirror-time` */
export function judgedAt({ mirroredAt }: RimInput, validity: RimValidity, at: Date): Date {
  if (validity === 'now') return at;
  if (mirroredAt !== undefined && mirroredAt <= at) return mirroredAt;
  throw new WardroundError('rim-mirror-time', 'when this manifest was mirrored is not known, or lies in the future', {
    expected: `an instant up to ${at.toISOString()}`,
    got: mirroredAt?.toISOString() ?? 'nothing',
  });
}

/**
 * All of it at once, for a mirror: what enters is NVIDIA's, and its signer is valid at `at`.
 * @throws WardroundError as the parts
 */
export function verifyRim(
  input: RimInput,
  { roots, at }: { readonly roots: readonly NvidiaRoot[]; readonly at: Date },
): { readonly manifest: RimManifest; readonly chain: NvidiaChain } {
  const rim = openRim(input);
  const chain = verifyRimChain(rim, roots);
  requireValidAt(chain, at);
  return { manifest: verifyRimSignature(rim), chain };
}
