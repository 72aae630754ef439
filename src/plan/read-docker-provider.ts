import type { Reading } from './fields.ts';
import type { Entry } from './node.ts';
import { child } from './node.ts';
import type { ProviderConfig } from './plan.ts';
import { quoted } from './problems.ts';
import { checkRendered, isGiven, readText } from './provider-fields.ts';
import { problemAt } from './text-file.ts';

const ENGINE_SHAPE = {
  shape: /^(?:unix:\/\/\/|tcp:\/\/)\S/,
  what: 'where an engine listens',
  hint: 'Write unix:///var/run/docker.sock or tcp://10.0.0.5:2376.',
};

/** Reads a configuration of the type `docker`, or of one that is not known yet. */
export function readDockerProvider(
  reading: Reading,
  { key: name, keyPlace, value }: Entry,
): ProviderConfig['options'] {
  const host = readText(reading, child(value, 'host'));
  const context = readText(reading, child(value, 'context'));
  checkRendered(reading, value, 'host', ENGINE_SHAPE);
  if (isGiven(host) && isGiven(context))
    reading.problems.push(
      problemAt(keyPlace, `Cannot use ${quoted(name)}: it has both "host" and "context"`),
    );
  return { ...(isGiven(host) && { host }), ...(isGiven(context) && { context }) };
}
