// coordinator.yaml: one mistake each, named by its path.
import { describe, expect, it } from 'vitest';
import { defaultConfig, parseConfig, renderConfig } from '../../coordinator/src/config.ts';

const text = renderConfig(defaultConfig);

describe('the configuration', () => {
  it('reads what init writes', () => {
    expect(parseConfig(text, 'coordinator.yaml')).toEqual(defaultConfig);
  });

  it.each([
    ['a port that is none', text.replace('port: 8470', 'port: 84700'), 'coordinator.yaml: port'],
    ['a port as text', text.replace('port: 8470', 'port: "8470"'), 'coordinator.yaml: port'],
    ['a typo', text.replace('host:', 'hots:'), 'coordinator.yaml: hots'],
    [
      'a path in the URL',
      text.replace('publicUrl: null', 'publicUrl: https://c.example/x'),
      'coordinator.yaml: publicUrl',
    ],
    ['another scheme', text.replace('publicUrl: null', 'publicUrl: ftp://c.example'), 'coordinator.yaml: publicUrl'],
    ['a federation by name', text.replace('federation: null', 'federation: heart'), 'coordinator.yaml: federation'],
    [
      'a host that others reach, without saying how',
      text.replace('host: 127.0.0.1', 'host: 0.0.0.0'),
      'coordinator.yaml: publicUrl',
    ],
    [
      'a quota below one chunk',
      text.replace(/chunkQuotaBytes: \d+/, 'chunkQuotaBytes: 1'),
      'coordinator.yaml: chunkQuotaBytes',
    ],
    ['a limit of none', text.replace('connections: 1000', 'connections: 0'), 'coordinator.yaml: limits.connections'],
    ['a typo further in', text.replace('  connections:', '  conections:'), 'coordinator.yaml: limits.conections'],
    ['a limit left out', text.replace('  connections: 1000\n', ''), 'coordinator.yaml: limits.connections'],
    ['another format', text.replace('coordinator/v1', 'coordinator/v2'), 'coordinator.yaml: wardround'],
    ['a key twice', `${text}port: 1\n`, 'coordinator.yaml'],
    ['no YAML', 'a: [', 'coordinator.yaml'],
    ['nothing', '', 'coordinator.yaml'],
  ])('refuses %s', (_what, changed, where) => {
    expect(() => parseConfig(changed, 'coordinator.yaml')).toThrow(
      expect.objectContaining({ code: 'config-invalid', where }),
    );
  });

  it('does not expand aliases', () => {
    const bomb = `a: &a [1]\nb: [*a, *a]\n${text}`;
    expect(() => parseConfig(bomb, 'coordinator.yaml')).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });
});
