// Intel's collateral as a verifier takes it: TCB info, QE identity, the PCK authority's list and the root's, together.
import type { Endorsement } from '../evidence.ts';
import type { IntelPart } from './verified-item.ts';

type Part<Name extends IntelPart['part']> = Extract<IntelPart, { part: Name }>;

/** One whole for each TCB info and each PCK authority whose list is there; nothing where a part is missing. */
export function assembleIntel(parts: readonly IntelPart[]): Endorsement[] {
  const qeIdentity = parts.find((part): part is Part<'qeIdentity'> => part.part === 'qeIdentity');
  const rootCrl = parts.find((part): part is Part<'rootCrl'> => part.part === 'rootCrl');
  if (qeIdentity === undefined || rootCrl === undefined) return [];
  const tcbInfos = parts.filter((part): part is Part<'tcbInfo'> => part.part === 'tcbInfo');
  const pckCrls = parts.filter((part): part is Part<'pckCrl'> => part.part === 'pckCrl');
  return tcbInfos.flatMap((tcbInfo) =>
    pckCrls.map((pckCrl) => ({
      type: 'tdxCollateral' as const,
      tcbInfo: tcbInfo.text,
      tcbInfoIssuerChain: [...tcbInfo.chain],
      qeIdentity: qeIdentity.text,
      qeIdentityIssuerChain: [...qeIdentity.chain],
      pckCrl: pckCrl.der,
      pckCrlIssuerChain: [...pckCrl.chain],
      rootCrl: rootCrl.der,
    })),
  );
}
