import { quote } from './shell-text.ts';

/** What the programs of the script runner call their variables; a caller's own of such a name is given back. */
const PROGRAM_VARIABLE = /^[a-z]\w*$/;

/**
 * The environment of commands that run as processes of this computer: the caller's own, and two variables for the
 * programs of the script runner, which no script sees. `PLAN_HOME`: the directory that stands for the home wherever they
 * keep their files. `PLAN_RESTORE`: commands that give a script what the programs change of the caller's environment.
 */
export function processEnvironment(
  caller: Readonly<Record<string, string | undefined>>,
  directory: string,
): Readonly<Record<string, string>> {
  const own = Object.entries(callersEnvironment(caller));
  const home = caller['HOME'];
  const restored = own.filter(([name]) => PROGRAM_VARIABLE.test(name));
  return {
    ...Object.fromEntries(own),
    PLAN_HOME: directory,
    PLAN_RESTORE: [
      home === undefined ? 'unset HOME' : `HOME=${quote(home)}`,
      ...restored.map(([name, value]) => `${name}=${quote(value)}`),
      'unset PLAN_HOME PLAN_RESTORE',
    ].join('\n'),
  };
}

/** The variables that are set. */
export function callersEnvironment(
  caller: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(caller).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
