// aggregator.yaml: every value written out, nothing unknown accepted, mistakes named by their path.
import { join } from 'node:path';
import { parseDocument as parseYaml, stringify } from 'yaml';
import * as z from 'zod';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import type { Settings } from '../enclave/ports.ts';
import { readText } from './files.ts';

const fileName = z.string().min(1).max(255);
const url = z.string().refine(isHttpUrl, 'expected a URL such as https://coordinator.example.org');

/** Where tpm2-tools find the TPM. */
const tcti = z.string().regex(/^(?:device|swtpm|mssim|tabrmd)(?::[\x21-\x7e]{1,200})?$/, 'expected device:/dev/tpmrm0');
/** Whether Azure's paravisor makes a new report for each bundle, or the one of the boot is handed on. */
const userData = z.enum(['fresh', 'asBooted']);

const platformSchema = z.discriminatedUnion('kind', [
  /** Proves nothing: chip is a secret file, vendor its public endorsements. */
  z.strictObject({ kind: z.literal('simulated'), chip: fileName, vendor: fileName }),
  /** privilegeLevel: the VMPL to report for, where the kernel lets one be chosen; null takes the kernel's. */
  z.strictObject({ kind: z.literal('sevSnp'), privilegeLevel: z.int().min(0).max(3).nullable() }),
  z.strictObject({ kind: z.literal('tdx') }),
  z.strictObject({ kind: z.literal('azureSnp'), tcti, userData }),
  /** quoteService: azureImds lets the enclave connect to 169.254.169.254, beside the coordinator. */
  z.strictObject({ kind: z.literal('azureTdx'), tcti, userData, quoteService: z.enum(['azureImds', 'none']) }),
]);
export type PlatformConfig = z.infer<typeof platformSchema>;

const gpuSchema = z.union([
  z.literal('none'),
  z.discriminatedUnion('kind', [
    /** nras: address of NVIDIA's attestation service, which is then asked for each bundle; left out, it is not. */
    z.strictObject({ kind: z.literal('nvml'), nras: url.exactOptional() }),
    /** Proves nothing: device is a secret file, vendor its public endorsements. */
    z.strictObject({ kind: z.literal('simulated'), device: fileName, vendor: fileName }),
  ]),
]);

const configSchema = z
  .strictObject({
    wardround: z.literal('aggregator/v1'),
    coordinator: url,
    /** A proxy's URL, or null for what HTTPS_PROXY and its siblings say. */
    proxy: url.nullable(),
    /** Digest of the Genesis; null serves the federation that the coordinator's board founds. */
    federation: sha256Schema.nullable(),
    /** File with the token that the coordinator's operator gave out. */
    token: fileName,
    platform: platformSchema,
    /** Whose evidence goes with the processor's: `none`, or every NVIDIA GPU of this machine. */
    gpu: gpuSchema,
    /** Directory with certificates, lists and reference values of the hardware's vendors, or null. Sent along; believed by nobody. */
    collateral: fileName.nullable(),
    /** Directory for sealed chunks, so that they need not be fetched twice; emptied at every start. */
    cache: fileName,
    quietMilliseconds: z.int().min(0).max(60_000),
    statementGraceMilliseconds: z.int().min(0).max(600_000),
    retryMilliseconds: z.int().min(100).max(600_000),
  })
  /** A simulated GPU stands only in a simulated machine: beside genuine hardware it would look like a GPU that was checked. */
  .refine(({ platform, gpu }) => gpu === 'none' || gpu.kind !== 'simulated' || platform.kind === 'simulated', {
    path: ['gpu', 'kind'],
    message: 'expected nvml or none: a simulated GPU stands only in a simulated machine',
  });
export type Config = z.infer<typeof configSchema>;

export const configFile = 'aggregator.yaml';

export const platformKinds = ['simulated', 'sevSnp', 'tdx', 'azureSnp', 'azureTdx'] as const;
export type PlatformKind = (typeof platformKinds)[number];

/** What `init` writes. */
export function initialConfig(coordinator: string, kind: PlatformKind, gpu: Config['gpu'] = 'none'): Config {
  return {
    wardround: 'aggregator/v1',
    coordinator,
    proxy: null,
    federation: null,
    token: 'token',
    platform: initialPlatform(kind),
    gpu,
    collateral: null,
    cache: 'cache',
    quietMilliseconds: 500,
    statementGraceMilliseconds: 3000,
    retryMilliseconds: 2000,
  };
}

function initialPlatform(kind: PlatformKind): PlatformConfig {
  const vtpm = { tcti: 'device:/dev/tpmrm0', userData: 'fresh' } as const;
  switch (kind) {
    case 'simulated':
      return { kind, chip: 'simulated-chip.json', vendor: 'simulated-vendor.json' };
    case 'sevSnp':
      return { kind, privilegeLevel: null };
    case 'tdx':
      return { kind };
    case 'azureSnp':
      return { kind, ...vtpm };
    case 'azureTdx':
      return { kind, ...vtpm, quoteService: 'none' };
  }
}

export function configText(config: Config): string {
  return stringify(config);
}

/** Names of files are taken from `directory`. @throws WardroundError `config-missing`, `config-invalid` with the path of what is wrong */
export async function readConfig(directory: string): Promise<Config> {
  const where = join(directory, configFile);
  const text = await readText(where).catch((cause: unknown) => {
    throw new WardroundError('config-missing', 'no aggregator was set up here', {
      where,
      expected: 'a directory made by `wardround aggregator init`',
      cause,
    });
  });
  return located(parseConfig(text, where), directory);
}

/** @throws WardroundError `config-invalid` */
export function parseConfig(text: string, where: string): Config {
  const parsed = configSchema.safeParse(readYaml(text, where));
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const path = [...(issue?.path ?? []), ...unknown].map(String).join('.');
  throw invalid(unknown.length > 0 ? 'no such setting' : (issue?.message ?? 'not a configuration'), {
    where: path === '' ? where : `${where}: ${path}`,
    cause: parsed.error,
  });
}

/** The part that the sites see, by its digest in every SessionOpen. */
export function settingsOf(config: Config): Settings {
  const { federation, quietMilliseconds, statementGraceMilliseconds, retryMilliseconds } = config;
  return { federation, quietMilliseconds, statementGraceMilliseconds, retryMilliseconds };
}

function readYaml(text: string, where: string): unknown {
  const document = parseYaml(text, { uniqueKeys: true, merge: false });
  const [mistake] = [...document.errors, ...document.warnings];
  if (mistake !== undefined) throw invalid(mistake.message.split('\n')[0] ?? 'not YAML', { where, cause: mistake });
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw invalid('aliases are not read here', { where, cause });
  }
}

function located(config: Config, directory: string): Config {
  const { platform, gpu } = config;
  const at = (name: string): string => join(directory, name);
  return {
    ...config,
    token: at(config.token),
    cache: at(config.cache),
    collateral: config.collateral === null ? null : at(config.collateral),
    gpu: gpu !== 'none' && gpu.kind === 'simulated' ? { ...gpu, device: at(gpu.device), vendor: at(gpu.vendor) } : gpu,
    platform:
      platform.kind === 'simulated' ? { ...platform, chip: at(platform.chip), vendor: at(platform.vendor) } : platform,
  };
}

function isHttpUrl(text: string): boolean {
  const parsed = URL.parse(text);
  return parsed !== null && ['http:', 'https:'].includes(parsed.protocol);
}

function invalid(message: string, detail: { where: string; cause: unknown }): WardroundError {
  return new WardroundError('config-invalid', message, detail);
}
