// `wardround evidence inspect --kind nvidia`: statuses and documents that others build on, tried with genuine reports.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sharedFolder, wardround } from './run-wardround.ts';

const vectors = join(sharedFolder, 'vectors/nvidia/attestation-sdk');
const haveVectors = existsSync(vectors);
if (!haveVectors) console.warn(`SKIPPED: no genuine evidence in ${vectors}; set WARDROUND_SHARED_DIR`);

const folder = mkdtempSync(join(tmpdir(), 'wardround-nvidia-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const demoNonce = '931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb';
const nvswitch = {
  report: join(vectors, 'switchAttestationReport.txt'),
  chain: join(vectors, 'switchCertChain.txt'),
  rim: join(vectors, 'switchVBIOSRim_NV_SWITCH_BIOS_5612_0002_890_9610550001.xml'),
  nonce: demoNonce,
  at: '2026-11-23T00:00:00Z',
};

function inspect(overrides: Partial<Record<keyof typeof nvswitch, string | null>> = {}): readonly string[] {
  const given = Object.entries({ ...nvswitch, ...overrides });
  const options = given.flatMap(([name, value]) => (value === null ? [] : [`--${name}`, value]));
  return ['evidence', 'inspect', '--kind', 'nvidia', ...options, '--json'];
}

function written(name: string, contents: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

describe.skipIf(!haveVectors)('wardround evidence inspect --kind nvidia', () => {
  it('says that a genuine switch runs what its manifest says', async () => {
    const { status, stdout, stderr } = await wardround(inspect());
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'nvidia',
      authentic: true,
      simulated: false,
      fields: {
        driverVersion: null,
        vbiosVersion: '96.10.55.00.01',
        hwModel: 'LS_10 A01 FSP BROM',
        ueid: '694931143880983876767046803400974855445978836716',
      },
    });
    expect(status).toBe(0);
    expect(stderr).toBe('');
  });

  it('reads a binary report, and a JSON list of devices without a chain', async () => {
    const binary = Buffer.from(readFileSync(nvswitch.report, 'utf8').trim(), 'hex');
    const path = written('report.bin', binary);
    expect((await wardround(inspect({ report: path }))).status).toBe(0);
    const list = join(vectors, 'evidence_hopper_590_12.json');
    const nonce = 'e97b23a1718095a0e9e35edca810768c70a6a5a389b705e753b197912bc11576';
    const { status, stdout } = await wardround(inspect({ report: list, chain: null, rim: null, nonce }));
    expect(JSON.parse(stdout)).toMatchObject({ authentic: true, fields: { driverVersion: '590.12' } });
    expect(status).toBe(0);
  });

  it('says 10 for another nonce, a spoiled manifest, an answer that is none', async () => {
    const rim = readFileSync(nvswitch.rim, 'utf8');
    const cases = [
      [{ nonce: 'ab'.repeat(32) }, 'nvidia-nonce'],
      [{ rim: written('changed.xml', rim.replace('index="1"', 'index="2"')) }, 'rim-malformed'],
      [{ rim: written('doctype.xml', `<!DOCTYPE a>${rim}`) }, 'xml-forbidden'],
      [{ at: '2029-01-01T00:00:00Z' }, 'nvidia-expired'],
    ] as const;
    for (const [overrides, code] of cases) {
      const { status, stdout } = await wardround(inspect(overrides));
      expect(JSON.parse(stdout)).toMatchObject({ authentic: false });
      expect(stdout).toContain(`"code": "${code}"`);
      expect(status).toBe(10);
    }
    const ocsp = written('answer.der', 'hello');
    const { status, stdout } = await wardround([...inspect(), '--ocsp', ocsp]);
    expect(stdout).toContain('ocsp-malformed');
    expect(status).toBe(10);
  });

  it('says 2 for what is no report, no chain, no nonce', async () => {
    const cases = [
      [{ report: written('text.txt', 'hello') }, 'nvidia-file'],
      [{ report: written('zeros.txt', '00'.repeat(2168)) }, 'nvidia-report-header'],
      [{ chain: null }, 'option-missing'],
      [{ nonce: 'abc' }, 'hex-invalid'],
      [{ nonce: null }, 'option-missing'],
      [{ chain: nvswitch.rim }, 'pem-malformed'],
    ] as const;
    for (const [overrides, code] of cases) {
      const { status, stdout } = await wardround(inspect(overrides));
      expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
      expect(status).toBe(2);
    }
  });

  it('judges an answer of NVIDIA’s service beside the report, with its keys and not without', async () => {
    const samples = join(vectors, 'sample_attestation_data');
    const given = ['--report', join(vectors, '../nvtrust/hopperAttestationReport.txt')];
    const chain = ['--chain', join(vectors, '../nvtrust/hopperCertChain.txt'), '--nonce', demoNonce];
    const token = ['--nras-token', join(samples, 'hopperClaimsv3_detached_eat.json')];
    const keys = ['--nras-jwks', join(vectors, '../hopperClaimsv3_detached_eat.recovered-jwks.json')];
    const otherKeys = ['--nras-jwks', join(vectors, '../switch_detached_eat.recovered-jwks.json')];
    const inTime = ['--at', '2025-06-11T00:45:00Z'];
    const cases = [
      [[...token, ...keys, ...inTime], 0, { status: 'ok' }],
      [[...token, ...inTime], 0, { status: 'not-evaluated' }],
      [[...keys, ...inTime], 0, { status: 'not-evaluated' }],
      [[...token, ...otherKeys, ...inTime], 10, { status: 'failed', code: 'nras-key' }],
      [[...token, ...keys, '--at', '2025-06-11T01:45:00Z'], 10, { status: 'failed', code: 'nras-expired' }],
      [[...token, ...token, ...keys, ...inTime], 0, { status: 'ok' }],
    ] as const;
    for (const [options, expected, step] of cases) {
      const all = ['evidence', 'inspect', '--kind', 'nvidia', ...given, ...chain, ...options, '--json'];
      const { status, stdout } = await wardround(all);
      expect(JSON.parse(stdout)).toMatchObject({
        authentic: expected === 0,
        steps: expect.arrayContaining([expect.objectContaining({ name: 'second-opinion', ...step })]),
      });
      expect(status).toBe(expected);
    }
    const broken = ['--nras-jwks', written('keys.json', '{"keys":[]}')];
    const spoiled = ['evidence', 'inspect', '--kind', 'nvidia', ...given, ...chain, ...token, ...broken, '--json'];
    const { status, stdout } = await wardround(spoiled);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'nras-keys-malformed' } });
    expect(status).toBe(2);
  });
});
