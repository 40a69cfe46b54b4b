// Builds tfjs-node's addon without its installer: its npm package, its two C++ files, and the C library inside PyPI's TensorFlow wheel.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';

/** TensorFlow's newest release of which the addon's sources of 2022 are known to compile and pass here; its wheel is of Python 3.11. */
const tensorFlow = { wheel: 'tensorflow-cpu==2.15.1', python: '3.11', abi: 'cp311' } as const;
const repository = resolve(import.meta.dirname, '../..');
const learning = createRequire(join(repository, 'learning/package.json'));
const minute = 60_000;

/** What NODE_PATH must name for `startBackend('tfjs-node')` to find what was built. */
export function modulesIn(folder: string): string {
  return join(folder, 'node_modules');
}

/** Every step says on stderr what it does; a step that fails throws with its command. @param folder outside the repository */
export function buildAddon(folder: string): void {
  requirePlace(folder);
  const room = join(modulesIn(folder), '@tensorflow', 'tfjs-node');
  if (existsSync(addonIn(room))) return say(`it is built already: ${addonIn(room)}`);
  mkdirSync(folder, { recursive: true });
  say('tfjs-node from npm, none of its scripts run');
  fetchPackage(folder);
  say(`${tensorFlow.wheel} from PyPI (207 MB)`);
  unpackTensorFlow(folder, join(room, 'deps'));
  say('compiling');
  compile(room);
  say(`built: ${addonIn(room)}`);
}

function requirePlace(folder: string): void {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('only tried on Linux x64: other wheels keep their library elsewhere');
  if (`${folder}${sep}`.startsWith(`${repository}${sep}`)) throw new Error('the addon is built outside the repository');
}

/** Where @mapbox/node-pre-gyp looks for it: Node-API 8 is the newest that tfjs-node 4.22 names. */
function addonIn(room: string): string {
  return join(room, 'lib', 'napi-v8', 'tfjs_binding.node');
}

function fetchPackage(folder: string): void {
  const { version } = packageOf('@tensorflow/tfjs');
  const dependencies = { '@tensorflow/tfjs-node': version };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], folder);
  // Our tfjs in the place of a second one: a tensor and its backend are of one tfjs.
  const ours = dirname(packageOf('@tensorflow/tfjs').directory);
  const theirs = join(modulesIn(folder), '@tensorflow');
  for (const name of readdirSync(theirs).filter((other) => other !== 'tfjs-node')) {
    if (!existsSync(join(ours, name))) continue;
    rmSync(join(theirs, name), { recursive: true });
    symlinkSync(join(ours, name), join(theirs, name));
  }
}

function unpackTensorFlow(folder: string, deps: string): void {
  const wheels = join(folder, 'wheels');
  const kind = ['--python-version', tensorFlow.python, '--implementation', 'cp', '--abi', tensorFlow.abi];
  const where = ['--platform', 'manylinux2014_x86_64', '--platform', 'manylinux_2_17_x86_64'];
  run(
    'python3',
    [
      '-m',
      'pip',
      'download',
      '-q',
      '--no-deps',
      '--only-binary=:all:',
      ...kind,
      ...where,
      '-d',
      wheels,
      tensorFlow.wheel,
    ],
    folder,
  );
  const [wheel = ''] = readdirSync(wheels);
  run('python3', [join(import.meta.dirname, 'unpack.py'), join(wheels, wheel), deps], folder);
  rmSync(wheels, { recursive: true });
  // The names by which tfjs-node's build and loader know them.
  symlinkSync('libtensorflow_cc.so.2', join(deps, 'lib', 'libtensorflow.so'));
  symlinkSync('libtensorflow_framework.so.2', join(deps, 'lib', 'libtensorflow_framework.so'));
}

/** As its binding.gyp says, without node-gyp, which would download Node's headers: they come with Node's own archive. */
function compile(room: string): void {
  mkdirSync(dirname(addonIn(room)), { recursive: true });
  const headers = resolve(process.execPath, '../../include/node');
  if (!existsSync(join(headers, 'node_api.h'))) throw new Error(`no Node headers in ${headers}`);
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(room, 'binding', name));
  const includes = [headers, dirname(room), join(room, 'deps', 'include')].map((path) => `-I${path}`);
  const libraries = [`-L${join(room, 'deps', 'lib')}`, '-ltensorflow', '-ltensorflow_framework'];
  const flags = ['-shared', '-fPIC', '-O2', '-std=c++17', '-DNAPI_VERSION=8', '-Wl,-rpath,$ORIGIN/../../deps/lib'];
  run(process.env['CXX'] ?? 'g++', [...flags, ...includes, ...sources, ...libraries, '-o', addonIn(room)], room);
}

function packageOf(name: string): { readonly directory: string; readonly version: string } {
  const path = learning.resolve(`${name}/package.json`);
  const manifest: unknown = learning(path);
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) throw new Error(path);
  return { directory: dirname(path), version: String(manifest.version) };
}

function run(command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'], timeout: 15 * minute });
}

function say(what: string): void {
  process.stderr.write(`native TensorFlow: ${what}\n`);
}
