// Golden against runtime: RIM index i is SPDM block i + 1. Every active golden measurement must be there and be right.
import { WardroundError } from '@wardround/protocol/errors';
import type { Note } from '../../steps.ts';
import type { NvidiaDevice } from '../device.ts';
import type { NvidiaReport } from '../report.ts';
import type { GoldenMeasurement, RimManifest } from './manifest.ts';
import { nvdecIndex } from './manifest.ts';

export interface ManifestFor {
  readonly role: 'driver' | 'vbios';
  /** Id under which it was fetched, where known. */
  readonly id: string | undefined;
  readonly expectedId: string | undefined;
}

/**
 * The manifest is of this device's chip and of the version that the report names.
 * @throws WardroundError `rim-version`, `rim-chip`, `rim-id`
 */
export function requireManifestOf(
  manifest: RimManifest,
  { chip, kind }: NvidiaDevice,
  { opaque, role, id, expectedId }: ManifestFor & Pick<NvidiaReport, 'opaque'>,
): void {
  const version = role === 'driver' ? (opaque.driverVersion ?? 'none') : opaque.vbiosVersion;
  if (manifest.version !== version) {
    throw new WardroundError('rim-version', `the manifest is of another ${role} version than the report’s`, {
      expected: version,
      got: manifest.version,
    });
  }
  const edition = kind === 'switch' ? 'SWITCH' : 'GPU';
  if (manifest.chip !== chip || manifest.edition !== edition) {
    throw new WardroundError('rim-chip', 'the manifest is of another product', {
      expected: `${edition} ${chip}`,
      got: `${manifest.edition} ${manifest.chip}`,
    });
  }
  if (id !== undefined && id !== expectedId) {
    throw new WardroundError('rim-id', 'the manifest was fetched under another name', {
      expected: expectedId ?? 'none',
      got: id,
    });
  }
}

/**
 * Compares every active golden measurement; any listed alternative is right. Index 35 is left out, and said, where the video decoder is off.
 * @throws WardroundError `nvidia-measurement-missing`, `nvidia-measurement`
 */
export function requireMeasurements(manifest: RimManifest, report: NvidiaReport, note: Note): number {
  const { measurements, opaque } = report;
  const active = manifest.measurements.filter((golden) => golden.active);
  const compared = active.filter(({ index }) => !(index === nvdecIndex && opaque.nvdec0 === 'off'));
  if (compared.length === 0) {
    throw new WardroundError('nvidia-measurement-missing', 'the manifest names nothing to compare', {
      got: `${active.length} active measurements`,
    });
  }
  const missing = compared.filter(({ index }) => measurements[index] === undefined);
  if (missing.length > 0) {
    throw new WardroundError('nvidia-measurement-missing', 'a reference measurement has no counterpart in the report', {
      got: `RIM index ${indexes(missing)}`,
    });
  }
  const wrong = compared.filter(({ index, alternatives }) => !alternatives.includes(measurements[index] ?? ''));
  if (wrong.length > 0) {
    throw new WardroundError('nvidia-measurement', 'the device runs something else than the reference', {
      expected: `${compared.length} of ${compared.length} measurements`,
      got: `${compared.length - wrong.length}; wrong at RIM index ${indexes(wrong)}`,
      action: 'stop',
    });
  }
  const left = active.length - compared.length;
  note(
    `${compared.length} of ${active.length} measurements compared${left === 0 ? '' : '; index 35 is not: the video decoder is off'}`,
  );
  return compared.length;
}

/** Two manifests that both speak for one measurement could contradict each other. @throws WardroundError `rim-overlap` */
export function requireDisjoint(driver: RimManifest, vbios: RimManifest): void {
  const taken = new Set(driver.measurements.filter(({ active }) => active).map(({ index }) => index));
  const shared = vbios.measurements.filter(({ active, index }) => active && taken.has(index));
  if (shared.length === 0) return;
  throw new WardroundError('rim-overlap', 'driver and VBIOS manifest speak for the same measurement', {
    got: `RIM index ${indexes(shared)}`,
  });
}

function indexes(measurements: readonly GoldenMeasurement[]): string {
  return measurements.map(({ index }) => index).join(', ');
}
