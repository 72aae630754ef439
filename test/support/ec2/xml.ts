/** A list becomes `<item>` elements; what is null or undefined is left out. */
export type XmlValue =
  string | number | boolean | null | undefined | readonly XmlValue[] | { readonly [name: string]: XmlValue };

const NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/';

export function answerXml(
  action: string,
  requestId: string,
  content: Readonly<Record<string, XmlValue>>,
): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="${NAMESPACE}">` +
    `<requestId>${requestId}</requestId>${inner(content)}</${action}Response>`
  );
}

export function errorXml(code: string, message: string, requestId: string): string {
  const error = inner({ Error: { Code: code, Message: message } });
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors>${error}</Errors>` +
    `<RequestID>${requestId}</RequestID></Response>`
  );
}

function inner(value: XmlValue): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return escapeXml(value);
  if (typeof value !== 'object') return String(value);
  let text = '';
  if (isList(value)) {
    for (const item of value) text += `<item>${inner(item)}</item>`;
    return text;
  }
  for (const name in value) {
    const part = value[name];
    if (part === null || part === undefined) continue;
    text += `<${name}>${inner(part)}</${name}>`;
  }
  return text;
}

function isList(value: object): value is readonly XmlValue[] {
  return Array.isArray(value);
}

const SPECIAL = /[&<>"\r]/;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

function escapeXml(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[&<>"\r]/g, (one) => ENTITIES[one] ?? one) : text;
}
