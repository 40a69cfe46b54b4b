// How large a document of each kind may be, before one byte of its payload is read: what its schema allows in a federation of a thousand
// sites, and no more. A hostile document costs its reader what its kind is worth, not what the largest kind is.
import { documentLimits, type JsonLimits } from '../canonical-json.ts';
import type { DocumentKind } from './registry.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A few names, digests, keys and one text for people. */
const small = { maxBytes: 16 * KiB, maxValues: 128 };
/** One entry for each of a thousand sites: a name, a digest or two. */
const perSite = { maxBytes: 256 * KiB, maxValues: 8 * KiB };

const limits = {
  KeyBundle: small,
  // 1000 sites of 17 values and 1000 researchers with HPKE keys: 2.7 MB where display names have 60 letters.
  Genesis: { maxBytes: 4 * MiB, maxValues: 32 * KiB },
  // A hundred changes.
  Membership: { maxBytes: MiB, maxValues: 4 * KiB },
  // 64 measurements; one of a vTPM has 24 registers.
  EnclaveRelease: { maxBytes: 256 * KiB, maxValues: 8 * KiB },
  ReleaseRevocation: small,
  StandingRule: small,
  // 10,000 features, or as many codes in fewer.
  StudyPlan: { maxBytes: 4 * MiB, maxValues: 128 * KiB },
  Approval: perSite,
  Refusal: small,
  Withdrawal: small,
  SessionChallenge: small,
  ResumeStatement: small,
  // Two lists of the sites.
  SessionOpen: { maxBytes: 512 * KiB, maxValues: 8 * KiB },
  EvidenceRequest: small,
  // 1,500,000 characters of evidence as one text, its quotation marks escaped.
  EvidenceOffer: { maxBytes: 2 * MiB, maxValues: 128 },
  RoundOrder: perSite,
  // Some 3000 tensors; the largest declared model has fewer than 50.
  Contribution: { maxBytes: 512 * KiB, maxValues: 48 * KiB },
  ContributionRefusal: small,
  MaskKeys: small,
  SurvivorSet: perSite,
  // Contributors, absentees and evidence digests.
  RoundReceipt: { maxBytes: MiB, maxValues: 16 * KiB },
  Cosignature: small,
  // Histograms of some thousand columns; `resultLimits` leaves room for the names.
  RoundResult: { maxBytes: 4 * MiB, maxValues: 128 * KiB },
  // An encapsulation of 1494 characters and a wrapped key for each site.
  SealedModel: { maxBytes: 2 * MiB, maxValues: 8 * KiB },
  SiteStatus: small,
  StudyStop: small,
  ReleaseConsent: small,
  ModelRelease: perSite,
  ConnectionProof: small,
} as const satisfies Record<DocumentKind, Required<Omit<JsonLimits, 'maxDepth'>>>;

/** Of what a round releases, so that its document keeps the limits of its kind. */
export const resultLimits: JsonLimits = {
  maxBytes: limits.RoundResult.maxBytes - small.maxBytes,
  maxDepth: documentLimits.maxDepth - 1,
};

export function limitsOf(kind: DocumentKind): Required<JsonLimits> {
  return { ...limits[kind], maxDepth: documentLimits.maxDepth };
}
