// All devices of one machine together: as many as the policy says, each another one, and GPUs and switches that name each other.
import { WardroundError } from '@wardround/protocol/errors';
import type { NvidiaRules } from '../policy/nvidia-rules.ts';
import type { StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { NvidiaKind } from './device.ts';
import type { NrasReading } from './nras.ts';
import { requireSecondOpinion } from './nras.ts';
import type { OpaqueData } from './opaque.ts';
import type { NvidiaAppraisal } from './verify.ts';

/** The steps of this file, in order; every one must be `ok`. */
export const nvidiaFleetSteps = ['device-count', 'devices-distinct', 'switch-pairing', 'second-opinion'] as const;

export interface NvidiaFleetContext {
  readonly rules: NvidiaRules;
  /** What NRAS said (`readSecondOpinions`); without any, a policy that requires a second opinion refuses. */
  readonly secondOpinions?: readonly NrasReading[];
}

/** Makes the steps about all devices of a bundle in `log`. */
export function validateNvidiaFleet(
  appraisals: readonly NvidiaAppraisal[],
  { rules, secondOpinions = [] }: NvidiaFleetContext,
  log: StepLog,
): void {
  log.run('device-count', () => requireCounts(appraisals, rules));
  log.run('devices-distinct', () => requireDistinct(appraisals));
  log.run('switch-pairing', (note) => {
    const gpus = ofKind(appraisals, 'gpu');
    const switches = ofKind(appraisals, 'switch');
    if (gpus.every(({ protectedPcie }) => protectedPcie !== 'on') && switches.length === 0) {
      return note('no switches, and no GPU in protected PCIe mode');
    }
    requirePairing(gpus, switches);
  });
  log.run('second-opinion', (note) =>
    requireSecondOpinion({ isRequired: rules.nras !== 'notUsed', readings: secondOpinions, appraisals }, note),
  );
}

function ofKind(appraisals: readonly NvidiaAppraisal[], kind: NvidiaKind): readonly OpaqueData[] {
  return appraisals.flatMap(({ device, report }) => (need(device).kind === kind ? [need(report).opaque] : []));
}

function requireCounts(appraisals: readonly NvidiaAppraisal[], { gpus, switches }: NvidiaRules): void {
  const expected = { gpu: gpus.count, switch: switches === 'none' ? 0 : switches.count };
  for (const kind of ['gpu', 'switch'] as const) {
    const got = ofKind(appraisals, kind).length;
    if (got === expected[kind]) continue;
    throw new WardroundError('nvidia-device-count', `not as many devices of kind ${kind} as the policy says`, {
      expected: String(expected[kind]),
      got: String(got),
      action: 'stop',
    });
  }
}

/** One device that answers twice looks like two. */
function requireDistinct(appraisals: readonly NvidiaAppraisal[]): void {
  const seen = new Set<string>();
  for (const { device, chain } of appraisals) {
    // By the factory identity too: a device can make itself a second leaf.
    const identity = need(chain).certificates[1]?.fingerprint ?? '';
    for (const name of [need(device).ueid, identity]) {
      if (seen.has(name)) {
        throw new WardroundError('nvidia-device-duplicate', 'the same device is presented twice', {
          got: need(device).ueid,
          action: 'stop',
        });
      }
      seen.add(name);
    }
  }
}

/** Links that are not in use. */
const unused: ReadonlySet<string> = new Set(['0'.repeat(16), 'f'.repeat(16)]);

/**
 * Protected PCIe: every GPU names the same switches, and these are the switches presented (a GPU writes identifiers with their bytes
 * reversed). Every switch names the same GPUs, as many as were presented.
 */
function requirePairing(gpus: readonly OpaqueData[], switches: readonly OpaqueData[]): void {
  const presented = setOf(switches.flatMap(({ switchPdis }) => switchPdis));
  if (switches.some(({ switchPdis }) => switchPdis.length !== 1) || presented.length !== switches.length) {
    throw mispaired('a switch that names itself once, and no other');
  }
  for (const gpu of gpus) {
    if (gpu.protectedPcie !== 'on') throw mispaired('every GPU in protected PCIe mode beside switches');
    const named = setOf(gpu.switchPdis.map(reversed));
    if (named.join() !== presented.join()) throw mispaired(`a GPU linked to ${presented.join(', ')}`, named.join(', '));
  }
  const [first] = switches;
  const linked = setOf(first?.switchGpuPdis ?? []);
  if (linked.length !== gpus.length) throw mispaired(`${gpus.length} GPUs at a switch`, String(linked.length));
  for (const { switchGpuPdis } of switches) {
    if (setOf(switchGpuPdis).join() !== linked.join()) throw mispaired('the same GPUs at every switch');
  }
}

function setOf(identifiers: readonly string[]): readonly string[] {
  return [...new Set(identifiers)].filter((identifier) => !unused.has(identifier)).toSorted();
}

function reversed(hex: string): string {
  return Buffer.from(hex, 'hex').reverse().toString('hex');
}

function mispaired(expected: string, got?: string): WardroundError {
  return new WardroundError('nvidia-pairing', 'GPUs and switches do not name each other', {
    expected,
    ...(got === undefined ? {} : { got }),
    action: 'stop',
  });
}
