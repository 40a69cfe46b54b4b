// Intel's TCB info for one family of platforms: which security versions of processor firmware and TDX module are current (PCS API v4, "TCB info V3").
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { toHex } from '@wardround/protocol/bytes';
import { head, hexBytes, levelOf, securityVersion, simpleLevels, wideSecurityVersion } from './collateral-schema.ts';
import { levelReached } from './levels.ts';
import type { Pck } from './pck.ts';
import { malformed } from './signed-json.ts';
import type { TdReport } from './td-report.ts';
import type { MatchedLevel } from './tcb-status.ts';

const components = z.array(z.object({ svn: securityVersion })).length(16);
const moduleSigner = { mrsigner: hexBytes(48), attributes: hexBytes(8), attributesMask: hexBytes(8) };

const tcbInfoSchema = z.object({
  id: z.literal('TDX'),
  version: z.literal(3),
  ...head,
  fmspc: hexBytes(6),
  pceId: hexBytes(2),
  tcbType: z.literal(0),
  tdxModule: z.object(moduleSigner),
  tdxModuleIdentities: z
    .array(z.object({ id: z.string().regex(/^TDX_[0-9A-Fa-f]{2}$/), ...moduleSigner, tcbLevels: simpleLevels }))
    .max(256)
    .optional(),
  tcbLevels: z
    .array(
      levelOf(z.object({ sgxtcbcomponents: components, pcesvn: wideSecurityVersion, tdxtcbcomponents: components })),
    )
    .min(1)
    .max(256),
});
export type TcbInfo = z.infer<typeof tcbInfoSchema>;

/** @throws WardroundError `tdx-collateral-malformed`, naming the path of the first mistake */
export function readTcbInfo(value: unknown): TcbInfo {
  const result = tcbInfoSchema.safeParse(value);
  if (!result.success) throw malformed('tcbInfo', describe(result.error));
  const ids = (result.data.tdxModuleIdentities ?? []).map(({ id }) => id.toUpperCase());
  if (new Set(ids).size !== ids.length) throw malformed('tcbInfo', 'two identities of one TDX module');
  return result.data;
}

function describe(error: z.ZodError): string {
  const [first] = error.issues;
  return first === undefined ? 'another shape' : `${first.path.map(String).join('.')}: ${first.message}`;
}

/** The TCB info is about this platform. @throws WardroundError `tdx-fmspc`, `tdx-pce-id` */
export function requirePlatform({ fmspc, pceId }: TcbInfo, pck: Pck): void {
  if (fmspc !== toHex(pck.fmspc)) {
    throw new WardroundError('tdx-fmspc', 'the TCB info is about another family of platforms', {
      expected: toHex(pck.fmspc),
      got: fmspc,
    });
  }
  if (pceId !== toHex(pck.pceId)) {
    throw new WardroundError('tdx-pce-id', 'the TCB info is about another provisioning enclave', {
      expected: toHex(pck.pceId),
      got: pceId,
    });
  }
}

/** [0] is the module's version within [1], its major version; from 1 on each major version has an identity and levels of its own. */
function moduleVersion({ teeTcbSvn }: TdReport): { readonly svn: number; readonly major: number } {
  return { svn: teeTcbSvn[0] ?? 0, major: teeTcbSvn[1] ?? 0 };
}

/**
 * Where the platform stands: the highest level that it reaches in every component.
 * @throws WardroundError `tdx-tcb-no-level`, `tdx-collateral-malformed`
 */
export function platformLevel({ tcbLevels }: TcbInfo, { tcb }: Pick<Pck, 'tcb'>, td: TdReport): MatchedLevel {
  const levels = tcbLevels.map((level) => ({
    level,
    key: [...svns(level.tcb.sgxtcbcomponents), level.tcb.pcesvn, ...svns(level.tcb.tdxtcbcomponents)],
  }));
  // The first two components are the module's: where it has an identity of its own, that judges them, and here any will do.
  const ofModule = moduleVersion(td).major > 0 ? [255, 255] : [...td.teeTcbSvn.subarray(0, 2)];
  const have = [...tcb.components, tcb.pceSvn, ...ofModule, ...td.teeTcbSvn.subarray(2)];
  return levelReached(levels, have, 'platform');
}

function svns(list: readonly { readonly svn: number }[]): readonly number[] {
  return list.map(({ svn }) => svn);
}

/**
 * Where the TDX module stands, by its signer, its attributes and its version. Before modules had major versions the platform's
 * levels said it all.
 * @throws WardroundError `tdx-module-unknown`, `tdx-module-signer`, `tdx-module-attributes`, `tdx-tcb-no-level`
 */
export function moduleLevel(info: TcbInfo, td: TdReport): MatchedLevel {
  const { svn, major } = moduleVersion(td);
  if (major === 0) {
    requireModule(info.tdxModule, td);
    return { status: 'UpToDate', advisoryIds: [], tcbDate: '' };
  }
  const id = `TDX_${major.toString(16).padStart(2, '0').toUpperCase()}`;
  const identity = info.tdxModuleIdentities?.find((candidate) => candidate.id.toUpperCase() === id);
  if (identity === undefined)
    throw new WardroundError('tdx-module-unknown', 'the TCB info does not know this TDX module', { got: id });
  requireModule(identity, td);
  const levels = identity.tcbLevels.map((level) => ({ level, key: [level.tcb.isvsvn] }));
  return levelReached(levels, [svn], id);
}

type ModuleSigner = Pick<TcbInfo['tdxModule'], 'mrsigner' | 'attributes' | 'attributesMask'>;

function requireModule({ mrsigner, attributes, attributesMask }: ModuleSigner, td: TdReport): void {
  if (mrsigner !== toHex(td.mrSignerSeam)) {
    throw new WardroundError('tdx-module-signer', 'the TDX module has another signer than the TCB info says', {
      expected: mrsigner,
      got: toHex(td.mrSignerSeam),
      action: 'stop',
    });
  }
  const got = masked(td.seamAttributes, attributesMask);
  const expected = masked(Buffer.from(attributes, 'hex'), attributesMask);
  if (got !== expected)
    throw new WardroundError('tdx-module-attributes', 'the TDX module has other attributes than the TCB info says', {
      expected,
      got,
      action: 'stop',
    });
}

/** `value` where `mask` has ones, as hex. */
export function masked(value: Uint8Array, mask: string): string {
  const bits: Bytes = Uint8Array.from(Buffer.from(mask, 'hex'), (byte, index) => byte & (value[index] ?? 0));
  return toHex(bits);
}
