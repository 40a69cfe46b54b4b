// A real software TPM (swtpm) with an attestation key under Azure's handle, and the part of Azure's paravisor that the guest sees: a report in an
// NV index. The simulated chip stands for the processor.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createPublicKey, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, sha256, utf8 } from '@wardround/protocol/bytes';
import type { SimulatedChip } from '@wardround/attestation/simulated/chip';

const programs = ['swtpm', 'tpm2_quote', 'tpm2_createprimary', 'tpm2_nvdefine'];
const onPath = (name: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
export const haveSoftwareTpm = programs.every(onPath);
if (!haveSoftwareTpm) console.warn(`SKIPPED: no software TPM here (needs ${programs.join(', ')})`);

const run = promisify(execFile);

export class SoftwareTpm {
  readonly directory: string;
  readonly tcti: string;
  readonly #process: ChildProcess;

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.tcti = `swtpm:path=${join(directory, 'sock')}`;
    this.#process = child;
  }

  static async start(): Promise<SoftwareTpm> {
    const directory = await mkdtemp(join(tmpdir(), 'wardround-swtpm-'));
    const socket = join(directory, 'sock');
    const child = spawn(
      'swtpm',
      ['socket', '--tpm2', '--tpmstate', `dir=${directory}`, '--server', `type=unixio,path=${socket}`].concat([
        '--ctrl',
        `type=unixio,path=${socket}.ctrl`,
        '--flags',
        'not-need-init,startup-clear',
      ]),
      { stdio: 'ignore' },
    );
    const tpm = new SoftwareTpm(directory, child);
    while (!existsSync(socket)) {
      if (child.exitCode !== null) throw new Error('swtpm did not start');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await tpm.#makeAttestationKey();
    return tpm;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
    await rm(this.directory, { recursive: true, force: true });
  }

  async tool(name: string, ...args: readonly string[]): Promise<void> {
    await run(name, [...args], { cwd: this.directory, env: { ...process.env, TPM2TOOLS_TCTI: this.tcti } });
  }

  async #makeAttestationKey(): Promise<void> {
    const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign';
    await this.tool(
      'tpm2_createprimary',
      '-Q',
      '-C',
      'o',
      '-G',
      'rsa2048:rsassa-sha256:null',
      '-a',
      attributes,
      '-c',
      'ak',
    );
    await this.tool('tpm2_evictcontrol', '-Q', '-C', 'o', '-c', 'ak', '0x81000003');
    await this.tool('tpm2_flushcontext', '-t');
    await this.tool('tpm2_readpublic', '-Q', '-c', '0x81000003', '-f', 'pem', '-o', 'ak.pem');
  }

  async attestationKeyPem(): Promise<string> {
    return await readFile(join(this.directory, 'ak.pem'), 'utf8');
  }

  async define(index: string, bytes: number): Promise<void> {
    await this.tool('tpm2_nvdefine', '-Q', '-C', 'o', '-s', String(bytes), '-a', 'ownerwrite|ownerread', index);
  }

  async write(index: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.directory, randomUUID());
    await writeFile(file, bytes);
    await this.tool('tpm2_nvwrite', '-Q', '-C', 'o', '-i', file, index);
    await rm(file);
  }

  async read(index: string): Promise<Bytes> {
    const file = join(this.directory, randomUUID());
    await this.tool('tpm2_nvread', '-C', 'o', '-o', file, index);
    const bytes = new Uint8Array(await readFile(file));
    await rm(file);
    return bytes;
  }
}

/** swtpm's NV indices hold 2048 bytes. */
export const nvBytes = 2048;

/** The paravisor's report over the vTPM's key and `userData`, as SEV-SNP or as the TDREPORT that is given. */
export async function paravisorReport(
  tpm: SoftwareTpm,
  request: { readonly userData: string; readonly measurement: Bytes; readonly chip: SimulatedChip | 'tdx' },
): Promise<Bytes> {
  const { n = '', e = '' } = createPublicKey(await tpm.attestationKeyPem()).export({ format: 'jwk' });
  const claims = utf8(
    JSON.stringify({
      keys: [{ kid: 'HCLAkPub', key_ops: ['sign'], kty: 'RSA', e, n }],
      'vm-configuration': { 'console-enabled': false, 'secure-boot': true, 'tpm-enabled': true, vmUniqueId: 'x' },
      'user-data': request.userData.toUpperCase(),
    }),
  );
  const reportData = concatBytes(sha256(claims), new Uint8Array(32));
  const { chip, measurement } = request;
  const hardware = new Uint8Array(1184);
  hardware.set(chip === 'tdx' ? tdReport(reportData, measurement) : chip.makeReport({ reportData, measurement }));
  const u32s = (...values: readonly number[]): Bytes => new Uint8Array(new Uint32Array(values).buffer);
  const size = 32 + hardware.byteLength + 20 + claims.byteLength;
  const report = concatBytes(
    utf8('HCLA'),
    u32s(1, size, 2, 0, 0, 0, 0),
    hardware,
    u32s(claims.byteLength + 20, 1, chip === 'tdx' ? 4 : 2, 1, claims.byteLength),
    claims,
  );
  return concatBytes(report, new Uint8Array(nvBytes - report.byteLength));
}

function tdReport(reportData: Bytes, measurement: Bytes): Bytes {
  const report = new Uint8Array(1024);
  report.set(reportData, 128);
  report.set(measurement, 512 + 16);
  return report;
}
