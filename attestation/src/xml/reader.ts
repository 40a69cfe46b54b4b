// A reader of the small, unambiguous part of XML that signed reference values are written in. Whatever two readers could take two ways
// (DTDs, entities, comments, CDATA, processing instructions) is refused before any other library sees the text.
import { WardroundError } from '@wardround/protocol/errors';

export interface XmlElement {
  readonly namespace: string;
  readonly local: string;
  /** By `local`, or `{namespace}local`; namespace declarations are not among them. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** The element's own text, its children's left out. */
  readonly text: string;
  /** Where it stands in the text: start of its `<`, end after its `>`. */
  readonly start: number;
  readonly end: number;
}

export interface XmlDocument {
  /** The text that was read, character for character. */
  readonly text: string;
  readonly root: XmlElement;
}

export interface XmlLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  /** Elements and attributes together. */
  readonly maxNodes: number;
}

/** In scope at once: each element copies them. */
const maxNamespaces = 32;

interface OpenElement {
  readonly name: string;
  readonly namespace: string;
  readonly local: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly scope: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  readonly start: number;
  text: string;
}

const declaration =
  /^<\?xml[ ]+version="1\.0"(?:[ ]+encoding="(?:UTF-8|utf-8|US-ASCII|ASCII)")?(?:[ ]+standalone="(?:yes|no)")?[ ]*\?>/;
const name = '[A-Za-z_][A-Za-z0-9_.-]*(?::[A-Za-z_][A-Za-z0-9_.-]*)?';
const openTag = new RegExp(`<(${name})`, 'y');
const closeTag = new RegExp(`</(${name})[ \\t\\n]*>`, 'y');
const attribute = new RegExp(`[ \\t\\n]+(${name})=(?:"([^"<&\\t\\n]*)"|'([^'<&\\t\\n]*)')`, 'y');
const tagEnd = /[ \t\n]*(\/?)>/y;

/**
 * Reads ASCII XML without DTD, entities, comments, CDATA or processing instructions (one XML declaration is allowed).
 * @throws WardroundError `xml-too-large`, `xml-encoding`, `xml-forbidden`, `xml-limits`, `xml-malformed`
 */
