/** The fewest machines with numbers one after the other that are written as a range. */
const RANGE = 3;

/** Terms of a selector that mean the machines of these names, of a deployment that has them. */
export function termsFor(names: readonly string[]): readonly string[] {
  const services = new Map<string, number[]>();
  for (const name of names) {
    const dash = name.lastIndexOf('-');
    const service = name.slice(0, dash);
    const indexes = services.get(service) ?? [];
    services.set(service, indexes);
    indexes.push(Number(name.slice(dash + 1)));
  }
  return [...services].flatMap(([service, indexes]) =>
    runsOf(indexes).flatMap((run) => {
      const [first = 0, last = 0] = [run[0], run.at(-1)];
      if (run.length >= RANGE) return [`${service}-${first}..${last}`];
      return run.map((index) => `${service}-${index}`);
    }),
  );
}

function runsOf(indexes: readonly number[]): readonly (readonly number[])[] {
  const runs: number[][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run?.at(-1) === index - 1) run.push(index);
    else runs.push([index]);
  }
  return runs;
}
