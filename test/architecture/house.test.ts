// The house: who may import whom. A breach names the file that made it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, type Room, roomOf, root, rooms, sourceFiles } from './imports.ts';

/** Arrows run down only; a role never imports a role. */
const mayImport: Record<Room, readonly Room[]> = {
  protocol: [],
  attestation: ['protocol'],
  privacy: ['protocol'],
  learning: ['protocol'],
  datasets: ['protocol'],
  relay: ['protocol'],
  'command-line': ['protocol'],
  coordinator: ['protocol', 'command-line'],
  'aggregator-enclave': ['protocol', 'attestation', 'privacy', 'learning', 'relay', 'command-line'],
  'site-agent': ['protocol', 'attestation', 'privacy', 'learning', 'datasets', 'relay', 'command-line'],
  cli: ['protocol', 'attestation', 'privacy', 'learning', 'datasets', 'relay'],
};
const roles: readonly Room[] = ['coordinator', 'site-agent', 'aggregator-enclave'];
const pureRooms: readonly Room[] = ['protocol', 'attestation', 'privacy'];
const outsideWorld =
  /^(?:node:)?(?:fs|net|http|https|http2|dgram|dns|tls|child_process|worker_threads|cluster|inspector|sqlite)(?:\/|$)|^(?:undici|socket\.io|socket\.io-client|fastify|pg|pino)$/;

const all = sourceFiles().flatMap((file) => importsOf(file));

function breaches(isBreach: (entry: (typeof all)[number]) => boolean): string[] {
  return all.filter(isBreach).map((entry) => `${entry.file} imports ${entry.specifier}`);
}

describe('the house', () => {
  it('has files in every room', () => {
    for (const room of rooms)
      expect(
        sourceFiles().some((file) => file.startsWith(`${room}/`)),
        room,
      ).toBe(true);
  });

  it('lets arrows run down only', () => {
    expect(
      breaches(({ file, target }) => {
        const from = roomOf(file);
        const to = target === null ? null : roomOf(target);
        return from !== null && to !== null && from !== to && !mayImport[from].includes(to);
      }),
    ).toEqual([]);
  });

  it('crosses rooms by package name, never by a relative path', () => {
    expect(
      breaches(
        ({ file, specifier, target }) =>
          specifier.startsWith('.') && target !== null && roomOf(file) !== roomOf(target),
      ),
    ).toEqual([]);
  });

  it('keeps sockets, files and processes out of the pure rooms', () => {
    expect(
      breaches(
        ({ file, specifier }) => pureRooms.some((room) => file.startsWith(`${room}/`)) && outsideWorld.test(specifier),
      ),
    ).toEqual([]);
  });

  it('keeps TensorFlow inside learning, in files whose path says so', () => {
    expect(
      breaches(
        ({ file, specifier }) => specifier.startsWith('@tensorflow/') && !/^learning\/src\/(?:.*\/)?tfjs\//.test(file),
      ),
    ).toEqual([]);
  });

  it('exports nothing from a role', () => {
    for (const role of roles) {
      const manifest: unknown = JSON.parse(readFileSync(join(root, role, 'package.json'), 'utf8'));
      expect(manifest, role).toMatchObject({ exports: { './package.json': './package.json' } });
      expect(Object.keys((manifest as { exports: object }).exports), role).toEqual(['./package.json']);
    }
  });

  it('has no computed import that this test could not read', () => {
    expect(breaches(({ specifier }) => specifier === '<computed>')).toEqual([]);
  });

  it('imports only files that exist', () => {
    expect(breaches(({ target }) => target !== null && !target.endsWith('.ts'))).toEqual([]);
  });

  it('starts each file with a line that says what lives there', () => {
    const silent = sourceFiles().filter((file) => {
      const [first = '', second = ''] = readFileSync(join(root, file), 'utf8').split('\n');
      return !(
        first.startsWith('// ') ||
        (first.startsWith('#!') && second.startsWith('// ')) ||
        first.startsWith('/*')
      );
    });
    expect(silent).toEqual([]);
  });

  it('declares every package that a room imports', () => {
    const undeclared = all.filter(({ file, specifier, target }) => {
      const room = roomOf(file);
      if (room === null || specifier.startsWith('.') || specifier.startsWith('node:')) return false;
      const manifest = JSON.parse(readFileSync(join(root, room, 'package.json'), 'utf8')) as {
        dependencies?: Record<string, string>;
        peerDependencies?: Record<string, string>;
      };
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      const declared = { ...manifest.peerDependencies, ...manifest.dependencies };
      return target === null || name.startsWith('@wardround/') ? declared[name] === undefined : false;
    });
    expect(undeclared.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([]);
  });
});
