// Importing a sibling role is an error of the module system itself: the wall does not depend on our own test alone.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './imports.ts';

describe('the wall between roles', () => {
  it.each(['coordinator', 'site-agent', 'aggregator-enclave'])('%s cannot be imported by name', (role) => {
    const require = createRequire(join(root, 'cli', 'package.json'));
    expect(() => require.resolve(`@wardround/${role}/main`)).toThrowError(
      expect.objectContaining({ code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }),
    );
    expect(() => require.resolve(`@wardround/${role}`)).toThrowError(
      expect.objectContaining({ code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }),
    );
  });
});
