// YAML files that people write: read strictly, with the line of every value, so that a mistake can be pointed at.
import { readFile } from 'node:fs/promises';
import { isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { WardroundError } from '@wardround/protocol/errors';
import { decimalText } from '@wardround/protocol/plan/decimal-text';

export interface YamlFile {
  readonly path: string;
  readonly value: unknown;
  /** Line (from 1) of what stands at this path, or of the nearest thing around it. */
  lineOf(path: readonly (string | number)[]): number;
}

const maxLength = 4 * 1024 * 1024;

/** @throws WardroundError `file-unreadable`, `yaml-invalid` */
export async function readYamlFile(path: string): Promise<YamlFile> {
  return parseYaml(await readText(path), path);
}

/** @throws WardroundError `file-unreadable` */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new WardroundError('file-unreadable', 'this file cannot be read', { where: path, cause });
  }
}

/** @throws WardroundError `yaml-invalid` with the line, for anything that could be read two ways */
export function parseYaml(text: string, path: string): YamlFile {
  if (text.length > maxLength) throw invalid('larger than any file of ours', path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  const [mistake] = [...document.errors, ...document.warnings];
  if (mistake !== undefined) {
    const [sentence = 'not YAML'] = mistake.message.split('\n');
    throw invalid(sentence, `${path} line ${mistake.linePos?.[0].line ?? 1}`, mistake);
  }
  refuseSurprises(document.contents, (node) => `${path} line ${lineOfNode(node, lines)}`);
  return {
    path,
    value: document.toJS({ maxAliasCount: 0 }),
    lineOf: (place) => lineOfNode(nodeAt(document.contents, place), lines),
  };
}

/** Aliases and numbers that a double would change mean something else to the reader than to the program. */
function refuseSurprises(contents: unknown, where: (node: Node) => string): void {
  if (!isNode(contents)) return;
  visit(contents, {
    Alias: (_key, node) => {
      throw invalid('anchors and aliases are not used in our files', where(node));
    },
    Scalar: (_key, node) => {
      if (typeof node.value === 'number' && !isExact(node.value, node.source)) {
        throw invalid('a number that would not be kept exactly; put it in quotes', where(node));
      }
      if (node.value === '__proto__') throw invalid('not a name that may be used', where(node));
    },
  });
}

function isExact(value: number, source: string | undefined): boolean {
  if (!Number.isFinite(value)) return false;
  if (source === undefined || /^[-+]?0[xo]/.test(source)) return Number.isSafeInteger(value);
  try {
    return decimalText(source) === decimalText(value);
  } catch {
    return false;
  }
}

function nodeAt(contents: unknown, path: readonly (string | number)[]): unknown {
  let node = contents;
  for (const part of path) {
    const next = childOf(node, part);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

/** For a map's member the key, where the value has no place of its own. */
function childOf(node: unknown, part: string | number): unknown {
  if (isSeq(node) && typeof part === 'number') return node.items[part];
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
  return pair?.value ?? pair?.key;
}

function lineOfNode(node: unknown, lines: LineCounter): number {
  const start = isNode(node) ? node.range?.[0] : undefined;
  return start === undefined ? 1 : lines.linePos(start).line;
}

function invalid(message: string, where: string, cause?: unknown): WardroundError {
  return new WardroundError('yaml-invalid', message, { where, cause });
}
