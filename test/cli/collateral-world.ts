// Simulated vendors of everything, their services on one test server, and a clock, a sleep and a chance that tests own.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ItemKey } from '@wardround/attestation/collateral/item-key';
import { keyName } from '@wardround/attestation/collateral/item-key';
import type { CollateralRoots } from '@wardround/attestation/collateral/verified-item';
import { plainly, type Wanted } from '@wardround/attestation/collateral/wanted';
import type { SimulatedChip } from '@wardround/attestation/simulated/chip';
import { createSimulatedVendor, type SimulatedVendor } from '@wardround/attestation/simulated/vendor';
import { utf8, toHex, type Bytes } from '@wardround/protocol/bytes';
import { fetchCollateral, type FetchedItem, type FetchOptions } from '../../cli/src/collateral/fetch.ts';
import { HttpClient } from '../../cli/src/collateral/http.ts';
import { MirrorWriter } from '../../cli/src/collateral/mirror-writer.ts';
import { VendorService } from './vendor-service.ts';

export const at = new Date('2026-11-23T08:00:00.000Z');
export const dayMs = 86_400_000;

export const chainPath = '/vcek/v1/Genoa/cert_chain';
export const crlPath = '/vcek/v1/Genoa/crl';
export const chainKey: ItemKey = { kind: 'amdCertChain', product: 'Genoa', signer: 'vcek' };
export const crlKey: ItemKey = { kind: 'amdCrl', product: 'Genoa', signer: 'vcek' };

export function pemOf(...ders: readonly Uint8Array[]): Bytes {
  const block = (der: Uint8Array): string =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
  return utf8(ders.map(block).join(''));
}

export function freshDirectory(): string {
  return join(mkdtempSync(join(tmpdir(), 'wardround-collateral-')), 'mirror');
}

/** Time passes only where somebody sleeps. */
export class FakePace {
  #now: number;
  readonly slept: number[] = [];

  constructor(start: Date = at) {
    this.#now = start.getTime();
  }

  readonly now = (): Date => new Date(this.#now);
  readonly random = (): number => 0;
  readonly sleep = async (milliseconds: number): Promise<void> => {
    this.slept.push(milliseconds);
    this.pass(milliseconds);
    await Promise.resolve();
  };

  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

export interface AmdWorld {
  readonly vendor: SimulatedVendor;
  readonly chip: SimulatedChip;
  readonly chain: Bytes;
  readonly crl: Bytes;
  readonly roots: CollateralRoots;
  readonly vcekKey: ItemKey;
  readonly vcekPath: string;
}

/** RSA-4096 is slow to make: once for each test file. */
export async function makeAmdWorld(founded: Date = at): Promise<AmdWorld> {
  const vendor = await createSimulatedVendor({ product: 'Genoa', at: founded });
  const [chip, intermediate, crl] = await Promise.all([
    vendor.issueChip(),
    vendor.issueIntermediate({ kind: 'VCEK' }),
    vendor.issueCrl(),
  ]);
  const chipId = toHex(chip.chipId);
  return {
    vendor,
    chip,
    crl,
    chain: pemOf(intermediate, vendor.root),
    roots: { simulated: [vendor.rootSha256] },
    vcekKey: { kind: 'amdVcek', product: 'Genoa', chipId, tcb: chip.tcb },
    vcekPath: `/vcek/v1/Genoa/${chipId}?blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=219`,
  };
}

/** A service that gives out everything of AMD's. */
export function offer(service: VendorService, { chain, crl, chip, vcekPath }: AmdWorld): VendorService {
  return service.on(chainPath, { body: chain }).on(crlPath, { body: crl }).on(vcekPath, { body: chip.certificate });
}

export interface Run {
  readonly directory: string;
  readonly service: VendorService;
  readonly roots: CollateralRoots;
  readonly wanted: readonly ItemKey[] | readonly Wanted[];
  readonly pace?: FakePace;
  readonly options?: Partial<FetchOptions>;
}

/** One `fetch`, with a lock of its own, as the command makes it. */
export async function fetchOnce({
  directory,
  service,
  roots,
  wanted,
  pace = new FakePace(),
  options,
}: Run): Promise<readonly FetchedItem[]> {
  const client = new HttpClient(pace.now);
  const writer = await MirrorWriter.open(directory, { roots, now: pace.now });
  const { url } = service;
  try {
    return await fetchCollateral({
      writer,
      wanted: wanted.flatMap((item) => ('key' in item ? [item] : plainly([item]))),
      roots,
      send: client.send,
      addresses: { amd: url, intel: url, intelCertificates: url, nvidiaRim: url, nvidiaOcsp: url, nvidiaNras: url },
      pace,
      budgetMs: 300_000,
      freshMs: 12 * 3_600_000,
      ...options,
    });
  } finally {
    writer.close();
    await client.close();
  }
}

/** `name: outcome`, or the code of a failure. */
export function outcomes(items: readonly FetchedItem[]): readonly string[] {
  return items.map(
    (item) => `${keyName(item.key).split(' ')[0]}: ${item.outcome === 'failed' ? item.code : item.outcome}`,
  );
}
