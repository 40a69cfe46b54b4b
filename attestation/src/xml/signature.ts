// XML-DSig (W3C, xmldsig-core1) in the one shape in which NVIDIA signs reference values: a single enveloped signature over the whole
// document. The shape is checked first, by our own strict reader; xml-crypto then computes digest and signature; and only the
// content that it reports as signed is handed on, so nothing that was wrapped around it is ever read.
import type { KeyLike, KeyObject } from 'node:crypto';
import { verify } from 'node:crypto';
import { C14nCanonicalization, SignedXml } from 'xml-crypto';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, sha384, utf8 } from '@wardround/protocol/bytes';
import type { XmlDocument, XmlElement, XmlLimits } from './reader.ts';
import { descendants, readXml } from './reader.ts';

const dsig = 'http://www.w3.org/2000/09/xmldsig#';
export const xmlAlgorithms = {
  c14n11: 'http://www.w3.org/2006/12/xml-c14n11',
  enveloped: `${dsig}enveloped-signature`,
  ecdsaSha384: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384',
  sha384: 'http://www.w3.org/2001/04/xmldsig-more#sha384',
} as const;

/** A signature whose shape is right; whether it holds is `verifyXmlSignature`'s word. */
export interface XmlSignature {
  readonly document: XmlDocument;
  /** The `Signature` element's own text. */
  readonly text: string;
  /** DER of the KeyInfo's certificates, in the order in which they stand. */
  readonly certificates: readonly Bytes[];
}

const maxCertificates = 8;

/**
 * Finds the one signature of a document and requires its exact shape: child of the root, one Reference to the whole document,
 * exactly the transforms enveloped-signature and C14N 1.1, ECDSA with SHA-384, certificates in KeyInfo and nothing else.
 * @throws WardroundError `xml-signature-shape`
 */
export function readXmlSignature(document: XmlDocument): XmlSignature {
  const all = descendants(document.root);
  const signatures = all.filter(({ local }) => local === 'Signature');
  const [signature] = signatures;
  if (signature === undefined || signatures.length !== 1) throw shape('exactly one Signature', `${signatures.length}`);
  if (!document.root.children.includes(signature)) throw shape('a Signature that is a child of the root');
  const inside = new Set(descendants(signature));
  // xml-crypto finds some elements by their local name alone, wherever they stand: none of these may stand anywhere else.
  const stray = all.find(({ local, namespace }, index) => {
    const element = all[index];
    return element !== undefined && !inside.has(element) && (namespace === dsig || signatureNames.has(local));
  });
  if (stray !== undefined) throw shape('no element of a signature outside it', stray.local);
  const certificates = readSignature(signature);
  return { document, text: document.text.slice(signature.start, signature.end), certificates };
}

const signatureNames: ReadonlySet<string> = new Set([
  'Signature',
  'SignedInfo',
  'SignatureValue',
  'KeyInfo',
  'CanonicalizationMethod',
  'SignatureMethod',
  'Reference',
  'Transforms',
  'Transform',
  'DigestMethod',
  'DigestValue',
]);

function readSignature(signature: XmlElement): readonly Bytes[] {
  const [signedInfo, value, keyInfo] = members(signature, ['SignedInfo', 'SignatureValue', 'KeyInfo']);
  const [canonicalization, method, reference] = members(signedInfo, [
    'CanonicalizationMethod',
    'SignatureMethod',
    'Reference',
  ]);
  requireAlgorithm(canonicalization, xmlAlgorithms.c14n11);
  requireAlgorithm(method, xmlAlgorithms.ecdsaSha384);
  readReference(reference);
  if (decodeBase64(value).byteLength !== 96) throw shape('a signature of 96 bytes');
  const [data] = members(keyInfo, ['X509Data']);
  return readCertificates(data);
}

function readReference(reference: XmlElement): void {
  const [transforms, digestMethod, digestValue] = members(
    reference,
    ['Transforms', 'DigestMethod', 'DigestValue'],
    new Map([['URI', '']]),
  );
  const [first, second] = members(transforms, ['Transform', 'Transform']);
  requireAlgorithm(first, xmlAlgorithms.enveloped);
  requireAlgorithm(second, xmlAlgorithms.c14n11);
  requireAlgorithm(digestMethod, xmlAlgorithms.sha384);
  if (decodeBase64(digestValue).byteLength !== 48) throw shape('a digest of 48 bytes');
}

function readCertificates(data: XmlElement): readonly Bytes[] {
  const names = data.children.map(() => 'X509Certificate');
  if (names.length === 0 || names.length > maxCertificates) throw shape(`1 to ${maxCertificates} certificates`);
  return members(data, names).map(decodeBase64);
}

/** Exactly these children, in this order, in the namespace of signatures; exactly these attributes; no text between. */
function members<const Names extends readonly string[]>(
  element: XmlElement | undefined,
  names: Names,
  attributes: ReadonlyMap<string, string> = new Map(),
): { readonly [Index in keyof Names]: XmlElement } & readonly XmlElement[] {
  if (element === undefined) throw shape('an element of a signature');
  requireExact(element, attributes);
  const { children } = element;
  const right =
    children.length === names.length &&
    children.every(({ local, namespace }, index) => namespace === dsig && local === names[index]);
  if (!right) throw shape(`${element.local} of ${names.join(', ')}`, children.map(({ local }) => local).join(', '));
  if (/[^ \t\n]/.test(element.text)) throw shape(`${element.local} without text`);
  // Checked just above, name by name.
  return children as { readonly [Index in keyof Names]: XmlElement } & readonly XmlElement[];
}

