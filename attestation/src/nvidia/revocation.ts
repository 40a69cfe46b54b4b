// NVIDIA revokes by OCSP alone: its device certificates never expire. Every certificate of a chain but the root needs an answer of its issuer.
import { WardroundError } from '@wardround/protocol/errors';
import { NotEvaluated } from '../steps.ts';
import type { OcspQuestion, OcspResponse, OcspState } from '../x509/ocsp.ts';
import { isAnswered, requireGood } from '../x509/ocsp.ts';
import { ecdsaP384Sha384 } from '../x509/signature-scheme.ts';
import type { NvidiaChain } from './chain.ts';

/** What was proved of a chain, leaf first; `undefined` where nobody answered. The root is not among them. */
export interface ChainRevocation {
  readonly states: readonly (OcspState | undefined)[];
}

export interface RevocationInput {
  readonly responses: readonly OcspResponse[];
  readonly at: Date;
}

/**
 * Judges every answer about the chain's certificates. A device makes its own leaf when it starts, so NVIDIA's service may know nothing of
 * it (NVIDIA's verifiers do not ask): `leafMayLack`; whether that is accepted, a policy says. Any other certificate without an
 * answer leaves the step not evaluated.
 * @throws WardroundError as `requireGood`
 */
export function requireChainNotRevoked(
  chain: NvidiaChain,
  { responses, at }: RevocationInput,
  leafMayLack: boolean,
): ChainRevocation {
  if (responses.length === 0) throw new NotEvaluated('no OCSP answer given');
  const questions = questionsOf(chain, at);
  const states = questions.map((question) => requireGood(question, responses));
  const lacking = questions.filter((_, index) => states[index] === undefined && !(leafMayLack && index === 0));
  if (lacking.length > 0) {
    throw new NotEvaluated(`no OCSP answer for ${lacking.map(({ certificate }) => certificate.commonName).join(', ')}`);
  }
  return { states };
}

/** An answer about none of these chains was given for something else. @throws WardroundError `ocsp-foreign` */
export function requireAnyAbout(chains: readonly NvidiaChain[], { responses, at }: RevocationInput): void {
  if (responses.length === 0) throw new NotEvaluated('no OCSP answer given');
  const questions = chains.flatMap((chain) => questionsOf(chain, at));
  if (questions.some((question) => isAnswered(question, responses))) return;
  throw new WardroundError('ocsp-foreign', 'no OCSP answer is about a certificate of this evidence');
}

function questionsOf({ certificates }: NvidiaChain, at: Date): readonly OcspQuestion[] {
  return certificates.slice(0, -1).map((certificate, index) => ({
    certificate,
    issuer: certificates[index + 1] ?? certificate,
    scheme: ecdsaP384Sha384,
    at,
  }));
}
