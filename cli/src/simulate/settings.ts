// The options of `wardround simulate`, read and bounded.
import type { Partition } from '@wardround/datasets/partition';
import type { BackendName } from '@wardround/learning/tfjs/backend-name';
import { WardroundError } from '@wardround/protocol/errors';

export interface SimulateOptions {
  readonly data?: string;
  readonly siteColumn?: string;
  readonly sites?: string;
  readonly rows?: string;
  readonly partition: string;
  readonly dropOut: string;
  readonly seed?: string;
  readonly initialModel?: string;
  readonly batchOrder?: string;
  readonly trace?: string;
  readonly sweep: readonly string[];
  readonly baselines: boolean;
  readonly files: boolean;
  readonly out?: string;
  readonly backend: BackendName;
  readonly json?: true;
}

/** @throws WardroundError `usage` */
export function wholeNumber(text: string | undefined, option: string, most: number): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value <= most) return value;
  throw usage(option, `a whole number up to ${most}`, text);
}

/** `iid` or `dirichlet:0.5`. @throws WardroundError `usage` */
export function partitionOf(text: string): Partition {
  if (text === 'iid') return { method: 'iid' };
  const alpha = Number(/^dirichlet:(\d+(?:\.\d+)?)$/.exec(text)?.[1]);
  if (alpha > 0 && alpha <= 1_000_000) return { method: 'dirichlet', alpha };
  throw usage('--partition', 'iid, or dirichlet:ALPHA with ALPHA above 0', text);
}

/** @throws WardroundError `usage` */
export function chanceOf(text: string): number {
  const chance = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (chance >= 0 && chance < 1) return chance;
  throw usage('--drop-out', 'a chance from 0 to below 1', text);
}

export function usage(where: string, expected: string, got: string): WardroundError {
  return new WardroundError('usage', 'not what this option takes', { where, expected, got });
}