export function readXml(bytes: Uint8Array, limits: XmlLimits): XmlDocument {
  if (bytes.byteLength > limits.maxBytes) {
    throw new WardroundError('xml-too-large', 'larger than any such document', {
      expected: `at most ${limits.maxBytes} bytes`,
      got: `${bytes.byteLength} bytes`,
    });
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const odd = /[^\t\n\x20-\x7e]/.exec(text);
  if (odd !== null) {
    throw new WardroundError('xml-encoding', 'a character other than printable ASCII, tab and line feed', {
      where: `offset ${odd.index}`,
    });
  }
  requireNothingForbidden(text);
  return { text, root: new Reader(text, limits).read() };
}

const forbidden: readonly (readonly [RegExp, string])[] = [
  [/<!DOCTYPE/i, 'a document type declaration'],
  [/<!--/, 'a comment'],
  [/<!\[/, 'a CDATA section'],
  [/<!/, 'a markup declaration'],
  [/&/, 'an entity or character reference'],
];

function requireNothingForbidden(text: string): void {
  const found = forbidden.find(([pattern]) => pattern.test(text));
  const instruction = text.indexOf('<?', declaration.test(text) ? 1 : 0);
  if (found === undefined && instruction === -1) return;
  throw new WardroundError('xml-forbidden', 'XML that two readers could take two ways', {
    got: found?.[1] ?? 'a processing instruction',
    action: 'stop',
  });
}

class Reader {
  readonly #text: string;
  readonly #limits: XmlLimits;
  readonly #open: OpenElement[] = [];
  #at: number;
  #nodes = 0;
  #root: XmlElement | undefined;

  constructor(text: string, limits: XmlLimits) {
    this.#text = text;
    this.#limits = limits;
    this.#at = declaration.exec(text)?.[0].length ?? 0;
  }

  read(): XmlElement {
    while (this.#at < this.#text.length) {
      this.#readText();
      if (this.#at >= this.#text.length) break;
      if (this.#text.startsWith('</', this.#at)) this.#close();
      else this.#openElement();
    }
    if (this.#root === undefined || this.#open.length > 0) throw malformed('one element, closed', this.#at);
    return this.#root;
  }

  #readText(): void {
    const next = this.#text.indexOf('<', this.#at);
    const end = next === -1 ? this.#text.length : next;
    const text = this.#text.slice(this.#at, end);
    const parent = this.#open.at(-1);
    if (text.includes(']]>')) throw malformed('text without ]]>', this.#at);
    if (parent !== undefined) parent.text += text;
    else if (/[^ \t\n]/.test(text)) throw malformed('nothing outside the root element', this.#at);
    this.#at = end;
  }

  #openElement(): void {
    const start = this.#at;
    const tag = this.#match(openTag, 'a tag');
    if (this.#root !== undefined) throw malformed('nothing after the root element', start);
    const { declared, plain } = this.#readAttributes();
    const scope = new Map([...(this.#open.at(-1)?.scope ?? []), ...declared]);
    const [prefix, local] = splitName(tag[1] ?? '');
    if (scope.size > maxNamespaces) throw beyond(`at most ${maxNamespaces} namespaces`);
    const element: OpenElement = {
      name: tag[1] ?? '',
      namespace: this.#resolve(scope, prefix),
      local,
      attributes: this.#qualify(scope, plain),
      scope,
      children: [],
      start,
      text: '',
    };
    this.#open.push(element);
    this.#count(1);
    if (this.#open.length > this.#limits.maxDepth) throw beyond(`a depth of at most ${this.#limits.maxDepth}`);
    if (this.#match(tagEnd, 'the end of a tag')[1] === '/') this.#finish(element);
  }

  #readAttributes(): { declared: Map<string, string>; plain: Map<string, string> } {
    const declared = new Map<string, string>();
    const plain = new Map<string, string>();
    for (;;) {
      attribute.lastIndex = this.#at;
      const found = attribute.exec(this.#text);
      if (found === null) return { declared, plain };
      this.#at = attribute.lastIndex;
      this.#count(1);
      const value = found[2] ?? found[3] ?? '';
      this.#keep(found[1] ?? '', value, { declared, plain });
    }
  }

  #keep(
    qualified: string,
    value: string,
    { declared, plain }: { declared: Map<string, string>; plain: Map<string, string> },
  ): void {
    const [prefix, local] = splitName(qualified);
    const declares = qualified === 'xmlns' ? '' : prefix === 'xmlns' ? local : undefined;
    if (prefix === 'xml' || declares?.startsWith('xml') === true) {
      throw malformed('no attribute of the reserved prefix xml', this.#at);
    }
    if (declares !== undefined && value === '') throw malformed('a namespace that is not empty', this.#at);
    const target = declares === undefined ? plain : declared;
    const key = declares ?? qualified;
    if (target.has(key)) throw malformed('no attribute twice', this.#at);
    target.set(key, value);
  }

  #qualify(scope: ReadonlyMap<string, string>, plain: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>();
    for (const [qualified, value] of plain) {
      const [prefix, local] = splitName(qualified);
      const key = prefix === '' ? local : `{${this.#resolve(scope, prefix)}}${local}`;
      if (attributes.has(key)) throw malformed('no attribute twice', this.#at);
      attributes.set(key, value);
    }
    return attributes;
  }

  #resolve(scope: ReadonlyMap<string, string>, prefix: string): string {
    const namespace = scope.get(prefix) ?? (prefix === '' ? '' : undefined);
    if (namespace === undefined) throw malformed('a prefix that is declared', this.#at);
    return namespace;
  }

  #close(): void {
    const tag = this.#match(closeTag, 'a closing tag');
    const element = this.#open.at(-1);
    if (element === undefined || element.name !== tag[1])
      throw malformed('the tag that is open to be closed', this.#at);
    this.#finish(element);
  }

  #finish({ namespace, local, attributes, children, start, text }: OpenElement): void {
    this.#open.pop();
    const element: XmlElement = { namespace, local, attributes, children, start, end: this.#at, text };
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = element;
    else parent.children.push(element);
  }

  #match(pattern: RegExp, what: string): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) throw malformed(what, this.#at);
    this.#at = pattern.lastIndex;
    return found;
  }

  #count(nodes: number): void {
    this.#nodes += nodes;
    if (this.#nodes > this.#limits.maxNodes) throw beyond(`at most ${this.#limits.maxNodes} elements and attributes`);
  }
}

function splitName(qualified: string): readonly [prefix: string, local: string] {
  const colon = qualified.indexOf(':');
  return colon === -1 ? ['', qualified] : [qualified.slice(0, colon), qualified.slice(colon + 1)];
}

/** The element and everything below it, in the order of the document. */
export function descendants(element: XmlElement): readonly XmlElement[] {
  return [element, ...element.children.flatMap(descendants)];
}

function beyond(expected: string): WardroundError {
  return new WardroundError('xml-limits', 'more than any such document holds', { expected });
}

function malformed(expected: string, offset: number): WardroundError {
  return new WardroundError('xml-malformed', 'not XML that can be read', { expected, where: `offset ${offset}` });
}
