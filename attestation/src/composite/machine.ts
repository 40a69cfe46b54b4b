// Processor and GPUs as one machine: genuine parts of two machines are refused where the policy names pairs.
import { WardroundError } from '@wardround/protocol/errors';
import type { Policy } from '../policy/policy.ts';
import { isWaiver, requireWaiverCurrent } from '../policy/waiver.ts';
import type { Note } from '../steps.ts';

export interface Machine {
  /** Hex: every id by which a list may name it, the usual one first. */
  readonly processor: readonly string[];
  /** UEIDs, decimal, of every device. */
  readonly devices: readonly string[];
}

export interface MachineContext {
  readonly policy: Policy;
  readonly at: Date;
  readonly note: Note;
}

/**
 * The processor and exactly these devices stand on the list together.
 * @throws WardroundError `evidence-machine`, `policy-waiver-expired`
 */
export function requireMachine(machine: Machine, { policy: { machines }, at, note }: MachineContext): void {
  if (machines === 'processorAlone') return;
  if (isWaiver(machines)) return requireWaiverCurrent(machines, at, note);
  const got = machine.devices.toSorted().join(' ');
  const fits = machines.some(
    ({ processor, devices }) =>
      machine.processor.some((shown) => sameChip(processor, shown)) && devices.toSorted().join(' ') === got,
  );
  if (fits) return;
  throw new WardroundError(
    'evidence-machine',
    'the policy does not name this processor and these devices as one machine',
    {
      got: `${machine.processor.join(' or ')} with ${got}`,
      action: 'stop',
    },
  );
}

const turinDigits = 16;

/** A Turin chip may be written with its 8 bytes; in a report zeros follow. */
function sameChip(listed: string, shown: string): boolean {
  return (listed.length === turinDigits ? listed.padEnd(snpDigits, '0') : listed) === shown;
}

const snpDigits = 128;
