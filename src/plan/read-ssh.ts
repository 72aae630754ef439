import { dirname } from 'node:path';
import { SSH_SHAPES, isSshText } from '../ssh-options.ts';
import type { SshText } from '../ssh-options.ts';
import type { Reading } from './fields.ts';
import { readTemplate, readTemplates, renderText, showRendered } from './fields.ts';
import type { Node } from './node.ts';
import { child, scalarOf, stringOf } from './node.ts';
import type { SshOptions } from './plan.ts';
import { quoted } from './problems.ts';
import { checkSecret } from './secret-field.ts';
import { isLiteral } from './template.ts';
import { problemAt } from './text-file.ts';

/** Reads a service's `ssh`, and refuses what is wrong with it as far as inputs tell. */
export function readSsh(reading: Reading, node: Node | undefined): SshOptions {
  const { user, privateKey, password, hostKey, jump } = readTemplates(reading, node) as SshOptions;
  const written = scalarOf(child(node, 'port'));
  const port = typeof written?.value === 'number' ? written.value : readTemplate(reading, written);
  const agent = readAgent(reading, child(node, 'agent'));
  const address = stringOf(child(node, 'address'));
  const mention = child(node, 'privateKey');
  for (const key of Object.keys(SSH_SHAPES) as SshText[]) checkText(reading, key, child(node, key));
  checkSecret(reading, 'password', child(node, 'password'));
  return {
    ...(user && { user }),
    ...(port === null ? {} : { port }),
    ...(privateKey && mention && { privateKey, privateKeyDirectory: dirname(mention.place.file.path) }),
    ...(password && { password }),
    ...(agent !== undefined && { agent }),
    ...(hostKey && { hostKey }),
    ...(jump && { jump }),
    ...(address === 'public' || address === 'private' ? { address } : {}),
  };
}

/** Inputs may decide that it is true or false. */
function readAgent(reading: Reading, node: Node | undefined): SshOptions['agent'] {
  const scalar = scalarOf(node);
  if (typeof scalar?.value === 'boolean') return scalar.value;
  const text = renderText(reading, scalar)?.trim();
  if (text === 'true' || text === 'false') return text === 'true';
  return text === '' ? undefined : (readTemplate(reading, scalar) ?? undefined);
}

/** The schema knows the shape of all that is no template, `jump` excepted. */
function checkText(reading: Reading, key: SshText, node: Node | undefined): void {
  const template = readTemplate(reading, node);
  if (node === undefined || template === null || (key !== 'jump' && isLiteral(template))) return;
  const text = renderText(reading, node);
  if (text === undefined || (text === '' && isLiteral(template)) || isSshText(key, text)) return;
  const shown = quoted(showRendered(reading, node, text));
  reading.problems.push(problemAt(node.place, `Cannot use "${key}": ${shown} is not ${SSH_SHAPES[key]}`));
}
