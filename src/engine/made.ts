import { createHash } from 'node:crypto';
import type { Parts } from '../machine.ts';
import type { Check, Script, Service } from '../plan/plan.ts';
import type { Scope } from '../plan/template.ts';
import { render } from '../plan/template.ts';
import type { LaunchRequest } from '../providers/provider.ts';
import { filesOf } from './perform/script-input.ts';

/** A keyed digest: the same for the same text, and nobody without the state's key can try texts out. */
export type Fingerprint = (text: string) => string;

/**
 * What a bootstrap is performed with, part by part: script, user, arguments, environment, files, outputs. Not
 * timeouts, attempts or `PLAN_*`. Throws `TemplateError`.
 */
export function bootstrapParts(service: Service, scope: Scope, print: Fingerprint): Parts {
  const { bootstrap, outputs } = service;
  const parts: Record<string, string> = { user: print(service.user ?? '') };
  addEnv(parts, 'env', service.env, scope, print);
  if (bootstrap !== null) addScript(parts, bootstrap, scope, print);
  for (const { path, mode, bytes } of filesOf(service, scope))
    parts[`file ${path}`] = print(`${mode} ${sha256(bytes)}`);
  for (const [name, { sensitive, value }] of Object.entries(outputs))
    parts[`output ${name}`] = print(`${sensitive} ${value === null ? '' : `=${render(value, scope)}`}`);
  return parts;
}

/** What a verify is performed with; not its intervals and timeouts. Throws `TemplateError`. */
export function verifyParts(service: Service, scope: Scope, print: Fingerprint): Parts {
  const parts: Record<string, string> = {};
  if (service.verify.some(({ kind }) => kind === 'script')) addEnv(parts, 'env', service.env, scope, print);
  for (const [i, check] of service.verify.entries())
    parts[nameOf(check, i)] = print(describe(check, scope, print));
  return parts;
}

/** What a machine is launched with; labels apart, because they can be changed on a machine that runs. */
export function launchParts({ image, options }: LaunchRequest, provider: unknown, print: Fingerprint): Parts {
  return {
    image: print(image ?? ''),
    options: print(JSON.stringify(options)),
    provider: print(JSON.stringify(provider)),
  };
}

function nameOf(check: Check, index: number): string {
  return check.kind === 'script' ? `check ${check.script.label}` : `check ${check.kind} ${index}`;
}

function describe(check: Check, scope: Scope, print: Fingerprint): string {
  const { successes } = check;
  switch (check.kind) {
    case 'script': {
      const parts: Record<string, string> = {};
      addScript(parts, check.script, scope, print);
      return JSON.stringify([successes, check.fatalExitCodes, parts]);
    }
    case 'tcp':
      return JSON.stringify([successes, check.host && render(check.host, scope), render(check.port, scope)]);
    case 'http': {
      const { host, port, path, status } = check;
      return JSON.stringify([
        successes,
        host && render(host, scope),
        render(port, scope),
        render(path, scope),
        status,
      ]);
    }
  }
}

function addScript(parts: Record<string, string>, script: Script, scope: Scope, print: Fingerprint): void {
  parts['script'] = print(`${script.user ?? ''} ${script.main} ${contentOf(script)}`);
  if (script.args.length > 0)
    parts['args'] = print(JSON.stringify(script.args.map((arg) => render(arg, scope))));
  addEnv(parts, 'script env', script.env, scope, print);
}

function addEnv(
  parts: Record<string, string>,
  kind: string,
  env: Service['env'],
  scope: Scope,
  print: Fingerprint,
): void {
  for (const [name, template] of Object.entries(env))
    parts[`${kind} ${name}`] = print(render(template, scope));
}

const contents = new WeakMap<Script, string>();

function contentOf(script: Script): string {
  const known = contents.get(script);
  if (known !== undefined) return known;
  const digest = sha256(
    JSON.stringify(script.entries.map(({ path, mode, bytes }) => [path, mode & 0o111, sha256(bytes)])),
  );
  contents.set(script, digest);
  return digest;
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}