function requireExact({ local, attributes }: XmlElement, expected: ReadonlyMap<string, string>): void {
  const exact =
    attributes.size === expected.size && [...expected].every(([key, value]) => attributes.get(key) === value);
  if (!exact) {
    throw shape(
      `${local} with ${[...expected].map(([key, value]) => `${key}="${value}"`).join(' ') || 'no attributes'}`,
      [...attributes].map(([key, value]) => `${key}="${value}"`).join(' '),
    );
  }
}

function requireAlgorithm(element: XmlElement, algorithm: string): void {
  requireExact(element, new Map([['Algorithm', algorithm]]));
  if (element.children.length > 0 || /[^ \t\n]/.test(element.text)) throw shape(`${element.local} without contents`);
}

function decodeBase64({ local, attributes, children, text }: XmlElement): Bytes {
  const compact = text.replaceAll(/[ \t\n]/g, '');
  const bytes = Buffer.from(compact, 'base64');
  if (attributes.size > 0 || children.length > 0 || bytes.byteLength === 0 || bytes.toString('base64') !== compact) {
    throw shape(`canonical base64 in ${local}`);
  }
  return copyBytes(bytes);
}

function shape(expected: string, got?: string): WardroundError {
  return new WardroundError('xml-signature-shape', 'not the one form of signature that is accepted', {
    expected,
    ...(got === undefined ? {} : { got }),
    action: 'stop',
  });
}

/**
 * Verifies digest and signature with `key` (P-384) and returns what was signed: the document without its signature, read anew from
 * the canonical text that was digested.
 * @throws WardroundError `xml-signature`
 */
export function verifyXmlSignature(signature: XmlSignature, key: KeyObject, limits: XmlLimits): XmlElement {
  const [signed, ...more] = signedReferences(signature, key);
  if (signed === undefined || more.length > 0) throw refused('not exactly one signed reference');
  const { root } = readXml(utf8(signed), limits);
  if (descendants(root).some(({ local }) => signatureNames.has(local))) throw refused('a signature that is left over');
  return root;
}

function signedReferences({ document, text }: XmlSignature, key: KeyObject): readonly string[] {
  const verifier = new SignedXml({ publicCert: key });
  // Only these: no other algorithm can be named by the document, whatever the library knows.
  const enveloped = verifier.CanonicalizationAlgorithms[xmlAlgorithms.enveloped];
  if (enveloped === undefined) throw refused('a library without the enveloped-signature transform');
  verifier.CanonicalizationAlgorithms = {
    [xmlAlgorithms.c14n11]: WholeDocumentC14n11,
    [xmlAlgorithms.enveloped]: enveloped,
  };
  verifier.HashAlgorithms = { [xmlAlgorithms.sha384]: Sha384 };
  verifier.SignatureAlgorithms = { [xmlAlgorithms.ecdsaSha384]: EcdsaSha384 };
  try {
    verifier.loadSignature(text);
    if (!verifier.checkSignature(document.text)) throw refused('a digest that does not match');
    return verifier.getSignedReferences();
  } catch (cause) {
    if (cause instanceof WardroundError) throw cause;
    throw refused('a signature that does not verify', cause);
  }
}

function refused(got: string, cause?: unknown): WardroundError {
  return new WardroundError('xml-signature', 'the signature over the document does not verify', {
    got,
    cause,
    action: 'stop',
  });
}

/**
 * C14N 1.1 differs from inclusive C14N 1.0 only in attributes of the prefix `xml` that a subset of a document inherits (xml:id,
 * xml:base; W3C xml-c14n11, section 2.4). Our reader refuses any such attribute, so the bytes are the same.
 */
class WholeDocumentC14n11 extends C14nCanonicalization {
  // The library types its names as strings; this overrides one of them.
  override getAlgorithmName(): ReturnType<C14nCanonicalization['getAlgorithmName']> {
    return xmlAlgorithms.c14n11;
  }
}

class Sha384 {
  getAlgorithmName(): string {
    return xmlAlgorithms.sha384;
  }

  getHash(xml: string): string {
    return Buffer.from(sha384(utf8(xml))).toString('base64');
  }
}

/** r ‖ s, 48 bytes each (RFC 4050, section 3.3; xmldsig-core1, section 6.4.3), never DER. */
class EcdsaSha384 {
  getAlgorithmName(): string {
    return xmlAlgorithms.ecdsaSha384;
  }

  getSignature(): string {
    throw new Error('this verifies only');
  }

  verifySignature(material: string, key: KeyLike, signatureValue: string): boolean {
    if (typeof key === 'string' || Buffer.isBuffer(key) || !('asymmetricKeyType' in key)) return false;
    const signature = Buffer.from(signatureValue.replaceAll(/[ \t\n]/g, ''), 'base64');
    return verify('sha384', utf8(material), { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
}
