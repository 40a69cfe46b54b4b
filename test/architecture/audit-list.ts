// The two closures that an auditor reads, computed from the imports, and the page that lists them.
import { closureOf } from './imports.ts';

/** Everything from which something can leave a hospital, and everything that touches one hospital's update inside the enclave. */
export const auditEntries = {
  site: 'site-agent/src/vault/main.ts',
  enclave: 'aggregator-enclave/src/enclave/enclave.ts',
} as const;

const begin = (name: string): string => `<!-- computed:${name} -->`;
const end = '<!-- end -->';

export function computedSection(name: keyof typeof auditEntries): string {
  const { files, packages } = closureOf(auditEntries[name]);
  return [
    begin(name),
    `Entry: \`${auditEntries[name]}\`. ${files.length} files.`,
    '',
    ...files.map((file) => `- \`${file}\``),
    '',
    `Packages and Node modules it reaches directly: ${packages.map((name) => `\`${name}\``).join(', ')}.`,
    end,
  ].join('\n');
}

export function withComputedSections(page: string): string {
  return (['site', 'enclave'] as const).reduce((text, name) => replaceSection(text, name), page);
}

function replaceSection(page: string, name: keyof typeof auditEntries): string {
  const from = page.indexOf(begin(name));
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`docs/audit.md has no section ${begin(name)}`);
  return page.slice(0, from) + computedSection(name) + page.slice(to + end.length);
}
