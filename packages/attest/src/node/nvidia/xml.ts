// The XML libraries' own types bring a browser's globals into every file of the project; what is used of
// them is typed here.
import { createRequire } from 'node:module'

/** An element or document, as far as it is read here (DOM). */
export interface XmlNode {
  nodeType: number
  namespaceURI: string | null
  localName: string
  textContent: string | null
  childNodes: Iterable<XmlNode>
  documentElement: XmlNode | null
  getAttribute(name: string): string | null
  getAttributeNS(namespace: string, name: string): string | null
  getElementsByTagNameNS(
    namespace: string,
    name: string,
  ): { length: number; item(index: number): XmlNode | null }
}

interface XmlParser {
  parseFromString(text: string, type: 'text/xml'): XmlNode
}

/** XML-Signature, as xml-crypto verifies it. */
export interface XmlVerifier {
  SignatureAlgorithms: Record<string, unknown>
  HashAlgorithms: Record<string, unknown>
  CanonicalizationAlgorithms: Record<string, unknown>
  loadSignature(signature: XmlNode): void
  checkSignature(xml: string): boolean
  getReferences(): { uri?: string }[]
  /** What the references are of, canonical, once the signature was found to hold. */
  getSignedReferences(): string[]
}

const require = createRequire(import.meta.url)
const { DOMParser } = require('@xmldom/xmldom') as {
  DOMParser: new (options: { errorHandler: Record<string, (message: string) => void> }) => XmlParser
}

/** Canonical XML 1.0, and what verifies. */
export const { C14nCanonicalization, SignedXml } = require('xml-crypto') as {
  C14nCanonicalization: new () => { getAlgorithmName(): string }
  SignedXml: new (options: { publicCert: string; getCertFromKeyInfo: () => null }) => XmlVerifier
}

/** Parses a document. Throws at the first thing that isn't well-formed. */
export function parseXml(xml: string): XmlNode {
  const errors: string[] = []
  const note = (message: string) => void errors.push(message)
  const document = new DOMParser({
    errorHandler: { warning: note, error: note, fatalError: note },
  }).parseFromString(xml, 'text/xml')
  if (errors.length > 0 || !document) throw new Error(errors[0] ?? 'nothing was read')
  return document
}

/** The elements of a name, in the order of the document. */
export function elementsNamed(document: XmlNode, namespace: string, name: string): XmlNode[] {
  const found = document.getElementsByTagNameNS(namespace, name)
  return Array.from({ length: found.length }, (_, index) => found.item(index)).filter((node) => node !== null)
}

/** The element's own elements. */
export function childrenOfNode(node: XmlNode): XmlNode[] {
  return Array.from(node.childNodes as ArrayLike<XmlNode> & Iterable<XmlNode>).filter(
    ({ nodeType }) => nodeType === 1,
  )
}
