/**
 * A small strict XML reader for reports: elements and their attributes in document order, every tag balanced. Text is
 * skipped, document types are refused (entity bombs), and nothing outside UTF-8 text is understood.
 */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

interface XmlVisitor {
  open(element: XmlElement): void;
  close(name: string): void;
}

/** What is wrong with the document, with its line. */
export class XmlProblem extends Error {}

const NAME = /[A-Za-z_:][\w:.-]*/y;
const ATTRIBUTE = /\s+([A-Za-z_:][\w:.-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
const TAG_END = /\s*(\/?)>/y;
const CLOSING_TAG = /<\/([A-Za-z_:][\w:.-]*)\s*>/y;
const ENTITY = /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([A-Za-z]+));|&/g;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** Markup whose content is no element, and where it ends. */
const OPAQUE = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
] as const;

/** @throws XmlProblem when the document is not well-formed. */
export function walkXml(text: string, visitor: XmlVisitor): void {
  const open: string[] = [];
  let roots = 0;
  let at = 0;
  for (;;) {
    const tag = text.indexOf('<', at);
    const between = text.slice(at, tag < 0 ? text.length : tag);
    if (open.length === 0 && between.replace(/^\uFEFF/, '').trim() !== '')
      throw problemAt(text, at, 'text outside the root');
    if (tag < 0) break;
    const opaque = OPAQUE.find(([start]) => text.startsWith(start, tag));
    if (opaque !== undefined) {
      at = skipOpaque(text, tag, opaque);
      continue;
    }
    const closing = matchAt(CLOSING_TAG, text, tag);
    if (closing !== null) {
      const [whole, name = ''] = closing;
      const expected = open.pop();
      if (expected !== name)
        throw problemAt(text, tag, `</${name}> where ${expected ? `</${expected}>` : 'no tag'} is due`);
      visitor.close(name);
      at = tag + whole.length;
      continue;
    }
    const element = readTag(text, tag);
    if (open.length === 0) roots += 1;
    if (roots > 1) throw problemAt(text, tag, 'a second root element');
    visitor.open(element);
    if (element.isEmpty) visitor.close(element.name);
    else open.push(element.name);
    at = element.end;
  }
  if (open.length > 0) throw problemAt(text, text.length, `<${open.at(-1)}> is never closed: the report is incomplete`);
  if (roots === 0) throw problemAt(text, 0, 'no element');
}

function skipOpaque(text: string, tag: number, [start, end]: (typeof OPAQUE)[number]): number {
  const close = text.indexOf(end, tag + start.length);
  if (close < 0) throw problemAt(text, tag, `${start} is never closed: the report is incomplete`);
  return close + end.length;
}

function readTag(text: string, tag: number): XmlElement & { readonly isEmpty: boolean; readonly end: number } {
  if (text.startsWith('<!', tag)) throw problemAt(text, tag, 'a document type is not accepted');
  const name = matchAt(NAME, text, tag + 1)?.[0];
  if (name === undefined) throw problemAt(text, tag, 'a "<" that begins no tag');
  const attributes = new Map<string, string>();
  let at = tag + 1 + name.length;
  for (;;) {
    const end = matchAt(TAG_END, text, at);
    if (end !== null) return { name, attributes, isEmpty: end[1] === '/', end: at + end[0].length };
    const attribute = matchAt(ATTRIBUTE, text, at);
    if (attribute === null) throw problemAt(text, at, `an attribute of <${name}> that cannot be read`);
    const [whole, key = '', doubleQuoted, singleQuoted] = attribute;
    if (attributes.has(key)) throw problemAt(text, at, `<${name}> has the attribute ${key} twice`);
    attributes.set(key, decode(text, at, doubleQuoted ?? singleQuoted ?? ''));
    at += whole.length;
  }
}

function decode(text: string, at: number, value: string): string {
  return value.replace(ENTITY, (whole, decimal?: string, hex?: string, name?: string) => {
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    const character =
      name === undefined ? (code <= 0x10ffff ? String.fromCodePoint(code) : undefined) : ENTITIES.get(name);
    if (character === undefined) throw problemAt(text, at, `the entity ${whole} is not known`);
    return character;
  });
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function problemAt(text: string, at: number, what: string): XmlProblem {
  let line = 1;
  for (let feed = text.indexOf('\n'); feed >= 0 && feed < at; feed = text.indexOf('\n', feed + 1)) line += 1;
  return new XmlProblem(`line ${line}: ${what}`);
}
