// The machine of a bundle, whatever its sort: what it is bound to, what code it measured, which machine it is, and how a policy judges it.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import type { Policy } from '../policy/policy.ts';
import type { Outcome, StepLog } from '../steps.ts';
import type { SnpFields } from '../snp/inspect.ts';
import type { TdxFields } from '../tdx/inspect.ts';
import type { TpmFields } from '../tpm/inspect.ts';
import type { Endorsements, PlatformName, Shown } from './contents.ts';
import type { Trust } from './vendors.ts';

/** What the hardware measured, in the form in which an `EnclaveRelease` lists it. */
export type MeasuredCode =
  | { readonly platform: 'sevSnp'; readonly measurement: string }
  | { readonly platform: 'tdx'; readonly mrtd: string; readonly rtmrs: readonly string[] }
  | {
      readonly platform: 'vtpm';
      readonly bank: 'sha256' | 'sha384';
      readonly pcrs: readonly { readonly index: number; readonly value: string }[];
    };

/** Everything that the evidence says, for people; what was not there is null. */
export interface ProcessorFields {
  readonly report: SnpFields | TdxFields | null;
  readonly tpm: TpmFields | null;
}

export const noFields: ProcessorFields = { report: null, tpm: null };

export interface Processor {
  readonly platform: PlatformName;
  readonly authentic: boolean;
  readonly trust: Outcome<Trust>;
  /** What hardware vouches for in the name of the code, and what it should be: REPORT_DATA, or a quote's qualifying data. */
  readonly bound: Outcome<Bytes>;
  readonly expected: Bytes;
  readonly code: Outcome<MeasuredCode>;
  /** The identifiers by which a list of machines may name this one, hex, the usual one first. */
  readonly machine: Outcome<readonly [string, ...string[]]>;
  /** For people: product and such. */
  readonly hardware: string;
  readonly fields: ProcessorFields;
  /** Every step that must be `ok` before a policy may accept. */
  readonly steps: { readonly authenticity: readonly string[]; readonly validation: readonly string[] };
  /** VALIDATE: makes the policy's steps. */
  readonly validate: (log: StepLog) => void;
}

export interface ProcessorContext {
  readonly policy: Policy;
  readonly endorsements: Endorsements;
  /** REPORT_DATA as this site expects it. */
  readonly expected: Bytes;
  readonly at: Date;
}

/** The rules for this platform. @throws WardroundError `evidence-platform-refused` */
export function rulesFor<Name extends PlatformName>(
  { platforms }: Policy,
  name: Name,
): Exclude<Policy['platforms'][Name], 'refused'> {
  const rules: Policy['platforms'][Name] = platforms[name];
  if (isAccepted(rules)) return rules;
  throw new WardroundError('evidence-platform-refused', `the policy refuses machines of sort ${name}`, {
    action: 'stop',
  });
}

function isAccepted<Rules>(rules: Rules): rules is Exclude<Rules, 'refused'> {
  return rules !== 'refused';
}

export type ShownAs<Name extends PlatformName> = Extract<Shown, { readonly platform: Name }>;

/** An outcome of an outcome: holds where `from` does. */
export function derived<From, To>(from: Outcome<From>, map: (value: From) => To): Outcome<To> {
  return from.held ? { name: from.name, held: true, value: map(from.value) } : from;
}
