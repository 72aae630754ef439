/** Names of machines as a selector's terms, those of a service with neighbouring indexes together: `web-0..3 web-7 db-0`. */
export function ranges(names: readonly string[]): string {
  const services = new Map<string, number[]>();
  for (const name of names) {
    const at = name.lastIndexOf('-');
    const indexes = services.get(name.slice(0, at));
    const index = Number(name.slice(at + 1));
    if (indexes === undefined) services.set(name.slice(0, at), [index]);
    else indexes.push(index);
  }
  return [...services].flatMap(([service, indexes]) => rangesOf(service, indexes)).join(' ');
}

function rangesOf(service: string, indexes: readonly number[]): readonly string[] {
  const runs: { readonly from: number; to: number }[] = [];
  for (const index of indexes.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last.to + 1 === index) last.to = index;
    else runs.push({ from: index, to: index });
  }
  return runs.map(({ from, to }) => (from === to ? `${service}-${from}` : `${service}-${from}..${to}`));
}
