import type { ArgumentSpec, FlagSpec } from '../command-shape.ts';

export const PLAN: ArgumentSpec = { name: 'PLAN', required: true, many: false, completes: 'files' };
export const NAME: ArgumentSpec = { name: 'NAME', required: false, many: false, completes: 'deployments' };

/** Terms of a selector; `selectorOf` reads them together with `SELECTION`. */
export const SELECTOR: ArgumentSpec = {
  name: 'SELECTOR',
  required: false,
  many: true,
  completes: 'selector',
};

export const INPUTS: readonly FlagSpec[] = [
  {
    name: 'input',
    value: 'K=V',
    repeatable: true,
    summary: 'an input of the plan; may be repeated; wins over --input-file',
  },
  {
    name: 'input-file',
    value: 'FILE',
    repeatable: true,
    completes: 'files',
    summary: 'a YAML file of inputs; may be repeated, the last one wins',
  },
];

export const FORCE_PROTECTED: FlagSpec = {
  name: 'force-protected',
  summary: 'terminate and replace machines of protected services, too',
};

/** Which machines are meant, beside the terms of a selector. */
export const SELECTION: readonly FlagSpec[] = [
  {
    name: 'label',
    short: 'l',
    value: 'EXPR',
    repeatable: true,
    summary: 'machines with these labels or attributes: key=value,key2!=x,key3 in (a,b)',
  },
  {
    name: 'state',
    value: 'STATE',
    repeatable: true,
    summary: 'machines in this state, such as failed',
  },
  {
    name: 'exclude',
    value: 'TERM',
    repeatable: true,
    completes: 'selector',
    summary: 'not these, whatever else selects them',
  },
];

/** How work on several machines is done; `paceOf` reads them. */
export const PACE: readonly FlagSpec[] = [
  { name: 'serial', summary: 'one machine after the other' },
  {
    name: 'max-unavailable',
    value: 'N',
    summary: 'most machines of a service at the same time, or a share of them, such as 25%',
  },
  { name: 'fail-fast', summary: 'begin with no other machine after a failure' },
  { name: 'timeout', value: 'DURATION', summary: 'how long it may take on each machine' },
];
