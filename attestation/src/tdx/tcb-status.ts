// Intel's verdicts on a TCB, and how those on the parts of a platform make one (Intel SGX and TDX PCS API v4, "tcbStatus"; DCAP Quote
// Verification Library, converging of statuses).

/** From the best to the worst. */
export const tcbStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const;
export type TcbStatus = (typeof tcbStatuses)[number];

/** The level at which one part of the platform was found. */
export interface MatchedLevel {
  readonly status: TcbStatus;
  readonly advisoryIds: readonly string[];
  /** When Intel drew this level, as it wrote it. */
  readonly tcbDate: string;
}

/** The parts that are judged apart, each by its own levels. */
export interface TcbParts {
  readonly platform: MatchedLevel;
  readonly module: MatchedLevel;
  readonly qe: MatchedLevel;
}

export interface TcbVerdict {
  readonly status: TcbStatus;
  /** Of all parts, each once, sorted. */
  readonly advisoryIds: readonly string[];
}

/** The worst of the parts; what is out of date in one and wants configuration in another is both. */
export function worstOf({ platform, module, qe }: TcbParts): TcbVerdict {
  const parts = [platform, module, qe];
  const worst = parts.map(({ status }) => status).reduce(worse);
  const needsConfiguration = parts.some(({ status }) => configurationNeeded.has(status));
  const status = worst === 'OutOfDate' && needsConfiguration ? 'OutOfDateConfigurationNeeded' : worst;
  return { status, advisoryIds: [...new Set(parts.flatMap((part) => part.advisoryIds))].toSorted() };
}

const configurationNeeded: ReadonlySet<TcbStatus> = new Set([
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDateConfigurationNeeded',
]);

function worse(left: TcbStatus, right: TcbStatus): TcbStatus {
  return tcbStatuses.indexOf(left) >= tcbStatuses.indexOf(right) ? left : right;
}
