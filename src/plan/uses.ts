import type { DraftService } from './draft.ts';
import { keyOf } from './draft.ts';
import type { Node, ScalarNode } from './node.ts';
import { child, entriesOf, itemsOf, scalarOf, scalarsIn } from './node.ts';

/** Which row of the plan language's table of templates a field is in; each may use more than the one before. */
export type Where = 'plan' | 'launch' | 'ssh' | 'bootstrap' | 'verify';

/** A template in a service. `key`: the service key that it is part of. */
export interface Use {
  readonly node: ScalarNode;
  readonly where: Where;
  readonly key: string;
}

/** Every template that a service's keys hold. Fields that are no templates (`run`, names) are not among them. */
export function usesOf(service: DraftService): readonly Use[] {
  const uses: Use[] = [];
  for (const { key, value } of service.keys.entries.values()) {
    const add = (where: Where, ...nodes: readonly (Node | undefined)[]): void => {
      for (const node of nodes) {
        const scalar = scalarOf(node);
        if (scalar !== undefined) uses.push({ node: scalar, where, key });
      }
    };
    collect(key, value, add);
  }
  for (const output of service.outputs)
    if (output.value !== undefined) uses.push({ node: output.value, where: 'bootstrap', key: 'outputs' });
  return uses;
}

type Add = (where: Where, ...nodes: readonly (Node | undefined)[]) => void;

function collect(key: string, value: Node, add: Add): void {
  switch (key) {
    case 'provider': {
      add('plan', value);
      return;
    }
    case 'count':
    case 'protect':
    case 'timeouts':
    case 'attempts':
    case 'repair':
    case 'update': {
      add('plan', value, ...leaves(value));
      return;
    }
    case 'image': {
      add(child(value, 'build') === undefined ? 'launch' : 'plan', value, ...leaves(value));
      return;
    }
    case 'labels':
    case 'local':
    case 'hosts':
    case 'docker': {
      add('launch', ...scalarsIn(value));
      return;
    }
    case 'ec2': {
      for (const option of entriesOf(value)) {
        const isFile = option.key === 'userData' && option.value.kind === 'map';
        if (isFile) add('plan', child(option.value, 'file'));
        else add('launch', ...scalarsIn(option.value));
      }
      return;
    }
    case 'ssh': {
      add('ssh', ...leaves(value));
      return;
    }
    case 'env': {
      add('bootstrap', ...leaves(value));
      return;
    }
    case 'files':
      for (const file of itemsOf(value)) {
        add('plan', child(file, 'source'));
        add('bootstrap', child(file, 'content'), child(file, 'target'));
      }
      return;
    case 'bootstrap': {
      collectScript(value, 'bootstrap', add);
      return;
    }
    case 'teardown': {
      collectScript(value, 'verify', add);
      return;
    }
    case 'verify':
      for (const check of value.kind === 'list' ? value.items : [value]) collectCheck(check, add);
  }
}

function collectScript(script: Node, where: Where, add: Add): void {
  if (script.kind === 'scalar') {
    add('plan', script);
    return;
  }
  add('plan', child(script, 'script'), child(script, 'timeout'), child(script, 'attempts'));
  add(where, ...itemsOf(child(script, 'args')), ...leaves(child(script, 'env')));
}

function collectCheck(check: Node, add: Add): void {
  collectScript(check, 'verify', add);
  add('plan', ...['interval', 'tryTimeout', 'successes'].map((key) => child(check, key)));
  const http = child(check, 'http');
  add('verify', child(check, 'host'), child(check, 'tcp'), child(http, 'port'), child(http, 'path'));
}

/** The values of a map. */
function leaves(node: Node | undefined): readonly Node[] {
  return [...entriesOf(node)].map((entry) => entry.value);
}

export function teardownNeeds(service: DraftService, use: Use): boolean {
  if (['provider', 'ssh', 'local', 'teardown'].includes(use.key)) return true;
  return use.key === 'env' && keyOf(service, 'teardown') !== undefined;
}
