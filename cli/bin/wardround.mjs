#!/usr/bin/env node
// The launcher: plain JavaScript that any Node from 18 on reads. It makes sure that the program itself runs under Node 24, because only
// that has the cryptography (ML-KEM in WebCrypto) and runs TypeScript as it is. No third-party code may be imported here.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const requiredMajor = 24;

if (Number(process.versions.node.split('.')[0]) >= requiredMajor) {
  hushExperimentalWarnings();
  await import('../src/main.ts');
} else {
  const runtime = findRuntime();
  if (runtime === null) {
    process.stderr.write(
      `wardround needs Node ${requiredMajor}, which npm installs beside it (package node-${process.platform}-${process.arch}), but that ` +
        `package is not here and this is Node ${process.versions.node}: run npm ci again without --omit=optional, or start it with ` +
        `Node ${requiredMajor}. [runtime-missing]\n`,
    );
    process.exitCode = 1;
  } else {
    runUnder(runtime);
  }
}

/** What we use of Node is pinned to one version and tested; that it calls some of it experimental is no news for a person at work. */
function hushExperimentalWarnings() {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'object' && rest[0] !== null ? rest[0].type : rest[0];
    if (type !== 'ExperimentalWarning') emitWarning(warning, ...rest);
  };
}

/** The official Node binary that npm put into node_modules for this machine, or null. */
function findRuntime() {
  try {
    const name = `node-${process.platform}-${process.arch}`;
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    const binary = join(folder, 'bin', 'node');
    return existsSync(binary) ? binary : null;
  } catch {
    return null;
  }
}

/** Runs this file again under that Node; signals go to it, its end becomes ours. */
function runUnder(runtime) {
  const child = spawn(runtime, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => {
    process.stderr.write(`wardround could not start ${runtime}: ${error.message} [runtime-failed]\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}
