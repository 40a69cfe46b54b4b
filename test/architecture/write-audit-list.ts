// Writes the computed lists into docs/audit.md: `npm run audit:list`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withComputedSections } from './audit-list.ts';
import { root } from './imports.ts';

const page = join(root, 'docs/audit.md');
writeFileSync(page, withComputedSections(readFileSync(page, 'utf8')));
