// Every kind of document, with its schema and the topic it is published under. What is not here does not exist in the protocol.
import type * as z from 'zod';
import {
  approvalSchema,
  modelReleaseSchema,
  refusalSchema,
  releaseConsentSchema,
  standingRuleSchema,
  withdrawalSchema,
} from './consent.ts';
import {
  enclaveReleaseSchema,
  genesisSchema,
  keyBundleSchema,
  membershipSchema,
  releaseRevocationSchema,
} from './federation.ts';
import {
  connectionProofSchema,
  contributionRefusalSchema,
  contributionSchema,
  cosignatureSchema,
  maskKeysSchema,
  roundOrderSchema,
  roundReceiptSchema,
  roundResultSchema,
  sealedModelSchema,
  siteStatusSchema,
  studyStopSchema,
  survivorSetSchema,
} from './round.ts';
import {
  evidenceOfferSchema,
  evidenceRequestSchema,
  resumeStatementSchema,
  sessionChallengeSchema,
  sessionOpenSchema,
} from './session.ts';
import { studyPlanSchema } from './study-plan.ts';

/** `federation` records are for everybody; `study` records live under their study; `connection` ones are never stored. */
export const documentKinds = {
  KeyBundle: { schema: keyBundleSchema, topic: 'federation' },
  Genesis: { schema: genesisSchema, topic: 'federation' },
  Membership: { schema: membershipSchema, topic: 'federation' },
  EnclaveRelease: { schema: enclaveReleaseSchema, topic: 'federation' },
  ReleaseRevocation: { schema: releaseRevocationSchema, topic: 'federation' },
  StandingRule: { schema: standingRuleSchema, topic: 'federation' },
  StudyPlan: { schema: studyPlanSchema, topic: 'federation' },
  Approval: { schema: approvalSchema, topic: 'study' },
  Refusal: { schema: refusalSchema, topic: 'study' },
  Withdrawal: { schema: withdrawalSchema, topic: 'study' },
  SessionChallenge: { schema: sessionChallengeSchema, topic: 'study' },
  ResumeStatement: { schema: resumeStatementSchema, topic: 'study' },
  SessionOpen: { schema: sessionOpenSchema, topic: 'study' },
  EvidenceRequest: { schema: evidenceRequestSchema, topic: 'study' },
  EvidenceOffer: { schema: evidenceOfferSchema, topic: 'study' },
  RoundOrder: { schema: roundOrderSchema, topic: 'study' },
  Contribution: { schema: contributionSchema, topic: 'study' },
  ContributionRefusal: { schema: contributionRefusalSchema, topic: 'study' },
  MaskKeys: { schema: maskKeysSchema, topic: 'study' },
  SurvivorSet: { schema: survivorSetSchema, topic: 'study' },
  RoundReceipt: { schema: roundReceiptSchema, topic: 'study' },
  Cosignature: { schema: cosignatureSchema, topic: 'study' },
  SealedModel: { schema: sealedModelSchema, topic: 'study' },
  RoundResult: { schema: roundResultSchema, topic: 'study' },
  SiteStatus: { schema: siteStatusSchema, topic: 'study' },
  StudyStop: { schema: studyStopSchema, topic: 'study' },
  ReleaseConsent: { schema: releaseConsentSchema, topic: 'study' },
  ModelRelease: { schema: modelReleaseSchema, topic: 'study' },
  ConnectionProof: { schema: connectionProofSchema, topic: 'connection' },
} as const;

export type DocumentKind = keyof typeof documentKinds;
export type DocumentOf<K extends DocumentKind> = z.infer<(typeof documentKinds)[K]['schema']>;

export function isDocumentKind(kind: string): kind is DocumentKind {
  return Object.hasOwn(documentKinds, kind);
}
