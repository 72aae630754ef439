/** What cloud-init takes user data for, by its beginning; the longer one first where one begins like another. */
const BEGINNINGS: readonly (readonly [string, string])[] = [
  ['#!', 'text/x-shellscript'],
  ['#cloud-config-archive', 'text/cloud-config-archive'],
  ['#cloud-config-jsonp', 'text/cloud-config-jsonp'],
  ['#cloud-config', 'text/cloud-config'],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['#part-handler', 'text/part-handler'],
  ['#include-once', 'text/x-include-once-url'],
  ['#include', 'text/x-include-url'],
  ['## template: jinja', 'text/jinja2'],
];

/** Its content type; `message`: it is a MIME message already; undefined: cloud-init would ignore it. */
export function userDataType(userData: string): string | undefined {
  if (isMessage(userData)) return 'message';
  const start = userData.trimStart().slice(0, 64).toLowerCase();
  return BEGINNINGS.find(([beginning]) => start.startsWith(beginning))?.[1];
}

/** Headers up to an empty line, a content type among them. */
function isMessage(userData: string): boolean {
  const [head = ''] = userData.split(/\r?\n\r?\n/, 1);
  return /^[a-z][\w-]*:[ \t]/i.test(userData) && /^content-type:[ \t]*\w+\//im.test(head);
}

const KEY = String.raw`(["']?)(?:ssh_keys|ssh_deletekeys)\1[ \t]*:`;
const UNINDENTED = new RegExp(`^${KEY}`, 'm');
const INDENTED = new RegExp(String.raw`^[\s-]*${KEY}|["']/(?:ssh_keys|ssh_deletekeys)\b`, 'm');
const IN_FLOW = new RegExp(String.raw`[{,]\s*${KEY}`);

/**
 * Whether user data of this type configures host keys of its own, which would be lost. Only for the sake of a message
 * in time: what is encoded or included is not looked into, and cannot have its way either.
 */
export function setsHostKeys(userData: string, type: string): boolean {
  switch (type) {
    case 'text/cloud-config':
    case 'text/jinja2':
      return UNINDENTED.test(userData) || (isFlow(userData) && IN_FLOW.test(userData));
    case 'message':
      return UNINDENTED.test(userData);
    case 'text/cloud-config-archive':
    case 'text/cloud-config-jsonp':
      return INDENTED.test(userData) || IN_FLOW.test(userData);
    default:
      return false;
  }
}

/** `{ … }` under the comments of the first lines. */
function isFlow(cloudConfig: string): boolean {
  return cloudConfig
    .replaceAll(/^\s*(?:#.*|---.*)?$/gm, '')
    .trimStart()
    .startsWith('{');
}
