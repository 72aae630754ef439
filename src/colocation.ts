const PREFIX = '(colocated) ';

/** The provider of machines that share those of a service of this provider. No plan can declare one of this name. */
export function sharedProvider(provider: string): string {
  return `${PREFIX}${provider}`;
}

/** True for the provider of machines that share those of another service. */
export function isShared(provider: string): boolean {
  return provider.startsWith(PREFIX);
}

/** The provider that the plan declares: of a machine that is shared, its own. */
export function declaredProvider(provider: string): string {
  return isShared(provider) ? provider.slice(PREFIX.length) : provider;
}

/** Id of what a machine has in place of an instance: a share of the instance of another one. */
export function shareOf(
  host: string,
  { name, generation }: { readonly name: string; readonly generation: number },
): string {
  return `${host}/${name}.${generation}`;
}

/** The instance that a share is of, or the instance itself. */
export function instanceOf(id: string): string {
  return /^(.*)\/[^/]+\.\d+$/.exec(id)?.[1] ?? id;
}
