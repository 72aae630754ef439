import type { Reading } from './fields.ts';
import { readDuration, readTemplate, readWhole } from './fields.ts';
import type { Node } from './node.ts';
import { child, itemsOf, scalarOf } from './node.ts';
import type { Check, CheckLimits } from './plan.ts';
import { quoted } from './problems.ts';
import { readScript } from './read-script.ts';
import { problemAt } from './text-file.ts';
import { literal } from './template.ts';

const INTERVAL = 2_000;
const TRY_TIMEOUT = 10_000;
const STATUS = [[200, 399]] as const;

/** Reads `verify`. `limit`: the service's `timeouts.verify`, in milliseconds. */
export function readChecks(reading: Reading, node: Node | undefined, limit: number): readonly Check[] {
  if (node === undefined) return [];
  return (node.kind === 'list' ? node.items : [node]).flatMap(
    (check) => readCheck(reading, check, limit) ?? [],
  );
}

function readCheck(reading: Reading, node: Node, limit: number): Check | null {
  const host = readTemplate(reading, child(node, 'host'));
  const tcp = child(node, 'tcp');
  const http = child(node, 'http');
  if (tcp !== undefined) {
    const port = readTemplate(reading, tcp);
    return port === null
      ? null
      : { kind: 'tcp', host, port, ...readLimits(reading, node, limit, TRY_TIMEOUT) };
  }
  if (http !== undefined) {
    const port = readTemplate(reading, child(http, 'port'));
    const path = readTemplate(reading, child(http, 'path')) ?? literal('/');
    const limits = readLimits(reading, node, limit, TRY_TIMEOUT);
    return port === null
      ? null
      : { kind: 'http', host, port, path, status: readStatus(reading, child(http, 'status')), ...limits };
  }
  const limits = readLimits(reading, node, limit, limit);
  const script = readScript(reading, node, { timeout: limits.timeout, attempts: Infinity });
  if (script === null) return null;
  const fatalExitCodes = itemsOf(child(node, 'fatalExitCodes')).flatMap((code) => {
    const value = scalarOf(code)?.value;
    return typeof value === 'number' ? [value] : [];
  });
  return { kind: 'script', script: { ...script, timeout: limits.timeout }, fatalExitCodes, ...limits };
}

function readLimits(reading: Reading, node: Node, limit: number, tryDefault: number): CheckLimits {
  const timeout = Math.min(readDuration(reading, child(node, 'timeout')) ?? limit, limit);
  return {
    interval: readDuration(reading, child(node, 'interval')) ?? INTERVAL,
    tryTimeout: Math.min(readDuration(reading, child(node, 'tryTimeout')) ?? tryDefault, timeout),
    timeout,
    successes: readWhole(reading, child(node, 'successes'), { min: 1, max: Infinity }) ?? 1,
  };
}

function readStatus(reading: Reading, node: Node | undefined): readonly (readonly [number, number])[] {
  if (node === undefined) return STATUS;
  return (node.kind === 'list' ? node.items : [node]).flatMap((item) => {
    const text = scalarOf(item)?.text ?? '';
    const [, from, to] = /^(\d{3})(?:-(\d{3}))?$/.exec(text) ?? [];
    if (from === undefined) return [];
    if (Number(to ?? from) < Number(from))
      reading.problems.push(
        problemAt(item.place, `Cannot use status ${quoted(text)}: ${from} is more than ${to ?? from}`),
      );
    return [[Number(from), Number(to ?? from)] as const];
  });
}
