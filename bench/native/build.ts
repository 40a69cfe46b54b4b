// tfjs-node where its own installer reaches nothing: `npm run native:build -- --out FOLDER`, and `npm run native:prove` for the learning suite on it.
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend } from '@wardround/learning/tfjs/backend';
import { buildAddon, modulesIn } from './addon.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(tmpdir(), 'wardround-native-tensorflow') },
      prove: { type: 'boolean', default: false },
      start: { type: 'boolean', default: false },
    },
  });
  if (values.start) {
    console.log((await startBackend('tfjs-node')).description);
    return;
  }
  const folder = resolve(values.out);
  buildAddon(folder);
  // In a process of its own: NODE_PATH is read when Node starts.
  const env = { ...process.env, NODE_PATH: modulesIn(folder), WARDROUND_TEST_BACKEND: 'tfjs-node' };
  const started = spawnSync(process.execPath, [import.meta.filename, '--start'], { env, stdio: 'inherit' });
  process.exitCode = started.status ?? 1;
  if (process.exitCode !== 0) return;
  console.log(`\nNODE_PATH=${modulesIn(folder)} is where wardround finds it.`);
  if (!values.prove) return;
  process.exitCode = spawnSync('vitest', ['run', 'test/learning'], { env, stdio: 'inherit' }).status ?? 1;
}

await main();
