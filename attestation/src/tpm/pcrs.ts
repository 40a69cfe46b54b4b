// The registers that a quote speaks of: exactly the selection that was expected, values mapped by ascending bit, the digest recomputed.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, equalBytes, sha256, sha384, toHex } from '@wardround/protocol/bytes';
import type { Bank } from '../event-log/algorithms.ts';
import { bankAlgorithms, bankOfAlgorithm } from '../event-log/algorithms.ts';
import type { Replay } from '../event-log/replay.ts';
import type { TpmQuote } from './attest.ts';
import type { TpmSignature } from './signature.ts';

/**
 * Values that come beside a quote, which signs only their hash. `indexed` says which register each is, and so which selection is expected;
 * `ordered` are in the order of the quote's own selection, and how many they are is checked.
 */
export type GivenPcrs =
  | { readonly form: 'indexed'; readonly bank: Bank; readonly values: ReadonlyMap<number, Bytes> }
  | { readonly form: 'ordered'; readonly values: readonly Bytes[] };

export interface SelectedPcrs {
  readonly bank: Bank;
  readonly indexes: readonly number[];
}

export interface QuotedPcrs extends SelectedPcrs {
  /** Of exactly the selected registers. */
  readonly values: ReadonlyMap<number, Bytes>;
}

/**
 * One bank that is not broken, at least one register, none above 23.
 * @throws WardroundError `tpm-pcr-bank`, `tpm-pcr-selection`
 */
export function requireOneBank({ selections }: TpmQuote): SelectedPcrs {
  const [only, ...rest] = selections;
  if (only === undefined || rest.length > 0)
    throw selectionError('exactly one bank', `${selections.length} selections`);
  const bank = bankOfAlgorithm(only.algorithm);
  if (bank === undefined) {
    throw new WardroundError('tpm-pcr-bank', 'the quote is over a bank that proves nothing', {
      expected: 'SHA-256 or SHA-384',
      got: `0x${only.algorithm.toString(16).padStart(4, '0')}`,
    });
  }
  if (only.pcrs.length === 0) throw selectionError('at least one register', 'none');
  const beyond = only.pcrs.filter((index) => index > 23);
  if (beyond.length > 0) throw selectionError('registers 0 to 23', beyond.join(', '));
  return { bank, indexes: only.pcrs };
}

/**
 * The quote selects exactly the registers that were given, in the bank that was given: a quote over fewer says nothing about the others.
 * @throws WardroundError `tpm-pcr-bank`, `tpm-pcr-selection`, `tpm-pcr-value`
 */
export function matchPcrs(selected: SelectedPcrs, given: GivenPcrs): QuotedPcrs {
  const values = given.form === 'ordered' ? inOrder(selected, given.values) : byIndex(selected, given);
  const { bytes } = bankAlgorithms[selected.bank];
  for (const [index, value] of values) {
    if (value.byteLength !== bytes)
      throw new WardroundError('tpm-pcr-value', `PCR ${index} is no value of bank ${selected.bank}`, {
        expected: `${bytes} bytes`,
        got: `${value.byteLength} bytes`,
      });
  }
  return { ...selected, values };
}

function inOrder({ indexes }: SelectedPcrs, values: readonly Bytes[]): ReadonlyMap<number, Bytes> {
  if (values.length !== indexes.length)
    throw selectionError(`as many values as registers: ${indexes.length}`, String(values.length));
  return new Map(indexes.flatMap((index, position) => pair(index, values[position])));
}

function byIndex(selected: SelectedPcrs, given: Extract<GivenPcrs, { form: 'indexed' }>): ReadonlyMap<number, Bytes> {
  const { bank, indexes } = selected;
  if (bank !== given.bank)
    throw new WardroundError('tpm-pcr-bank', 'the quote is over another bank', { expected: given.bank, got: bank });
  const expected = [...given.values.keys()].toSorted((left, right) => left - right);
  if (expected.join() !== indexes.join()) throw selectionError(expected.join(', '), indexes.join(', '));
  return new Map(indexes.flatMap((index) => pair(index, given.values.get(index))));
}

function pair(index: number, value: Bytes | undefined): readonly (readonly [number, Bytes])[] {
  return value === undefined ? [] : [[index, value]];
}

function selectionError(expected: string, got: string): WardroundError {
  return new WardroundError('tpm-pcr-selection', 'the quote selects other registers', { expected, got });
}

/** The quote's digest is over exactly these values, in ascending order, by the signature's hash. @throws WardroundError `tpm-pcr-digest` */
export function requirePcrDigest(
  { pcrDigest }: TpmQuote,
  { hash }: TpmSignature,
  { indexes, values }: QuotedPcrs,
): void {
  const all = concatBytes(...indexes.map((index) => values.get(index) ?? new Uint8Array()));
  const computed = hash === 'sha256' ? sha256(all) : sha384(all);
  if (equalBytes(computed, pcrDigest)) return;
  throw new WardroundError('tpm-pcr-digest', 'these are not the register values that were quoted', {
    expected: toHex(pcrDigest),
    got: toHex(computed),
    action: 'stop',
  });
}

/**
 * Every quoted register that the log speaks of holds what the log says. Returns those registers.
 * @throws WardroundError `tpm-event-log-mismatch`
 */
export function requireReplayed({ values }: QuotedPcrs, { registers }: Replay): ReadonlySet<number> {
  const both = [...values].filter(([index]) => registers.has(index));
  const wrong = both.filter(([index, value]) => !equalBytes(value, registers.get(index) ?? new Uint8Array()));
  if (wrong.length > 0) {
    throw new WardroundError('tpm-event-log-mismatch', 'the event log does not lead to what was quoted', {
      got: `PCR ${wrong.map(([index]) => index).join(', ')}`,
    });
  }
  return new Set(both.map(([index]) => index));
}
