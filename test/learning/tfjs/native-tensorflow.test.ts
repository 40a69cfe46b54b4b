// TensorFlow's native packages: absent, of another release, without the GPU that was asked for, or each other, they are errors. The packages
// here are stand-ins in a folder of NODE_PATH; the real one is proved by `npm run native:prove`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendNames, isNativeBackend } from '@wardround/learning/tfjs/backend-name';

const room = join(import.meta.dirname, '../../../learning');
const tfjs = createRequire(join(room, 'package.json')).resolve('@tensorflow/tfjs');

interface StandIn {
  readonly release?: string;
  readonly isGpuPackage?: boolean;
  readonly isOnGpu?: boolean;
  readonly first?: string;
}

/** A package that registers plain JS as `tensorflow`, as tfjs-node registers TensorFlow. */
function standIn({ release = '4.22.0', isGpuPackage = false, isOnGpu = false, first = '' }: StandIn): string {
  return `
    ${first}
    const tf = require(${JSON.stringify(tfjs)});
    exports.version = { 'tfjs-node': '4.22.0', tfjs: ${JSON.stringify(release)} };
    const { MathBackendCPU } = require(require.resolve('@tensorflow/tfjs-backend-cpu', { paths: [${JSON.stringify(tfjs)}] }));
    tf.registerBackend('tensorflow', () => Object.assign(new MathBackendCPU(), {
      isGPUPackage: ${isGpuPackage}, isUsingGpuDevice: ${isOnGpu}, binding: { TF_Version: '2.15.1' },
    }), 3);
    tf.setBackend('tensorflow');`;
}

describe('a native backend', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'native-tensorflow-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function start(packages: Readonly<Record<string, string>>, script: string): string {
    const modules = mkdtempSync(join(folder, 'modules-'));
    for (const [name, source] of Object.entries(packages)) {
      mkdirSync(join(modules, '@tensorflow', name), { recursive: true });
      writeFileSync(join(modules, '@tensorflow', name, 'index.js'), source);
    }
    const module = JSON.stringify(join(room, 'src/tfjs/backend.ts'));
    const source = `import { startBackend } from ${module};
      const tried = (name) => startBackend(name).then(
        (backend) => [backend.name, backend.tf.getBackend(), backend.description].join(' | '),
        (error) => [error.code, error.expected, error.got].join(' | '));
      ${script}`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, NODE_PATH: modules },
    });
    return stdout === '' ? stderr : stdout.trim();
  }
  const tried = (name: string): string => `console.log(await tried(${JSON.stringify(name)}));`;

  it('is one by its name', () => {
    expect(backendNames.filter(isNativeBackend)).toEqual(['tfjs-node', 'tfjs-node-gpu']);
  });

  it.each(['tfjs-node', 'tfjs-node-gpu'])('that is not installed is an error: %s', (name) => {
    const broken = { [name]: "throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });" };
    expect(start(broken, tried(name))).toBe(
      `backend-unavailable | ${name} | it did not start: its package is not installed`,
    );
  });

  it('starts, says what it is, and trains nothing on another', () => {
    const output = start({ 'tfjs-node': standIn({}) }, tried('tfjs-node'));
    expect(output).toMatch(
      /^tfjs-node \| tensorflow \| tfjs-node 4\.22\.0 \(TensorFlow 2\.15\.1, CPU\), tfjs 4\.22\.0, Node \d+/,
    );
  });

  it('finds util.isNullOrUndefined when it loads, and nothing of it when util is listed', () => {
    const first = `const util = require('util');
      const { isNullOrUndefined } = util;
      console.log(isNullOrUndefined(null), isNullOrUndefined(undefined), isNullOrUndefined(0), isNullOrUndefined(''));`;
    const output = start(
      { 'tfjs-node': standIn({ first }) },
      `import util from 'node:util';
       const before = Object.keys(util).length;
       ${tried('tfjs-node')}
       console.log(Object.keys(util).length === before);`,
    );
    expect(output.split('\n').toSpliced(1, 1)).toEqual(['true true false false', 'true']);
  });

  it('loads nothing for WASM, and leaves util alone', () => {
    const spoiled = { 'tfjs-node': "console.log('loaded');", 'tfjs-node-gpu': "console.log('loaded');" };
    const output = start(
      spoiled,
      `import util from 'node:util'; const before = 'isNullOrUndefined' in util; ${tried('wasm')}
       console.log(('isNullOrUndefined' in util) === before);`,
    );
    expect(output).toMatch(/^wasm \| wasm \| tfjs-wasm .*\ntrue$/);
  });

  const refused: readonly (readonly [string, string, Record<string, string>, string])[] = [
    [
      'of another release of tfjs',
      'tfjs-node',
      { 'tfjs-node': standIn({ release: '4.21.0' }) },
      'it comes with tfjs 4.21.0, ours is 4.22.0',
    ],
    [
      'that is no package of TensorFlow',
      'tfjs-node',
      { 'tfjs-node': '' },
      'no version.tfjs-node in the native package',
    ],
    [
      'for a GPU on a machine without one',
      'tfjs-node-gpu',
      { 'tfjs-node-gpu': standIn({ isGpuPackage: true }) },
      'TensorFlow found no GPU that it can use',
    ],
    ['that throws', 'tfjs-node', { 'tfjs-node': "throw new Error('no libtensorflow.so.2');" }, 'no libtensorflow.so.2'],
    [
      'that registers nothing',
      'tfjs-node',
      { 'tfjs-node': "exports.version = { tfjs: '4.22.0', 'tfjs-node': '4.22.0' };" },
      "Backend name 'tensorflow' not found in registry",
    ],
  ];
  it.each(refused)('%s is an error, never WASM', (_, name, packages, why) => {
    expect(start(packages, tried(name))).toBe(`backend-unavailable | ${name} | it did not start: ${why}`);
  });

  it('is not the other package under its name', () => {
    const gpu = standIn({ isGpuPackage: true, isOnGpu: true });
    const output = start(
      { 'tfjs-node': standIn({}), 'tfjs-node-gpu': gpu },
      tried('tfjs-node') + tried('tfjs-node-gpu'),
    );
    expect(output.split('\n').at(-1)).toBe(
      'backend-unavailable | tfjs-node-gpu | it did not start: the other native package was here first',
    );
  });

  it('for a GPU starts where there is one', () => {
    expect(
      start({ 'tfjs-node-gpu': standIn({ isGpuPackage: true, isOnGpu: true }) }, tried('tfjs-node-gpu')),
    ).toContain('tfjs-node-gpu 4.22.0 (TensorFlow 2.15.1, GPU)');
  });
});
