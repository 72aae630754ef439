import type { Attributes, Names, ScopeShape } from '../../src/plan/template.ts';

const db: readonly Attributes[] = [
  { name: 'db-0', index: 0, hostname: 'h0', port: '50', publicIp: null },
  { name: 'db-1', index: 1, hostname: 'h1', port: '51', publicIp: null },
];

/** A scope with a service of two machines and one of none. */
export const scope = {
  inputs: { count: 3, flag: true, zero: 0, empty: '', html: '<a&"b\'>', quoted: "it's $HOME", nul: 'a\0b' },
  deployment: { name: 'prod' },
  self: { name: 'web-1', index: 1, publicIp: null },
  machines(service: string): readonly Attributes[] | undefined {
    return service === 'db' ? db : service === 'none' ? [] : undefined;
  },
};

const attributes: Names = {
  known: ['name', 'index', 'hostname', 'port', 'publicIp'],
  refused: { token: 'it is reported later' },
};

/** The shape to which `scope` conforms. */
export const shape: ScopeShape = {
  inputs: Object.keys(scope.inputs),
  deployment: true,
  self: { known: Object.keys(scope.self), refused: {} },
  services: {
    db: { kind: 'available', attributes },
    none: { kind: 'available', attributes },
    late: { kind: 'refused', why: 'service "late" is of a later level' },
  },
};
