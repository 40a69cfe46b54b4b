// VALIDATE: is this genuine device one that the site accepts, with versions it accepts, and was everything checked that the site wants checked?
import { WardroundError } from '@wardround/protocol/errors';
import type { GpuRules, NvidiaRules, SwitchRules } from '../policy/nvidia-rules.ts';
import type { Waiver } from '../policy/waiver.ts';
import { isWaiver, requireWaiverCurrent } from '../policy/waiver.ts';
import type { Note, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { OcspState } from '../x509/ocsp.ts';
import type { NvidiaDevice } from './device.ts';
import type { OpaqueData } from './opaque.ts';
import type { NvidiaAppraisal } from './verify.ts';

/** The steps of this file, in order; every one must be `ok`. */
export const nvidiaValidationSteps = [
  'nonce-known',
  'measured',
  'same-vendor',
  'firmware-identity',
  'revocation-known',
  'revocation-age',
  'revocation-nonce',
  'device-accepted',
  'ueid-accepted',
  'driver-accepted',
  'vbios-accepted',
  'mode',
  'unknown-fields',
] as const;

export interface NvidiaValidationContext {
  readonly rules: NvidiaRules;
  readonly at: Date;
}

/** Makes every step of the policy for one device in `log`. Steps whose ground did not hold are `not-evaluated`. */
export function validateNvidia(appraisal: NvidiaAppraisal, { rules, at }: NvidiaValidationContext, log: StepLog): void {
  const { report, device } = appraisal;
  const opaque = (): OpaqueData => need(report).opaque;
  const own = log.run('nonce-known', () => requireKnown(appraisal.nonce.held, 'nvidia-nonce-unknown', 'the nonce'));
  log.run('measured', () => requireMeasured(appraisal));
  log.run('same-vendor', () => requireSameVendor(appraisal));
  const ruled = (): GpuRules | SwitchRules => rulesOf(need(device), rules);
  log.run('firmware-identity', (note) => requireFirmwareIdentity(appraisal, { rules: ruled(), at, note }));
  const states = log.run('revocation-known', (note) => requireRevocationKnown(appraisal, rules, note));
  log.run('revocation-age', () => requireRecent(need(states), { rules, at }));
  log.run('revocation-nonce', (note) => {
    need(own);
    requireFreshAnswers(need(states), need(appraisal.nonce), { rules, note });
  });
  log.run('device-accepted', (note) => requireDevice(need(device), { rules: ruled(), at, note }));
  log.run('ueid-accepted', (note) =>
    requireListed(need(device).ueid, ruled().ueids, { code: 'nvidia-ueid-unknown', what: 'this device', at, note }),
  );
  log.run('driver-accepted', (note) => requireDriver(opaque(), { rules: ruled(), at, note }));
  log.run('vbios-accepted', (note) =>
    requireListed(opaque().vbiosVersion, ruled().vbios.allowed, {
      code: 'nvidia-vbios-unknown',
      what: 'this VBIOS',
      at,
      note,
    }),
  );
  log.run('mode', (note) => requireMode(opaque(), { rules: ruled(), at, note }));
  log.run('unknown-fields', () => requireKnownFields(opaque(), ruled()));
}

interface Judging<Rules> {
  readonly rules: Rules;
  readonly at: Date;
  readonly note: Note;
}

function requireKnown(held: boolean, code: string, what: string): void {
  if (held) return;
  throw new WardroundError(code, `${what} was not checked`, {
    expected: `the step of ${what} to hold`,
    action: 'stop',
  });
}

/** Every manifest that such a device has was verified, is of its versions, and was compared. */
function requireMeasured({ driver, vbios, disjoint, device }: NvidiaAppraisal): void {
  const manifests = need(device).kind === 'switch' ? [vbios] : [driver, vbios];
  for (const manifest of manifests) {
    const parts = [manifest?.manifest, manifest?.chain, manifest?.judgedAt, manifest?.version, manifest?.measurements];
    if (parts.every((part) => part?.held === true)) continue;
    throw new WardroundError('nvidia-not-measured', 'the device was not compared with all its reference manifests', {
      where: manifest?.role ?? 'driver',
      action: 'stop',
    });
  }
  if (disjoint?.held === false) {
    throw new WardroundError('nvidia-not-measured', 'the two manifests were not compared with each other');
  }
}

/** A genuine device with simulated manifests, or the other way round, is neither. */
function requireSameVendor({ chain, driver, vbios }: NvidiaAppraisal): void {
  const { kind } = need(chain).trust;
  const others = [driver?.chain, vbios.chain].flatMap((each) => (each === undefined ? [] : [need(each).trust.kind]));
  if (others.every((other) => other === kind)) return;
  throw new WardroundError('nvidia-vendors-mixed', 'genuine and simulated parts in one device’s evidence', {
    action: 'stop',
  });
}

function rulesOf(device: NvidiaDevice, { gpus, switches }: NvidiaRules): GpuRules | SwitchRules {
  if (device.kind === 'gpu') return gpus;
  if (switches !== 'none') return switches;
  throw new WardroundError('nvidia-switch-refused', 'the policy knows no switches', { got: device.hwModel });
}

function requireFirmwareIdentity(
  appraisal: NvidiaAppraisal,
  { rules, at, note }: Judging<GpuRules | SwitchRules>,
): void {
  if (appraisal.fwid.held) return;
  const { driverVersion, fwid } = need(appraisal.report).opaque;
  const rule = rules.missingFirmwareIdentity;
  const waived = rule !== 'refused' && fwid === undefined && isForDriver(rule, driverVersion);
  if (waived) return requireWaiverCurrent(rule, at, note);
  throw new WardroundError('nvidia-firmware-identity-missing', 'the report is not bound to its key’s firmware', {
    got: fwid === undefined ? `no firmware identity, driver ${driverVersion ?? 'none'}` : 'another firmware identity',
  });
}

function isForDriver(rule: Waiver & { readonly drivers?: readonly string[] }, driver: string | undefined): boolean {
  return rule.drivers === undefined || (driver !== undefined && rule.drivers.includes(driver));
}

interface Answered {
  readonly device: readonly OcspState[];
  readonly manifests: readonly { readonly judgedAt: Date; readonly states: readonly OcspState[] }[];
}

function requireRevocationKnown(appraisal: NvidiaAppraisal, rules: NvidiaRules, note: Note): Answered {
  const { revocation, driver, vbios } = appraisal;
  const manifests = driver === undefined ? [vbios] : [driver, vbios];
  if (!revocation.held || manifests.some((manifest) => !manifest.revocation.held)) {
    throw new WardroundError('nvidia-revocation-unknown', 'not every certificate has an OCSP answer', {
      action: 'retry',
    });
  }
  const [leaf, ...others] = revocation.value.states;
  if (leaf === undefined) {
    if (rules.ocsp.deviceLeaf === 'required') {
      throw new WardroundError('nvidia-revocation-unknown', 'the device’s leaf has no OCSP answer', { action: 'stop' });
    }
    note('no answer about the leaf: the device issued it');
  }
  const known = (states: readonly (OcspState | undefined)[]): readonly OcspState[] =>
    states.flatMap((state) => (state === undefined ? [] : [state]));
  return {
    device: known([leaf, ...others]),
    manifests: manifests.map((manifest) => ({
      judgedAt: need(manifest.judgedAt),
      states: known(need(manifest.revocation).states),
    })),
  };
}

function requireRecent({ device, manifests }: Answered, { rules, at }: NvidiaValidationContext): void {
  const all = [{ judgedAt: at, states: device }, ...manifests];
  for (const { judgedAt, states } of all) {
    for (const { commonName, thisUpdate } of states) {
      const ageSeconds = Math.floor((judgedAt.getTime() - thisUpdate.getTime()) / 1000);
      if (ageSeconds <= rules.ocsp.maxAgeSeconds) continue;
      throw new WardroundError('nvidia-revocation-too-old', 'an OCSP answer is older than the policy allows', {
        where: commonName,
        expected: `at most ${rules.ocsp.maxAgeSeconds} s`,
        got: `${ageSeconds} s`,
        action: 'retry',
      });
    }
  }
}

function requireFreshAnswers(
  { device, manifests }: Answered,
  nonce: string,
  { rules, note }: { readonly rules: NvidiaRules; readonly note: Note },
): void {
  if (rules.ocsp.nonce === 'notRequired') return note('answers out of a mirror are accepted, by their age');
  const stale = [...device, ...manifests.flatMap(({ states }) => states)].find((state) => state.nonce !== nonce);
  if (stale === undefined) return;
  throw new WardroundError('nvidia-revocation-nonce', 'an OCSP answer was not made for this appraisal', {
    where: stale.commonName,
    expected: nonce,
    got: stale.nonce ?? 'no nonce',
  });
}

interface Listing {
  readonly code: string;
  readonly what: string;
  readonly at: Date;
  readonly note: Note;
}

function requireListed(got: string, list: readonly string[] | Waiver, { code, what, at, note }: Listing): void {
  if (isWaiver(list)) return requireWaiverCurrent(list, at, note);
  if (list.includes(got)) return;
  throw new WardroundError(code, `the policy does not name ${what}`, { got, action: 'stop' });
}

function requireDevice(device: NvidiaDevice, { rules, at, note }: Judging<GpuRules | SwitchRules>): void {
  const { architecture, hwModel } = device;
  if ('architectures' in rules && architecture !== 'ls10' && rules.architectures[architecture] === 'refused') {
    throw new WardroundError('nvidia-architecture-refused', 'the policy refuses this architecture', {
      got: architecture,
      action: 'stop',
    });
  }
  requireListed(hwModel, rules.models, { code: 'nvidia-model-unknown', what: 'this model', at, note });
}

function requireDriver({ driverVersion }: OpaqueData, { rules, at, note }: Judging<GpuRules | SwitchRules>): void {
  if (!('driver' in rules)) return note('a switch has no driver');
  const version = driverVersion ?? '0.0';
  const { minimum, allowed } = rules.driver;
  if (compareVersions(version, minimum) < 0) {
    throw new WardroundError('nvidia-driver-below-floor', 'the driver is below the policy’s floor', {
      expected: `at least ${minimum}`,
      got: version,
    });
  }
  requireListed(version, allowed, { code: 'nvidia-driver-unknown', what: 'this driver', at, note });
}

/** Component by component; a missing one is 0. */
function compareVersions(left: string, right: string): number {
  const [a, b] = [left.split('.').map(Number), right.split('.').map(Number)];
  const at = Array.from({ length: Math.max(a.length, b.length) }, (_, index) => (a[index] ?? 0) - (b[index] ?? 0));
  return at.find((difference) => difference !== 0) ?? 0;
}

function requireMode(opaque: OpaqueData, { rules, at, note }: Judging<GpuRules | SwitchRules>): void {
  if (!('mode' in rules)) return note('a switch says no mode');
  const { featureFlags, missingFeatureFlag, protectedPcie } = rules.mode;
  const isProtected = opaque.protectedPcie === 'on' ? 'required' : 'refused';
  if (isProtected !== protectedPcie) {
    throw new WardroundError('nvidia-protected-pcie', 'protected PCIe is not as the policy wants it', {
      expected: protectedPcie,
      got: opaque.protectedPcie ?? 'not said',
    });
  }
  const { featureFlag, driverVersion } = opaque;
  if (featureFlag === undefined) {
    const waived = missingFeatureFlag !== 'refused' && isForDriver(missingFeatureFlag, driverVersion);
    if (waived) return requireWaiverCurrent(missingFeatureFlag, at, note);
    throw new WardroundError('nvidia-mode', 'the report does not say in which mode the device runs', {
      got: `no feature flag, driver ${driverVersion ?? 'none'}`,
    });
  }
  if (featureFlags.includes(featureFlag)) return;
  throw new WardroundError('nvidia-mode', 'the device runs in a mode that the policy refuses', {
    expected: featureFlags.join(', '),
    got: String(featureFlag),
  });
}

function requireKnownFields({ unknown }: OpaqueData, { acceptedUnknownFields }: GpuRules | SwitchRules): void {
  const odd = unknown.filter((type) => !acceptedUnknownFields.includes(type));
  if (odd.length === 0) return;
  throw new WardroundError('nvidia-unknown-field', 'the report holds a field whose meaning is not known', {
    got: `type ${odd.join(', ')}`,
  });
}
