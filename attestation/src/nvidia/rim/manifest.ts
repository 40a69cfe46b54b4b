// A reference integrity manifest (RIM): which measurements NVIDIA's driver or VBIOS of one version has. A SWID tag (ISO/IEC 19770-2) after
// TCG's RIM information model. This reads content whose signature was verified, or shows content whose was not: it does not judge.
import { WardroundError } from '@wardround/protocol/errors';
import type { XmlElement, XmlLimits } from '../../xml/reader.ts';

const swid = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd';
const hashes = 'http://www.w3.org/2001/04/xmlenc#sha384';

/** NVIDIA's manifests are 18 to 26 KiB, with 64 measurements and 3 levels. */
export const rimLimits: XmlLimits = { maxBytes: 262_144, maxDepth: 10, maxNodes: 8_192 };
const maxIndex = 63;
const maxAlternatives = 32;
/** RIM index 35 is the video decoder's, which is measured only where the decoder is on. */
export const nvdecIndex = 35;

export interface GoldenMeasurement {
  readonly index: number;
  readonly active: boolean;
  /** Lower-case hex; any of them is right. */
  readonly alternatives: readonly string[];
}

export interface RimManifest {
  readonly chip: string;
  readonly edition: string;
  /** The driver's or VBIOS's version. */
  readonly version: string;
  readonly tagId: string;
  /** Ascending by index, none twice. */
  readonly measurements: readonly GoldenMeasurement[];
}

/** Reads the manifest, with or without its signature as a last child. @throws WardroundError `rim-malformed` */
export function readManifest(root: XmlElement): RimManifest {
  if (root.namespace !== swid || root.local !== 'SoftwareIdentity') throw malformed('a SoftwareIdentity', root.local);
  const meta = only(root, 'Meta');
  const resources = only(root, 'Payload').children;
  const version = meta.attributes.get('colloquialVersion') ?? '';
  if (!/^[0-9A-Z]{2,4}(?:\.[0-9A-Z]{2,4}){1,4}$/.test(version)) throw malformed('a version', version);
  return {
    chip: word(meta, 'product'),
    edition: word(meta, 'edition'),
    version,
    tagId: root.attributes.get('tagId') ?? '',
    measurements: readMeasurements(resources),
  };
}

function only(root: XmlElement, local: string): XmlElement {
  const found = root.children.filter((child) => child.local === local);
  const [element] = found;
  if (element === undefined || element.namespace !== swid || found.length !== 1) {
    throw malformed(`exactly one ${local}`, String(found.length));
  }
  return element;
}

function word(element: XmlElement, name: string): string {
  const value = element.attributes.get(name) ?? '';
  if (!/^[A-Za-z0-9_]{1,32}$/.test(value)) throw malformed(`${element.local} with ${name}`, value);
  return value;
}

function readMeasurements(resources: readonly XmlElement[]): readonly GoldenMeasurement[] {
  const measurements = new Map<number, GoldenMeasurement>();
  for (const resource of resources) {
    const measurement = readMeasurement(resource);
    if (measurements.has(measurement.index)) throw malformed('no index twice', String(measurement.index));
    measurements.set(measurement.index, measurement);
  }
  if (measurements.size === 0) throw malformed('measurements', 'none');
  return [...measurements.values()].toSorted((left, right) => left.index - right.index);
}

const plainAttributes: ReadonlySet<string> = new Set(['type', 'index', 'active', 'alternatives', 'name', 'size']);
const flags: ReadonlyMap<string, boolean> = new Map([
  ['True', true],
  ['False', false],
]);

function readMeasurement({ namespace, local, attributes, children }: XmlElement): GoldenMeasurement {
  if (namespace !== swid || local !== 'Resource' || children.length > 0) throw malformed('a Resource', local);
  if (attributes.get('type') !== 'Measurement' || attributes.get('size') !== '48') {
    throw malformed('a Measurement of 48 bytes', `${attributes.get('type') ?? ''} of ${attributes.get('size') ?? ''}`);
  }
  const active = flags.get(attributes.get('active') ?? '');
  if (active === undefined) throw malformed('active True or False', attributes.get('active') ?? 'nothing');
  const count = smallInteger(attributes.get('alternatives'), { least: 1, most: maxAlternatives });
  const alternatives = Array.from({ length: count }, (_, index) => attributes.get(`{${hashes}}Hash${index}`) ?? '');
  const wrong = alternatives.find((hash) => !/^[0-9a-f]{96}$/.test(hash));
  if (wrong !== undefined) throw malformed('a SHA-384 digest for each alternative', wrong);
  const known = [...attributes.keys()].filter((key) => plainAttributes.has(key)).length + count;
  if (known !== attributes.size) throw malformed('no other attribute', [...attributes.keys()].join(', '));
  return { index: smallInteger(attributes.get('index'), { least: 0, most: maxIndex }), active, alternatives };
}

function smallInteger(text: string | undefined, { least, most }: { least: number; most: number }): number {
  const value = /^(?:0|[1-9]\d{0,3})$/.test(text ?? '') ? Number(text) : NaN;
  if (!(value >= least && value <= most)) throw malformed(`an integer from ${least} to ${most}`, text ?? 'nothing');
  return value;
}

function malformed(expected: string, got: string): WardroundError {
  return new WardroundError('rim-malformed', 'not a reference manifest that can be read', { expected, got });
}
