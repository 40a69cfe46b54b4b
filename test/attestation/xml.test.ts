// The XML that we read at all: what two readers could take two ways is refused, and so is whatever would exhaust memory or time.
import { describe, expect, it } from 'vitest';
import { utf8 } from '@wardround/protocol/bytes';
import type { XmlElement } from '@wardround/attestation/xml/reader';
import { readXml } from '@wardround/attestation/xml/reader';

const limits = { maxBytes: 20_000, maxDepth: 6, maxNodes: 100 };
const read = (text: string): XmlElement => readXml(utf8(text), limits).root;
const codeOf = (text: string | Uint8Array): unknown => {
  try {
    readXml(typeof text === 'string' ? utf8(text) : text, limits);
    return 'ok';
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
  }
};

describe('what is read', () => {
  it('elements, attributes, text and namespaces', () => {
    const root = read(
      `<?xml version="1.0" encoding="UTF-8"?>\n<a xmlns="urn:one" xmlns:p="urn:two" k='v'>x<p:b p:k="w"/>y</a>\n`,
    );
    expect(root).toMatchObject({ namespace: 'urn:one', local: 'a', text: 'xy' });
    expect([...root.attributes]).toEqual([['k', 'v']]);
    expect(root.children[0]).toMatchObject({ namespace: 'urn:two', local: 'b' });
    expect(root.children[0]?.attributes.get('{urn:two}k')).toBe('w');
  });

  it('a prefix that is bound anew below', () => {
    const [child] = read('<p:a xmlns:p="urn:one"><p:b xmlns:p="urn:two"/></p:a>').children;
    expect(child?.namespace).toBe('urn:two');
  });

  it('where an element stands', () => {
    const text = '<a> <b></b></a>';
    const [child] = read(text).children;
    expect(text.slice(child?.start, child?.end)).toBe('<b></b>');
  });
});

describe('what is refused', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['a document type', '<!DOCTYPE a><a/>', 'xml-forbidden'],
    ['a document type in lower case', '<!doctype a><a/>', 'xml-forbidden'],
    ['entities', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'xml-forbidden'],
    ['a billion laughs', `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>`, 'xml-forbidden'],
    ['an external entity', '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', 'xml-forbidden'],
    ['a predefined entity', '<a>&amp;</a>', 'xml-forbidden'],
    ['a character reference', '<a b="&#65;"/>', 'xml-forbidden'],
    ['a comment', '<a><!-- b --></a>', 'xml-forbidden'],
    ['a comment within text', '<a>1<!---->2</a>', 'xml-forbidden'],
    ['a CDATA section', '<a><![CDATA[b]]></a>', 'xml-forbidden'],
    ['a processing instruction', '<a><?b c?></a>', 'xml-forbidden'],
    ['a style sheet', '<?xml version="1.0"?><?xml-stylesheet href="b"?><a/>', 'xml-forbidden'],
    ['a second declaration', '<?xml version="1.0"?><?xml version="1.0"?><a/>', 'xml-forbidden'],
    ['a declaration after white space', ' <?xml version="1.0"?><a/>', 'xml-forbidden'],
    ['XML 1.1', '<?xml version="1.1"?><a/>', 'xml-forbidden'],
    ['UTF-16 said', '<?xml version="1.0" encoding="UTF-16"?><a/>', 'xml-forbidden'],
    ['a carriage return', '<a>\r\n</a>', 'xml-encoding'],
    ['a byte order mark', '\uFEFF<a/>', 'xml-encoding'],
    ['a letter beyond ASCII', '<a>é</a>', 'xml-encoding'],
    ['a NUL', '<a>\0</a>', 'xml-encoding'],
    ['nothing', '', 'xml-malformed'],
    ['text alone', 'hello', 'xml-malformed'],
    ['two roots', '<a/><b/>', 'xml-malformed'],
    ['text after the root', '<a/>b', 'xml-malformed'],
    ['an element that stays open', '<a><b></b>', 'xml-malformed'],
    ['elements that cross', '<a><b></a></b>', 'xml-malformed'],
    ['a closing tag too many', '<a></a></a>', 'xml-malformed'],
    ['a closing tag of another prefix', '<p:a xmlns:p="u" xmlns:q="u"></q:a>', 'xml-malformed'],
    ['a prefix that nobody declared', '<p:a/>', 'xml-malformed'],
    ['an attribute’s prefix that nobody declared', '<a p:b="c"/>', 'xml-malformed'],
    ['an attribute twice', '<a b="1" b="2"/>', 'xml-malformed'],
    ['an attribute twice, by two prefixes', '<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>', 'xml-malformed'],
    ['a namespace twice', '<a xmlns:p="u" xmlns:p="v"/>', 'xml-malformed'],
    ['a namespace taken back', '<a xmlns=""/>', 'xml-malformed'],
    ['the reserved prefix', '<a xml:base="b"/>', 'xml-malformed'],
    ['the reserved prefix declared', '<a xmlns:xml="u"/>', 'xml-malformed'],
    ['the prefix xmlns declared', '<a xmlns:xmlns="u"/>', 'xml-malformed'],
    ['an attribute without quotes', '<a b=c/>', 'xml-malformed'],
    ['an attribute without value', '<a b/>', 'xml-malformed'],
    ['attributes without space', '<a b="1"c="2"/>', 'xml-malformed'],
    ['a line feed in an attribute', '<a b="1\n2"/>', 'xml-malformed'],
    ['a tag in an attribute', '<a b="<"/>', 'xml-malformed'],
    ['two colons', '<p:q:a xmlns:p="u"/>', 'xml-malformed'],
    ['the end of CDATA in text', '<a>]]></a>', 'xml-malformed'],
    ['a name that begins with a digit', '<1/>', 'xml-malformed'],
    ['too deep', `${'<a>'.repeat(7)}${'</a>'.repeat(7)}`, 'xml-limits'],
    ['too many elements', `<a>${'<b/>'.repeat(100)}</a>`, 'xml-limits'],
    [
      'too many attributes',
      `<a ${Array.from({ length: 100 }, (_, index) => `a${index}="b"`).join(' ')}/>`,
      'xml-limits',
    ],
    [
      'too many namespaces',
      `<a ${Array.from({ length: 33 }, (_, index) => `xmlns:a${index}="b"`).join(' ')}/>`,
      'xml-limits',
    ],
    ['too large', `<a>${' '.repeat(20_000)}</a>`, 'xml-too-large'],
  ];

  it.each(cases)('%s', (_, text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it('a depth that would exhaust a stack', () => {
    const deep = { maxBytes: 10_000_000, maxDepth: 1_000_000, maxNodes: 64 };
    expect(() => readXml(utf8('<a>'.repeat(200_000)), deep)).toThrow(expect.objectContaining({ code: 'xml-limits' }));
  });

  it('a text at every length', () => {
    const text = '<?xml version="1.0"?><a xmlns="urn:one" b="c"> <d e="f">g</d> </a>';
    for (let length = 0; length < text.length; length += 1) {
      expect(codeOf(text.slice(0, length)), text.slice(0, length)).toMatch(/^xml-/);
    }
    expect(codeOf(text)).toBe('ok');
  });
});
